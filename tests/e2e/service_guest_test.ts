// The service and the Debian package under a real systemd in a qemu virtual machine. It takes about
// seven minutes, so it runs only if a directory for the machine's disk is given: CGWATCH_GUEST=/var/tmp/guest
// CGWATCH_BIN=$PWD/dist/cgwatch scripts/test tests/e2e/service_guest_test.ts

import { assert } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { certificate, HAS_OPENSSL } from "./_certificate.ts";
import { packVersion } from "./_package.ts";

const GUEST = Deno.env.get("CGWATCH_GUEST") ?? "";
const BIN = Deno.env.get("CGWATCH_BIN") ?? "";
const SCRIPT = fromFileUrl(new URL("_guest.sh", import.meta.url));
const JOB = fromFileUrl(new URL("_guest_job.sh", import.meta.url));
const SCRIPTS = fromFileUrl(new URL("../../scripts", import.meta.url));

async function run(
  program: string,
  args: string[],
): Promise<{ success: boolean; text: string }> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
  } catch (error) {
    return { success: false, text: String(error) };
  }
}

async function whyNot(): Promise<string | undefined> {
  if (GUEST === "") return "CGWATCH_GUEST names no place for a guest";
  if (BIN === "") return "CGWATCH_BIN names no binary";
  for (
    const program of ["qemu-system-x86_64", "mmdebstrap", "mke2fs", "dpkg-deb"]
  ) {
    if (!(await run("sh", ["-c", `command -v ${program}`])).success) {
      return `${program} is not installed`;
    }
  }
  return undefined;
}

const reason = await whyNot();

Deno.test({
  name:
    "scripts/install and the package create a service that reports OOM kills, restarts, upgrades, rotates tokens and is removed completely" +
    (reason === undefined ? "" : `, skipped: ${reason}`),
  ignore: reason !== undefined,
  async fn() {
    const built = await run(SCRIPT, ["build", GUEST]);
    assert(built.success, built.text);
    const directory = await Deno.makeTempDir();
    try {
      const job = join(directory, "job");
      await Deno.mkdir(job);
      await Deno.copyFile(BIN, join(job, "cgwatch"));
      await Deno.copyFile(JOB, join(job, "job.sh"));
      if (HAS_OPENSSL) await certificate(job);
      const copied = await run("cp", ["-r", SCRIPTS, join(job, "scripts")]);
      assert(copied.success, copied.text);
      for (
        const [age, version] of [["old", "0.1.0"], ["new", "0.1.1"]] as const
      ) {
        const comment = `of the ${age} version`;
        await Deno.rename(
          await packVersion(directory, { bin: BIN, version, comment }),
          join(job, `${age}.deb`),
        );
      }
      const log = join(directory, "serial.log");
      const { success } = await run(SCRIPT, ["run", GUEST, job, log]);
      assert(success, await Deno.readTextFile(log));
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
