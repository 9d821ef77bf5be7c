import { assertEquals, assertMatch } from "@std/assert";
import { AGENT, AgentProcess } from "./_agent.ts";

async function run(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(AGENT, {
    args,
    cwd: "/",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

Deno.test("agent is ready, in the process that was started", async () => {
  const agent = await AgentProcess.start(["--event-log=none", "--kmsg=none"]);
  try {
    const command = await Deno.readTextFile(`/proc/${agent.pid}/cmdline`);
    assertMatch(command, /deno|cgwatch/);
    assertEquals(command.startsWith("bash"), false);
    const ready = await fetch(`${agent.url}/readyz`);
    assertEquals(ready.status, 200);
    await ready.body?.cancel();
  } finally {
    assertEquals((await agent.stop("SIGINT")).code, 0);
  }
});

Deno.test("version and help are written to stdout with exit status 0", async () => {
  assertMatch((await run("--version")).stdout, /^cgwatch \d+\.\d+\.\d+\n$/);
  assertEquals((await run("version")).code, 0);
  const help = await run("--help");
  assertEquals(help.code, 0);
  assertEquals(help.stderr, "");
  assertMatch(help.stdout, /--event-log /);
});

Deno.test("invalid usage exits 2 with the error and the expected format", async () => {
  for (
    const [arg, message] of [
      ["--lisen=x", /"--lisen".*--listen/],
      ["--storage-duration=5", /"5".*10s/],
      ["--event-storage-age-limit=oom=never", /never/],
      ["--listen=nowhere", /nowhere/],
      ["frobnicate", /"frobnicate".*serve/],
    ] as const
  ) {
    const { code, stdout, stderr } = await run(arg);
    assertEquals(code, 2, stderr);
    assertEquals(stdout, "");
    assertMatch(stderr, message);
  }
});

Deno.test("an unavailable address exits 1 with the reason", async () => {
  const { code, stderr } = await run(
    "--listen=192.0.2.1:1",
    "--event-log=none",
  );
  assertEquals(code, 1);
  assertMatch(stderr, /192\.0\.2\.1:1/);
});
