import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { FakeEngine } from "../_support/fake_engine.ts";
import { AGENT, AgentProcess, until } from "./_agent.ts";

/**
 * UID of a user without permissions; the agent runs as this user, so that
 * directories can be inaccessible.
 */
const USER = "65534";
const AS_USER = ["setpriv", `--reuid=${USER}`, "--clear-groups"];

async function canBecomeUser(): Promise<boolean> {
  try {
    const [command = "", ...args] = [...AS_USER, AGENT, "--version"];
    const { success } = await new Deno.Command(command, {
      args,
      env: { HOME: "/nonexistent", DENO_DIR: await Deno.makeTempDir() },
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

/** Creates a directory that resembles a host with cgroups, readable by all users. */
async function makeHost(): Promise<[root: string, cgroups: string]> {
  const root = await Deno.makeTempDir();
  const cgroups = `${root}/sys/fs/cgroup`;
  await Deno.mkdir(`${cgroups}/a/b`, { recursive: true });
  await Deno.writeTextFile(`${cgroups}/cgroup.controllers`, "cpu memory\n");
  await Deno.chmod(root, 0o755);
  return [root, cgroups];
}

async function detailOf(agent: AgentProcess): Promise<string> {
  const { sources } = await agent.json("/readyz");
  const { state, detail } = sources.find((source: { name: string }) =>
    source.name === "cgroups"
  );
  return `${state}: ${detail}`;
}

async function assertFollows(
  agent: AgentProcess,
  cgroups: string,
  name: string,
): Promise<void> {
  const isThere = async () => (await agent.names(name)).includes(name);
  await Deno.mkdir(cgroups + name);
  assert(await until(isThere), `${name} is not found`);
  await Deno.remove(cgroups + name);
  assert(await until(async () => !await isThere()), `${name} stays`);
}

const ARGS = ["--event-log=none", "--kmsg=none"];

Deno.test({
  name:
    "agent without root watches all cgroups except an inaccessible one, which readyz names",
  ignore: !await canBecomeUser(),
  async fn() {
    const [root, cgroups] = await makeHost();
    await Deno.mkdir(`${cgroups}/a/closed/below`, { recursive: true });
    await Deno.chmod(`${cgroups}/a/closed`, 0o700);
    const agent = await AgentProcess.start(
      [...ARGS, `--root=${root}`],
      { HOME: "/nonexistent", DENO_DIR: await Deno.makeTempDir() },
      [...AS_USER, AGENT],
    );
    try {
      const detail = await detailOf(agent);
      assertStringIncludes(detail, "degraded");
      assertStringIncludes(detail, `${cgroups}/a/closed/"`);
      assertStringIncludes(detail, "ermission denied");
      for (const name of ["/x", "/a/x", "/a/b/x"]) {
        await assertFollows(agent, cgroups, name);
      }
      assertEquals(
        await agent.names("/"),
        ["/", "/a", "/a/b", "/a/closed"],
      );
    } finally {
      assertEquals((await agent.stop()).code, 0, agent.stderr);
      await Deno.remove(root, { recursive: true });
    }
  },
});

Deno.test("agent watches all cgroups except one whose path is too long, which readyz names", async () => {
  const [root, cgroups] = await makeHost();
  // System calls accept paths of up to 4,096 bytes only, but a rename can create a longer one.
  const [upper, lower] = [`${cgroups}/a`, `${root}/lower`].map((path) =>
    path + `/${"0".repeat(200)}`.repeat(12)
  );
  for (const path of [upper, lower]) {
    await Deno.mkdir(path as string, { recursive: true });
  }
  await Deno.rename(`${root}/lower`, `${upper}/lower`);
  const agent = await AgentProcess.start([...ARGS, `--root=${root}`]);
  try {
    const detail = await detailOf(agent);
    assertStringIncludes(detail, "degraded");
    assertStringIncludes(detail, `${cgroups}/a/000`);
    for (const name of ["/x", "/a/x", "/a/b/x"]) {
      await assertFollows(agent, cgroups, name);
    }
  } finally {
    assertEquals((await agent.stop()).code, 0, agent.stderr);
    await new Deno.Command("rm", { args: ["-rf", root] }).output();
  }
});

Deno.test({
  name:
    "agent without permission for the socket of an engine reports it as off, and connects after it is permitted",
  ignore: !await canBecomeUser(),
  async fn() {
    await using engine = FakeEngine.start();
    await Deno.chmod(engine.socketPath.replace(/\/[^/]+$/, ""), 0o755);
    await Deno.chmod(engine.socketPath, 0o600);
    const agent = await AgentProcess.start(
      [...ARGS, `--docker=unix://${engine.socketPath}`],
      { HOME: "/nonexistent", DENO_DIR: await Deno.makeTempDir() },
      [...AS_USER, AGENT],
    );
    try {
      const docker = async () => {
        const { sources } = await agent.json("/readyz");
        return sources.find(({ name }: { name: string }) => name === "docker");
      };
      const isDenied = async () => (await docker()).detail.includes("no perm");
      assert(await until(isDenied), agent.stderr);
      assertEquals(await docker(), {
        name: "docker",
        state: "off",
        detail:
          `no permission for the socket ${engine.socketPath}: names come from the runtime's files`,
      });
      const metrics = await (await fetch(`${agent.url}/metrics`)).text();
      assert(!metrics.includes('cgwatch_source_up{source="docker"}'));
      await Deno.chmod(engine.socketPath, 0o666);
      assert(await until(async () => (await docker()).state === "ok"));
    } finally {
      assertEquals((await agent.stop()).code, 0, agent.stderr);
    }
  },
});
