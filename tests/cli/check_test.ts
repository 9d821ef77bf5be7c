import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { fixOfRoot, placeOf } from "../../lib/cli/check.ts";
import { HostFs } from "../../lib/kernfs/host_fs.ts";

const OVERLAY = "22 1 0:30 / / rw,relatime - overlay overlay rw,lowerdir=/l\n";
const UNIT = "/etc/systemd/system/cgwatch.service";
const PACKAGE_UNIT = "/usr/lib/systemd/system/cgwatch.service";

async function withFiles(
  files: Readonly<Record<string, string>>,
  run: (fs: HostFs) => void,
): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(join(root, path, ".."), { recursive: true });
      await Deno.writeTextFile(join(root, path), text);
    }
    run(new HostFs({ root }));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("placeOf() returns where the process runs, also with --root on a bare host", async () => {
  for (
    const [files, env, isOtherRoot, place] of [
      [{}, {}, false, "shell"],
      [{}, {}, true, "shell"],
      [{ [UNIT]: "" }, {}, true, "service"],
      [{ [PACKAGE_UNIT]: "" }, {}, false, "service"],
      [{ "/.dockerenv": "" }, {}, false, "container"],
      [{ "/run/.containerenv": "" }, {}, false, "container"],
      [{}, { KUBERNETES_SERVICE_HOST: "10.0.0.1" }, false, "container"],
      [{}, { container: "podman" }, false, "container"],
      [{ "/proc/self/mountinfo": OVERLAY }, {}, true, "container"],
      [{ "/proc/self/mountinfo": OVERLAY }, {}, false, "shell"],
    ] as const
  ) {
    await withFiles(files, (fs) => {
      const values: Readonly<Record<string, string>> = env;
      assertEquals(
        placeOf({ env: (name) => values[name], fs, isOtherRoot }),
        place,
      );
    });
  }
});

Deno.test("fixOfRoot() returns a fix for a directory that is not a host's root", async () => {
  const fs = new HostFs({ root: "/none" });
  assertStringIncludes(fixOfRoot(fs, "shell") ?? "", "--root=/,");
  assertStringIncludes(fixOfRoot(fs, "container") ?? "", "--root=/rootfs");
  assertEquals(fixOfRoot(new HostFs(), "shell"), undefined);
  await withFiles({ "/proc/uptime": "1.00 1.00\n" }, (host) => {
    assertEquals(fixOfRoot(host, "shell"), undefined);
  });
});
