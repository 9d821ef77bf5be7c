import { assertEquals } from "@std/assert";
import { parseMountinfo } from "../../../lib/kernfs/proc/mountinfo.ts";
import { readRecorded } from "../../_support/recorded_tree.ts";

Deno.test("parseMountinfo() parses each recorded line", () => {
  for (
    const file of [
      "6.1-v2-mountinfo.txt",
      "6.1-v1-legacy-mountinfo.txt",
      "6.18-hybrid-mountinfo.txt",
    ]
  ) {
    const text = readRecorded("proc", file);
    assertEquals(parseMountinfo(text).length, text.trim().split("\n").length);
  }
});

Deno.test("parseMountinfo() reads the mount of cgroup v2", () => {
  const mounts = parseMountinfo(readRecorded("proc", "6.1-v2-mountinfo.txt"));
  assertEquals(mounts.filter(({ fsType }) => fsType === "cgroup2"), [{
    root: "/",
    mountPoint: "/sys/fs/cgroup",
    fsType: "cgroup2",
    source: "cgroup2",
    major: 0,
    minor: 26,
    superOptions: ["rw", "nsdelegate", "memory_recursiveprot"],
  }]);
});

Deno.test("parseMountinfo() reads v1 controllers from the file system's options", () => {
  const text = readRecorded("proc", "6.1-v1-legacy-mountinfo.txt");
  const mount = parseMountinfo(text).find(({ mountPoint }) =>
    mountPoint === "/sys/fs/cgroup/cpu,cpuacct"
  );
  assertEquals(mount?.fsType, "cgroup");
  assertEquals(mount?.superOptions, ["rw", "cpu", "cpuacct"]);
});

Deno.test("parseMountinfo() accepts no, one and several optional fields", () => {
  const mounts = parseMountinfo([
    "1 0 0:1 / /a rw - tmpfs tmpfs rw",
    "2 0 0:2 / /b rw shared:7 - tmpfs tmpfs rw",
    "3 0 0:3 / /c rw shared:7 master:1 propagate_from:2 - tmpfs tmpfs rw",
  ].join("\n"));
  assertEquals(mounts.map(({ mountPoint }) => mountPoint), ["/a", "/b", "/c"]);
});

Deno.test("parseMountinfo() uses the first field - after the fixed ones as the separator", () => {
  const [dash, empty, overlay] = parseMountinfo([
    "31 30 0:27 / /sys/fs/cgroup/memory rw shared:10 - cgroup - rw,memory",
    "32 30 0:28 / /mnt/- rw - tmpfs  rw",
    "33 30 0:29 / / rw - overlay overlay rw,upperdir=/a\\054b/diff\\0401",
  ].join("\n"));
  assertEquals(dash?.fsType, "cgroup");
  assertEquals(dash?.source, "-");
  assertEquals(dash?.superOptions, ["rw", "memory"]);
  assertEquals(empty?.mountPoint, "/mnt/-");
  assertEquals([empty?.source, empty?.superOptions], ["", ["rw"]]);
  assertEquals(overlay?.superOptions, ["rw", "upperdir=/a,b/diff 1"]);
});

Deno.test("parseMountinfo() decodes the kernel's escapes", () => {
  const [mount] = parseMountinfo(
    "1 0 259:1 /a\\040b /mnt/tab\\011new\\012line\\134n\\043 rw - ext4 /dev/x\\040y rw\n",
  );
  assertEquals(mount?.source, "/dev/x y");
  assertEquals([mount?.major, mount?.minor], [259, 1]);
  assertEquals(mount?.root, "/a b");
  assertEquals(mount?.mountPoint, "/mnt/tab\tnew\nline\\n#");
});

Deno.test("parseMountinfo() skips invalid lines", () => {
  const mounts = parseMountinfo([
    "",
    "nonsense",
    "1 0 0:1 / /a rw tmpfs tmpfs rw",
    "1 0 0:1 /",
    "2 0 0:2 / /b rw - tmpfs",
    "3 0 0:3 / /c rw -",
  ].join("\n"));
  assertEquals(mounts.map(({ mountPoint }) => mountPoint), ["/b"]);
  assertEquals(mounts[0]?.superOptions, []);
});

Deno.test("parseMountinfo() limits the number of mounts", () => {
  const line = "1 0 0:1 / /a rw - tmpfs tmpfs rw\n";
  assertEquals(parseMountinfo(line.repeat(10_001)).length, 10_000);
});
