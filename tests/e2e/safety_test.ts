// Access control of a running agent, and operations that it must never perform.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { withTempDir } from "../_support/temp_dir.ts";
import { AGENT, AgentProcess, until } from "./_agent.ts";
import { certificate, HAS_OPENSSL } from "./_certificate.ts";
import { hasProgram } from "./_programs.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

async function status(url: string, token?: string): Promise<number> {
  const headers = token === undefined
    ? {}
    : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers });
  await response.body?.cancel();
  return response.status;
}

/** Returns exit status and stderr of an agent that must not start. */
async function failedStart(args: string[]): Promise<[number, string]> {
  const { code, stderr } = await new Deno.Command(AGENT, {
    args: ["--listen=127.0.0.1:0", "--event-log=none", ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  return [code, new TextDecoder().decode(stderr)];
}

const hasStrace = hasProgram("strace");

Deno.test("agent reloads its tokens on SIGHUP, and keeps the old ones if the file is invalid", async () => {
  await withTempDir(async (directory) => {
    const path = join(directory, "tokens");
    await Deno.writeTextFile(path, "one\ntwo\n", { mode: 0o600 });
    const agent = await AgentProcess.start([
      "--event-log=none",
      `--auth-token-file=${path}`,
    ]);
    try {
      const ready = `${agent.url}/readyz`;
      assertEquals(await status(`${agent.url}/healthz`), 200);
      assertEquals(await status(ready), 401);
      assertEquals(await status(ready, "one"), 200);
      assertEquals(await status(ready, "two"), 200);
      await Deno.writeTextFile(path, "three\n");
      agent.child.kill("SIGHUP");
      assert(await until(async () => await status(ready, "three") === 200));
      assertEquals(await status(ready, "one"), 401);
      await Deno.chmod(path, 0o644);
      agent.child.kill("SIGHUP");
      assert(await until(() => agent.stderr.includes("keeping the old ones")));
      assertEquals(await status(ready, "three"), 200);
      assert(!agent.stderr.includes("three"));
    } finally {
      await agent.stop();
    }
  });
});

Deno.test("agent does not start with secrets that are accessible to others, or invalid", async () => {
  await withTempDir(async (directory) => {
    const path = join(directory, "file");
    await Deno.writeTextFile(path, "secret\n", { mode: 0o644 });
    for (
      const [args, message] of [
        [
          [`--auth-token-file=${path}`],
          "the file is accessible to other users (mode 0644)",
        ],
        [["--auth-token-file=/none"], 'Cannot use "/none"'],
        [
          [`--tls-cert=${path}`, `--tls-key=${path}`],
          'no PEM block "BEGIN CERTIFICATE"',
        ],
        [["--tls-cert=x"], "requires --tls-key"],
        [["--config=/none"], "/none: cannot read the file"],
      ] as const
    ) {
      const [code, stderr] = await failedStart([...args]);
      assertEquals(code, 2, stderr);
      assertStringIncludes(stderr, message);
      assert(!stderr.includes("secret"), stderr);
    }
  });
});

Deno.test("agent warns of a non-loopback address without tokens", async () => {
  await withTempDir(async (directory) => {
    const path = join(directory, "tokens");
    await Deno.writeTextFile(path, "one\n", { mode: 0o600 });
    const args = ["--event-log=none", "--listen=0.0.0.0:0"];
    const warning = "Serving a non-loopback address without authentication";
    const open = await AgentProcess.start(args);
    assertEquals((await open.stop()).code, 0);
    assertStringIncludes(open.stderr, warning);
    const guarded = await AgentProcess.start([
      ...args,
      `--auth-token-file=${path}`,
    ]);
    await guarded.stop();
    assert(!guarded.stderr.includes(warning));
    const local = await AgentProcess.start(["--event-log=none"]);
    await local.stop();
    assert(!local.stderr.includes(warning));
  });
});

Deno.test({
  name: "agent with a certificate accepts only TLS" +
    (HAS_OPENSSL ? "" : ", skipped: openssl is not installed"),
  ignore: !HAS_OPENSSL,
  async fn() {
    await withTempDir(async (directory) => {
      const { cert, key } = await certificate(directory);
      const agent = await AgentProcess.start([
        "--event-log=none",
        `--tls-cert=${cert}`,
        `--tls-key=${key}`,
      ]);
      const client = Deno.createHttpClient({
        caCerts: [await Deno.readTextFile(cert)],
      });
      try {
        assertStringIncludes(agent.url, "https://127.0.0.1:");
        const { port } = new URL(agent.url);
        const url = `https://localhost:${port}/readyz`;
        const response = await fetch(url, { client });
        assertEquals((await response.json()).ready, true);
        const plain = await fetch(`http://localhost:${port}/readyz`).catch(() =>
          "refused"
        );
        assertEquals(plain, "refused");
        const untrusted = await fetch(url).catch(() => "refused");
        assertEquals(untrusted, "refused");
        assertEquals(
          (await fetch(url, { client }).then((it) => it.json())).ready,
          true,
        );
      } finally {
        client.close();
        assertEquals((await agent.stop()).code, 0);
      }
    });
  },
});

Deno.test("agent restricts the unix socket to its group from its creation", async () => {
  await withTempDir(async (directory) => {
    const path = join(directory, "s");
    const agent = await AgentProcess.start([
      "--event-log=none",
      `--listen=unix:${path}`,
    ]);
    try {
      const { mode } = await Deno.lstat(path);
      assertEquals((mode ?? 0) & 0o777, 0o660);
    } finally {
      await agent.stop();
    }
  });
});

Deno.test({
  name:
    "agent writes nothing below /sys, /proc and /dev, opens nothing of others' in /tmp, runs no program and connects to nothing" +
    (hasStrace ? "" : ", skipped: strace is not installed"),
  ignore: !hasStrace,
  async fn() {
    await withTempDir(async (directory) => {
      const trace = join(directory, "trace");
      const calls =
        "execve,bind,connect,open,openat,creat,mkdir,mkdirat,unlink,unlinkat,rename,renameat,renameat2,mknod,symlink,truncate";
      const agent = await AgentProcess.start(
        [`--event-log=${join(directory, "log")}`, "--pressure-events"],
        {},
        [
          "strace",
          "-D",
          "-f",
          "-qq",
          "-e",
          `trace=${calls}`,
          "-o",
          trace,
          AGENT,
        ],
      );
      for (
        const path of [
          "/api/v1.3/subcontainers/",
          "/api/v2.1/stats?recursive=true&max_age=0s",
          "/api/v1.3/containers/..%2f..%2fetc%2fpasswd",
          "/metrics",
        ]
      ) await (await fetch(agent.url + path)).bytes();
      const { code } = await agent.stop();
      assertEquals(code, 0);
      const lines = (await Deno.readTextFile(trace)).split("\n");
      // From source, a shell starts the agent; only later calls count.
      const start = lines.findLastIndex((line) => line.includes("execve("));
      assertStringIncludes(lines[start] ?? "", "--event-log");
      const own = lines.slice(start + 1).filter((line) => line.includes("("));
      assert(own.some((line) => line.includes("/proc/self/mountinfo")));
      const bad = own.filter((line) =>
        /\b(?:execve|connect)\(/.test(line) ||
        // Another user could create such a file first and control the agent.
        /"\/(?:tmp|var\/tmp|dev\/shm)\//.test(line) &&
          ![directory, ROOT, AGENT].some((path) => line.includes(path)) ||
        /"\/(?:sys|proc|dev)\//.test(line) &&
          (!/\bopen(?:at)?\(/.test(line) ||
            /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(line)) &&
          !line.includes('"/dev/null"')
      );
      assertEquals(bad, []);
    });
  },
});

Deno.test("agent without privileges runs, and reports what it cannot read", async () => {
  const agent = await AgentProcess.start(["--event-log=/nonexistent/log"], {}, [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    AGENT,
  ]);
  try {
    const uid = /^Uid:\t(\d+)/m.exec(
      await Deno.readTextFile(`/proc/${agent.pid}/status`),
    )?.[1];
    assertEquals(uid, "65534");
    assert((await agent.names("/")).includes("/"));
    const { ready, sources } = await agent.json("/readyz");
    assertEquals(ready, true);
    const degraded = sources.filter(({ state }: { state: string }) =>
      state === "degraded"
    ).map(({ name }: { name: string }) => name);
    assert(degraded.includes("event_log"));
    const restrict = "/proc/sys/kernel/dmesg_restrict";
    const isRestricted = (await Deno.readTextFile(restrict)).trim() === "1";
    assertEquals(degraded.includes("kmsg"), isRestricted);
    assertStringIncludes(agent.stderr, "Cannot write the event log");
  } finally {
    assertEquals((await agent.stop()).code, 0);
  }
});
