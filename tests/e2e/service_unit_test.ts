import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";

const UNIT = fromFileUrl(
  new URL("../../scripts/cgwatch.service", import.meta.url),
);
const BINARY = "/usr/local/bin/cgwatch";

async function canRun(command: string): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args: ["--version"] }).output())
      .success;
  } catch {
    return false;
  }
}

const hasSystemd = await canRun("systemd-analyze");

Deno.test({
  name: "cgwatch.service passes systemd-analyze verify" +
    (hasSystemd ? "" : ", skipped: systemd-analyze is not installed"),
  ignore: !hasSystemd,
  async fn() {
    const dir = await Deno.makeTempDir();
    try {
      // The binary is not installed here, and a missing one is a complaint.
      const text = (await Deno.readTextFile(UNIT))
        .replace(BINARY, Deno.execPath());
      const copy = join(dir, "cgwatch.service");
      await Deno.writeTextFile(copy, text);
      const { code, stderr } = await new Deno.Command("systemd-analyze", {
        args: ["verify", "--man=no", copy],
      }).output();
      const complaints = new TextDecoder().decode(stderr).split("\n")
        .filter((line) => line.includes("cgwatch"));
      assertEquals(complaints, []);
      assertEquals(code, 0);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

Deno.test("cgwatch.service grants what the agent cannot do without", async () => {
  const text = await Deno.readTextFile(UNIT);
  const lines = new Set(text.split("\n"));
  assertStringIncludes(text, `\nExecStart=${BINARY} serve `);
  // V8 writes machine code and asks for protection keys; the kernel log is a device.
  assert(lines.has("MemoryDenyWriteExecute=no"));
  assert(lines.has("SystemCallFilter=@system-service @pkey"));
  assert(lines.has("DeviceAllow=/dev/kmsg r"));
  for (const hidden of ["PrivateDevices=yes", "ProtectKernelLogs=yes"]) {
    assertEquals(lines.has(hidden), false, hidden);
  }
});
