import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { withTempDir } from "../_support/temp_dir.ts";

const SCRIPTS = fromFileUrl(new URL("../../scripts", import.meta.url));
const DEPLOY = join(SCRIPTS, "deploy");
const SECURITY = fromFileUrl(
  new URL("../../docs/security.md", import.meta.url),
);
const BINARY = "/usr/local/bin/cgwatch";
const decoder = new TextDecoder();

async function canRun(command: string): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args: ["--version"] }).output())
      .success;
  } catch {
    return false;
  }
}

const hasSystemd = await canRun("systemd-analyze");
const skipped = hasSystemd ? "" : ", skipped: systemd-analyze is not installed";

/** Returns the unit with some of its drop-ins, as one file. */
async function unit(directory: string, ...dropIns: string[]): Promise<string> {
  const names = ["cgwatch.service", ...dropIns.map((name) => `${name}.conf`)];
  const contents = await Promise.all(
    names.map((name) => Deno.readTextFile(join(DEPLOY, name))),
  );
  const path = join(directory, "cgwatch.service");
  // The binary is not installed here, and a missing one is an error.
  const text = contents.join("\n").replace(BINARY, Deno.execPath());
  await Deno.writeTextFile(path, text);
  return path;
}

async function analyze(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("systemd-analyze", {
    args,
  }).output();
  assertEquals(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout) + decoder.decode(stderr);
}

// The default installation must have an exposure of 2.5 or less.
for (
  const [limit, ...dropIns] of [
    [2.5],
    [2.5, "kmsg"],
    [2.7, "kmsg", "descriptors"],
  ] as const
) {
  const name = ["cgwatch.service", ...dropIns].join(" with ");
  Deno.test({
    name:
      `${name} passes systemd-analyze verify, with an exposure of at most ${limit}${skipped}`,
    ignore: !hasSystemd,
    async fn() {
      await withTempDir(async (directory) => {
        const path = await unit(directory, ...dropIns);
        const complaints = (await analyze("verify", "--man=no", path))
          .split("\n").filter((line) => line.includes("cgwatch"));
        assertEquals(complaints, []);
        const report = await analyze(
          "security",
          "--offline=yes",
          "--no-pager",
          path,
        );
        const exposure = /exposure level for cgwatch\.service: (\S+)/.exec(
          report,
        );
        assertLess(Number(exposure?.[1]), limit + 0.01);
        if (dropIns.join() !== "kmsg") return;
        // docs/security.md explains each remaining point of the default installation.
        const page = (await Deno.readTextFile(SECURITY))
          .replaceAll("\\|", "|");
        assert(page.includes(`**${exposure?.[1]}**`), exposure?.[1]);
        for (const [, point = ""] of report.matchAll(/^✗ (\S+)/gm)) {
          assert(page.includes(`\`${point}\``), point);
        }
      });
    },
  });
}

Deno.test("cgwatch.service grants the permissions that the agent requires", async () => {
  await withTempDir(async (directory) => {
    const text = await Deno.readTextFile(await unit(directory, "kmsg"));
    const lines = new Set(text.split("\n"));
    // V8 writes machine code and uses protection keys; the kernel log is a device.
    for (
      const line of [
        "DynamicUser=yes",
        "MemoryDenyWriteExecute=no",
        "SystemCallFilter=@system-service @pkey",
        "DeviceAllow=/dev/kmsg r",
        "CapabilityBoundingSet=CAP_SYSLOG",
        "Restart=on-failure",
        "LogsDirectory=cgwatch",
      ]
    ) assert(lines.has(line), line);
    assertMatch(text, /^MemoryMax=\d+M$/m);
    assertMatch(text, /^TasksMax=\d+$/m);
  });
});

/** Lists files and empty directories below a directory. */
async function tree(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = join(directory, name);
    if (!isDirectory) found.push(path);
    else found.push(...await tree(path));
  }
  return found.toSorted();
}

Deno.test("scripts/install installs below DESTDIR, is idempotent, keeps settings, and uninstalls", async () => {
  await withTempDir(async (directory) => {
    const image = join(directory, "image");
    const bin = join(directory, "cgwatch");
    await Deno.writeTextFile(bin, '#!/bin/sh\necho "cgwatch 1.2.3 $*"\n', {
      mode: 0o755,
    });
    const install = async (...args: string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(
        join(SCRIPTS, "install"),
        {
          args: [`--bin=${bin}`, ...args],
          env: { DESTDIR: image },
        },
      ).output();
      assertEquals(code, 0, decoder.decode(stderr));
      return decoder.decode(stdout);
    };
    assert((await install()).includes("cgwatch 1.2.3"));
    const first = await tree(image);
    assertEquals(
      first.map((path) => path.slice(image.length)),
      [
        "/etc/default/cgwatch",
        "/etc/systemd/system/cgwatch.service",
        "/etc/systemd/system/cgwatch.service.d/kmsg.conf",
        "/usr/local/bin/cgwatch",
        "/usr/local/share/bash-completion/completions/cgwatch",
        "/usr/local/share/fish/vendor_completions.d/cgwatch.fish",
        "/usr/local/share/man/man1/cgwatch.1",
        "/usr/local/share/zsh/site-functions/_cgwatch",
      ],
    );
    const { mode } = await Deno.stat(join(image, "var/log/cgwatch"));
    assertEquals((mode ?? 0) & 0o777, 0o750);
    const settings = join(image, "etc/default/cgwatch");
    await Deno.writeTextFile(settings, "CGWATCH_MAX_STREAMS=1\n");
    await install();
    assertEquals(await tree(image), first);
    assertEquals(await Deno.readTextFile(settings), "CGWATCH_MAX_STREAMS=1\n");
    await install("--with=descriptors");
    assertEquals((await tree(image)).length, first.length + 1);
    await install("--uninstall");
    await install("--uninstall");
    assertEquals(await tree(image), []);
  });
});

Deno.test("scripts/install reports missing requirements", async () => {
  for (
    const [args, status] of [[["--bin=/none"], 1], [["--what"], 2]] as const
  ) {
    const { code } = await new Deno.Command(join(SCRIPTS, "install"), {
      args: [...args],
      env: { DESTDIR: "/tmp/none" },
    }).output();
    assertEquals(code, status);
  }
});
