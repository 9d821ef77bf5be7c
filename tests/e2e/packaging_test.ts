// scripts/image and scripts/package with a small program instead of the agent; kustomize.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { exists } from "@std/fs/exists";
import { fromFileUrl } from "@std/path";
import { withTempDir } from "../_support/temp_dir.ts";
import { packVersion } from "./_package.ts";
import { hasProgram, outputOf } from "./_programs.ts";

const SCRIPTS = fromFileUrl(new URL("../../scripts", import.meta.url));

/** Whether the source is a checkout of git and not an archive. */
const IS_CHECKOUT = await exists(`${SCRIPTS}/../.git`);

/** A dynamic executable that accepts all arguments. */
const PROGRAM = "/bin/true";

/** Returns whether a program is a static executable. */
async function runsWithoutLibraries(name: string): Promise<boolean> {
  try {
    await outputOf("sh", "-c", `ldd "$(command -v ${name})"`);
    return false;
  } catch {
    return true;
  }
}

/** Returns the start of a command line that runs a program with a umask. */
function withUmask(umask = "022"): [string, ...string[]] {
  return ["sh", "-c", `umask ${umask}; exec "$@"`, "sh"];
}

/** Returns the paths of all files in a directory, sorted. */
async function filesIn(directory: string): Promise<string[]> {
  const found = await outputOf("find", directory, "-not", "-type", "d");
  return found.split("\n").filter((path) => path !== "")
    .map((path) => path.slice(directory.length)).sort();
}

async function sha256(path: string): Promise<string> {
  return (await outputOf("sha256sum", path)).slice(0, 64);
}

/** Returns a function that runs `scripts/install` with a root directory. */
function installInto(root: string): (...args: string[]) => Promise<string> {
  return (...args) =>
    outputOf(
      "env",
      `DESTDIR=${root}`,
      `${SCRIPTS}/install`,
      `--bin=${PROGRAM}`,
      ...args,
    );
}

Deno.test({
  name:
    "scripts/image creates the same image twice, also with another umask, with correct digests",
  ignore: !["ldd", "tar", "gzip"].every(hasProgram),
  async fn() {
    await withTempDir(async (directory) => {
      const [image, again] = [`${directory}/1.tar`, `${directory}/2.tar`];
      for (const [out, umask] of [[image, "022"], [again, "077"]]) {
        await outputOf(
          ...withUmask(umask),
          `${SCRIPTS}/image`,
          `--bin=${PROGRAM}`,
          `--out=${out}`,
          "--name=registry.example/test:7",
        );
      }
      assertEquals(await sha256(image), await sha256(again));
      await outputOf("tar", "-xf", image, "-C", directory);
      const json = async (path: string) =>
        JSON.parse(await Deno.readTextFile(`${directory}/${path}`));
      /** Returns the path of a blob after a check of its digest and size. */
      const blob = async (
        { digest, size }: { digest: string; size: number },
      ) => {
        const path = `blobs/${digest.replace(":", "/")}`;
        assertEquals(
          `sha256:${await sha256(`${directory}/${path}`)}`,
          digest,
        );
        assertEquals((await Deno.stat(`${directory}/${path}`)).size, size);
        return path;
      };
      const { manifests: [described] } = await json("index.json");
      assertEquals(
        described.annotations["io.containerd.image.name"],
        "registry.example/test:7",
      );
      const manifest = await json(await blob(described));
      const configPath = await blob(manifest.config);
      const config = await json(configPath);
      const files: string[] = [];
      const layers: string[] = [];
      for (const [at, layer] of manifest.layers.entries()) {
        const path = await blob(layer);
        layers.push(path);
        files.push(await outputOf("tar", "-tf", `${directory}/${path}`));
        await outputOf(
          "sh",
          "-c",
          `gzip -dc ${directory}/${path} >${directory}/plain`,
        );
        assertEquals(
          config.rootfs.diff_ids[at],
          `sha256:${await sha256(`${directory}/plain`)}`,
        );
      }
      assertMatch(files.join(""), /libc\.so\.6\n[^]*\.\/usr\/bin\/cgwatch\n/);
      // The format of `docker save`.
      assertEquals(await json("manifest.json"), [{
        Config: configPath,
        RepoTags: ["registry.example/test:7"],
        Layers: layers,
      }]);
    });
  },
});

Deno.test({
  name:
    "scripts/image adds the version as tag to a name without one, also with a port",
  ignore: !["ldd", "tar", "gzip"].every(hasProgram),
  async fn() {
    const { version } = JSON.parse(
      await Deno.readTextFile(`${SCRIPTS}/../deno.json`),
    );
    for (
      const [name, tag] of [
        ["localhost:5000/cgwatch", version],
        ["cgwatch", version],
        ["localhost:5000/cgwatch:7", "7"],
      ] as const
    ) {
      await withTempDir(async (directory) => {
        const image = `${directory}/image.tar`;
        await outputOf(
          `${SCRIPTS}/image`,
          `--bin=${PROGRAM}`,
          `--out=${image}`,
          `--name=${name}`,
        );
        await outputOf("tar", "-xf", image, "-C", directory);
        const json = async (path: string) =>
          JSON.parse(await Deno.readTextFile(`${directory}/${path}`));
        const reference = `${name.replace(/:7$/, "")}:${tag}`;
        const { manifests: [{ annotations }] } = await json("index.json");
        assertEquals(annotations, {
          "org.opencontainers.image.ref.name": tag,
          "io.containerd.image.name": reference,
        });
        const [{ RepoTags }] = await json("manifest.json");
        assertEquals(RepoTags, [reference]);
      });
    }
  },
});

Deno.test({
  name: "scripts/image rejects a name with a digest and an empty name",
  async fn() {
    for (const name of ["", "cgwatch@sha256:00", "cgwatch:", "host:1/"]) {
      await assertRejects(
        () =>
          outputOf(
            `${SCRIPTS}/image`,
            `--bin=${PROGRAM}`,
            "--out=/dev/null/image",
            `--name=${name}`,
          ),
        Error,
        "expected NAME or NAME:TAG",
      );
    }
  },
});

Deno.test({
  name:
    "scripts/package creates the same packages twice, and their settings are configuration files",
  ignore: !["dpkg-deb", "tar", "gzip"].every(hasProgram),
  async fn() {
    await withTempDir(async (directory) => {
      const [first, second] = [`${directory}/1`, `${directory}/2`];
      const sums: string[] = [];
      for (const out of [first, second]) {
        sums.push(
          await outputOf(
            `${SCRIPTS}/package`,
            `--bin=${PROGRAM}`,
            `--out=${out}`,
          ),
        );
      }
      assertEquals(sums[0], sums[1]);
      assertEquals(sums[0], await Deno.readTextFile(`${first}/SHA256SUMS`));
      const [archive = "", deb = ""] = [
        ...(sums[0] ?? "").matchAll(/ (\S+)$/gm),
      ]
        .map(([, name]) => `${first}/${name}`);
      const tree = `${directory}/tree`;
      await outputOf("dpkg-deb", "--raw-extract", deb, tree);
      assertEquals(
        await Deno.readTextFile(`${tree}/DEBIAN/conffiles`),
        "/etc/default/cgwatch\n",
      );
      for (
        const path of [
          "etc/default/cgwatch",
          "usr/bin/cgwatch",
          "usr/lib/systemd/system/cgwatch.service.d/kmsg.conf",
          "usr/share/bash-completion/completions/cgwatch",
          "usr/share/doc/cgwatch/changelog.gz",
          "usr/share/doc/cgwatch/examples/secrets.conf",
          "usr/share/man/man1/cgwatch.1.gz",
        ]
      ) {
        assert((await Deno.stat(`${tree}/${path}`)).isFile, path);
      }
      assertMatch(
        await Deno.readTextFile(
          `${tree}/usr/lib/systemd/system/cgwatch.service`,
        ),
        /^ExecStart=\/usr\/bin\/cgwatch serve/m,
      );
      for (const script of ["preinst", "postinst", "prerm", "postrm"]) {
        await outputOf("sh", "-n", `${tree}/DEBIAN/${script}`);
      }
      // The archive installs without the source.
      await outputOf("tar", "-xzf", archive, "-C", directory);
      const unpacked = `${directory}/${
        archive.split("/").at(-1)?.replace(/-[^-]+$/, "")
      }`;
      await outputOf(
        "env",
        `DESTDIR=${directory}/root`,
        `${unpacked}/scripts/install`,
        `--bin=${unpacked}/cgwatch`,
      );
      assert((await Deno.stat(`${directory}/root/etc/default/cgwatch`)).isFile);
    });
  },
});

Deno.test({
  name:
    "scripts/package packs the files of scripts/deploy that git tracks, without secrets",
  ignore: !IS_CHECKOUT ||
    !["dpkg-deb", "tar", "gzip", "git"].every(hasProgram),
  async fn() {
    await withTempDir(async (directory) => {
      const source = `${directory}/source`;
      await Deno.mkdir(source);
      const root = `${SCRIPTS}/..`;
      const copied = ["scripts", "LICENSE", "CHANGELOG.md", "deno.json"];
      for (const path of [...copied, ".gitignore"]) {
        await outputOf("cp", "-r", `${root}/${path}`, source);
      }
      const deploy = `${source}/scripts/deploy`;
      const secrets = [
        "cgwatch.token",
        "cgwatch-targets/nodes.json",
        "kubernetes/base/tokens",
        "kubernetes/base/scrape-token",
        "kubernetes/tls.key",
      ];
      await Deno.mkdir(`${deploy}/cgwatch-targets`);
      for (const path of [...secrets, "notes.txt"]) {
        await Deno.writeTextFile(`${deploy}/${path}`, "secret");
      }
      const sums = await outputOf(
        `${source}/scripts/package`,
        `--bin=${PROGRAM}`,
        `--out=${directory}/out`,
      );
      const [archive = "", deb = ""] = [...sums.matchAll(/ (\S+)$/gm)]
        .map(([, name]) => `${directory}/out/${name}`);
      await outputOf("dpkg-deb", "--extract", deb, `${directory}/deb`);
      await Deno.mkdir(`${directory}/tar`);
      await outputOf(
        "tar",
        "-xzf",
        archive,
        "-C",
        `${directory}/tar`,
        "--strip-components=1",
      );
      const tracked = (await outputOf(
        "git",
        "-C",
        `${SCRIPTS}/deploy`,
        "ls-files",
      )).trim().split("\n").map((path) => `/${path}`).sort();
      assertEquals(
        await filesIn(`${directory}/tar/scripts/deploy`),
        tracked,
        "the list in scripts/package",
      );
      assertEquals(
        await filesIn(`${directory}/deb/usr/share/doc/cgwatch/examples`),
        tracked.filter((path) =>
          !["/cgwatch.service", "/cgwatch.default"].includes(path)
        ),
      );
      await outputOf("git", "-C", source, "init", "--quiet");
      assertEquals(
        (await outputOf(
          "git",
          "-C",
          deploy,
          "check-ignore",
          ...secrets,
          "notes.txt",
        )).trim().split("\n"),
        secrets,
      );
    });
  },
});

Deno.test("scripts/install installs a binary in the working directory by its file name", async () => {
  await withTempDir(async (directory) => {
    await Deno.copyFile(PROGRAM, `${directory}/cgwatch`);
    await outputOf(
      "env",
      `--chdir=${directory}`,
      `DESTDIR=${directory}/root`,
      `${SCRIPTS}/install`,
      "--bin=cgwatch",
    );
    assertEquals(
      (await filesIn(`${directory}/root`)).filter((path) =>
        !path.startsWith("/usr/local/share/")
      ),
      [
        "/etc/default/cgwatch",
        "/etc/systemd/system/cgwatch.service",
        "/etc/systemd/system/cgwatch.service.d/kmsg.conf",
        "/usr/local/bin/cgwatch",
      ],
    );
  });
});

Deno.test("scripts/install installs files that all users can read, with any umask", async () => {
  await withTempDir(async (directory) => {
    await outputOf(
      ...withUmask("077"),
      "env",
      `DESTDIR=${directory}/root`,
      `${SCRIPTS}/install`,
      `--bin=${PROGRAM}`,
    );
    const closed = await outputOf(
      ...["find", `${directory}/root`, "-mindepth", "1", "-not", "-perm"],
      ...["-0444", "-printf", "%P\n"],
    );
    assertEquals(closed, "var/log/cgwatch\n");
  });
});

Deno.test("scripts/install does not install the drop-in again that an administrator removed, and --uninstall keeps other drop-ins", async () => {
  await withTempDir(async (root) => {
    const install = installInto(root);
    const directory = `${root}/etc/systemd/system/cgwatch.service.d`;
    const dropIns = () => filesIn(directory);
    await install("--with=secrets");
    assertEquals(await dropIns(), ["/kmsg.conf", "/secrets.conf"]);
    await Deno.writeTextFile(`${directory}/kmsg.conf`, "# older\n");
    await install();
    assertMatch(
      await Deno.readTextFile(`${directory}/kmsg.conf`),
      /CAP_SYSLOG/,
    );
    await Deno.remove(`${directory}/kmsg.conf`);
    await install();
    assertEquals(await dropIns(), ["/secrets.conf"]);
    await Deno.symlink("/dev/null", `${directory}/kmsg.conf`);
    await install();
    assertEquals(await Deno.readLink(`${directory}/kmsg.conf`), "/dev/null");
    await Deno.writeTextFile(`${directory}/own.conf`, "[Service]\n");
    await install("--uninstall");
    assertEquals(await dropIns(), ["/own.conf"]);
    await install();
    assertEquals(await dropIns(), ["/kmsg.conf", "/own.conf"]);
    await Deno.remove(`${directory}/own.conf`);
    await install("--uninstall");
    await assertRejects(() => Deno.stat(directory), Deno.errors.NotFound);
  });
});

Deno.test("scripts/install installs nothing if the binary is missing, is a directory or does not run", async () => {
  await withTempDir(async (directory) => {
    await Deno.mkdir(`${directory}/directory`);
    await Deno.writeTextFile(`${directory}/broken`, "#!/bin/false\n");
    await Deno.chmod(`${directory}/broken`, 0o755);
    for (
      const [bin, message] of [
        ["missing", 'Cannot find the binary "missing"'],
        ["directory", 'Cannot find the binary "directory"'],
        ["broken", `Cannot run the binary "${directory}/broken"`],
      ] as const
    ) {
      await assertRejects(
        () =>
          outputOf(
            "env",
            `--chdir=${directory}`,
            `DESTDIR=${directory}/root`,
            `${SCRIPTS}/install`,
            `--bin=${bin}`,
          ),
        Error,
        message,
      );
      await assertRejects(
        () => Deno.stat(`${directory}/root`),
        Deno.errors.NotFound,
      );
    }
  });
});

/** Returns the path of a package whose settings name its version. */
function packProgram(directory: string, version: string): Promise<string> {
  const comment = `of ${version}`;
  return packVersion(directory, { bin: PROGRAM, version, comment });
}

/** Creates an empty root of dpkg. */
async function createRoot(root: string): Promise<void> {
  await Deno.mkdir(`${root}/var/lib/dpkg/info`, { recursive: true });
  await Deno.mkdir(`${root}/var/lib/dpkg/updates`);
  await Deno.writeTextFile(`${root}/var/lib/dpkg/status`, "");
}

/** Returns a function that runs dpkg on a root, with the programs of the host. */
function dpkgOf(root: string, path = Deno.env.get("PATH") ?? "") {
  return (...args: string[]) =>
    outputOf(
      "env",
      `PATH=${path}`,
      "dpkg",
      `--root=${root}`,
      `--log=${root}/var/log.dpkg`,
      "--force-script-chrootless,depends,confold",
      ...args,
    );
}

const HAS_DPKG = Deno.uid() === 0 && ["dpkg", "dpkg-deb"].every(hasProgram);

Deno.test({
  name:
    "dpkg installs, upgrades with changed settings, removes and purges the package",
  ignore: !HAS_DPKG,
  async fn() {
    await withTempDir(async (directory) => {
      const root = `${directory}/root`;
      await createRoot(root);
      const dpkg = dpkgOf(root);
      const pack = (version: string) => packProgram(directory, version);
      const settings = `${root}/etc/default/cgwatch`;
      const dropIn = `${root}/etc/systemd/system/cgwatch.service.d/own.conf`;
      await dpkg("--install", await pack("1.0"));
      await Deno.writeTextFile(settings, "CGWATCH_MAX_STREAMS=3\n");
      await Deno.mkdir(dropIn.replace(/\/[^/]+$/, ""), { recursive: true });
      await Deno.writeTextFile(dropIn, "[Service]\n");
      const newer = await pack("1.1");
      // Without input, as in an unattended upgrade.
      await assertRejects(
        () => dpkg("--force-confask", "--no-force-confold", "--install", newer),
        Error,
        "conffile",
      );
      await dpkg("--install", newer);
      assertEquals(
        await Deno.readTextFile(settings),
        "CGWATCH_MAX_STREAMS=3\n",
      );
      assertMatch(await Deno.readTextFile(`${settings}.dpkg-dist`), /of 1\.1/);
      await dpkg("--remove", "cgwatch");
      assert((await Deno.stat(settings)).isFile);
      assert((await Deno.stat(dropIn)).isFile);
      const example = dropIn.replace("own", "secrets");
      await Deno.copyFile(`${SCRIPTS}/deploy/secrets.conf`, example);
      await dpkg("--purge", "cgwatch");
      const left = async () =>
        (await outputOf("find", root, "-path", "*cgwatch*", "-type", "f"))
          .trim();
      assertEquals(await left(), dropIn);
      // Without own drop-ins, their directory is removed as well.
      await dpkg("--install", newer);
      await Deno.rename(dropIn, example);
      await dpkg("--purge", "cgwatch");
      assertEquals(await outputOf("find", root, "-name", "*cgwatch*"), "");
    });
  },
});

const WANTS = "etc/systemd/system/multi-user.target.wants/cgwatch.service";

/** Creates a directory with the programs of PATH, without those of init-system-helpers. */
async function createPathWithoutHelpers(directory: string): Promise<string> {
  const path = `${directory}/programs`;
  await Deno.mkdir(path);
  for (const from of ["/usr/local/sbin", "/usr/sbin", "/usr/bin", "/bin"]) {
    await outputOf("sh", "-c", `ln -sf ${from}/* ${path}/`);
  }
  await outputOf("sh", "-c", `rm -f ${path}/deb-systemd-*`);
  return path;
}

for (const withHelper of [true, false]) {
  const helper = `${withHelper ? "with" : "without"} deb-systemd-helper`;
  Deno.test({
    name:
      `the package enables its service in a root without systemd running, ${helper}, and keeps what an administrator changes`,
    ignore: !HAS_DPKG || !hasProgram("systemctl") ||
      withHelper && !hasProgram("deb-systemd-helper"),
    async fn() {
      await withTempDir(async (directory) => {
        const programs = withHelper
          ? undefined
          : await createPathWithoutHelpers(directory);
        const [older, newer] = [
          await packProgram(directory, "1.0"),
          await packProgram(directory, "1.1"),
        ];
        // deb-systemd-helper uses systemctl only if the root has it.
        for (const hasSystemctl of [true, false]) {
          const root = `${directory}/root-${hasSystemctl}`;
          await createRoot(root);
          if (hasSystemctl) {
            await Deno.mkdir(`${root}/usr/bin`, { recursive: true });
            await Deno.copyFile("/bin/true", `${root}/usr/bin/systemctl`);
          }
          const dpkg = dpkgOf(root, programs);
          const isEnabled = () => outputOf("readlink", `${root}/${WANTS}`);
          const assertDisabled = () =>
            assertRejects(
              () => Deno.lstat(`${root}/${WANTS}`),
              Deno.errors.NotFound,
            );
          await dpkg("--install", older);
          assertMatch(await isEnabled(), /\/lib\/systemd\/system\/cgwatch\./);
          await dpkg("--install", newer);
          await isEnabled();
          await dpkg("--remove", "cgwatch");
          await dpkg("--install", newer);
          await isEnabled();
          // As `systemctl disable`.
          await Deno.remove(`${root}/${WANTS}`);
          await dpkg("--install", older);
          await assertDisabled();
          await dpkg("--remove", "cgwatch");
          await dpkg("--install", newer);
          await assertDisabled();
          await dpkg("--purge", "cgwatch");
          // As `systemctl mask`.
          const unit = `${root}/etc/systemd/system/cgwatch.service`;
          await Deno.mkdir(`${root}/etc/systemd/system`, { recursive: true });
          await Deno.symlink("/dev/null", unit);
          await dpkg("--install", older);
          await dpkg("--install", newer);
          assertEquals(await Deno.readLink(unit), "/dev/null");
          await outputOf(
            "env",
            `DESTDIR=${root}`,
            `${SCRIPTS}/install`,
            "--uninstall",
          );
          assertEquals(await Deno.readLink(unit), "/dev/null");
          await dpkg("--purge", "cgwatch");
          assertEquals(await Deno.readLink(unit), "/dev/null");
          await Deno.remove(unit);
          assertEquals(await outputOf("find", root, "-name", "*cgwatch*"), "");
        }
      });
    },
  });
}

Deno.test({
  name:
    "the package starts its service in a chroot with systemd when it is installed, also after a removal, and an upgrade restarts it",
  ignore: !HAS_DPKG || !hasProgram("busybox") || !hasProgram("ldd") ||
    // The programs of the chroot are busybox, which must be a static executable.
    !(await runsWithoutLibraries("busybox")),
  async fn() {
    await withTempDir(async (directory) => {
      const root = `${directory}/root`;
      await createRoot(root);
      await Deno.mkdir(`${root}/bin`);
      await Deno.mkdir(`${root}/run/systemd/system`, { recursive: true });
      await outputOf("sh", "-c", `cp "$(command -v busybox)" ${root}/bin/sh`);
      await Deno.symlink("sh", `${root}/bin/rm`);
      await Deno.mkdir(`${root}/dev`);
      await Deno.writeTextFile(`${root}/dev/null`, "");
      await Deno.writeTextFile(
        `${root}/bin/systemctl`,
        '#!/bin/sh\necho "$*" >>/calls\ncase $2 in is-enabled) test ! -e /disabled ;; esac\n',
        { mode: 0o755 },
      );
      const dpkg = async (...args: string[]) => {
        await Deno.writeTextFile(`${root}/calls`, "");
        await outputOf(
          "env",
          "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
          "dpkg",
          `--root=${root}`,
          `--log=${root}/var/log.dpkg`,
          "--force-depends,confold",
          ...args,
        );
        const calls = await Deno.readTextFile(`${root}/calls`);
        return calls.split("\n").filter((call) =>
          call !== "" && call !== "daemon-reload"
        );
      };
      const [older, newer] = [
        await packProgram(directory, "1.0"),
        await packProgram(directory, "1.1"),
      ];
      const enable = "--root=/ --quiet enable cgwatch.service";
      const query = "--quiet is-enabled cgwatch.service";
      const start = "start cgwatch.service";
      assertEquals(await dpkg("--install", older), [enable, query, start]);
      const upgrade = ["try-restart cgwatch.service"];
      assertEquals(await dpkg("--install", newer), upgrade);
      assertEquals(await dpkg("--install", newer), upgrade);
      assertEquals(await dpkg("--remove", "cgwatch"), ["stop cgwatch.service"]);
      assertEquals(await dpkg("--install", newer), [query, start]);
      assertEquals(await dpkg("--install", older), upgrade);
      await dpkg("--remove", "cgwatch");
      // A disabled or masked service.
      await Deno.writeTextFile(`${root}/disabled`, "");
      assertEquals(await dpkg("--install", newer), [query]);
      await dpkg("--purge", "cgwatch");
      assertEquals(await outputOf("find", root, "-name", "*cgwatch*"), "");
    });
  },
});

Deno.test({
  name:
    "scripts/install and the package refuse to install next to each other, and neither removes files of the other",
  ignore: !HAS_DPKG,
  async fn() {
    await withTempDir(async (directory) => {
      const root = `${directory}/root`;
      await createRoot(root);
      const dpkg = dpkgOf(root);
      const install = installInto(root);
      const withName = async () =>
        (await outputOf("find", root, "-name", "*cgwatch*"))
          .replaceAll(`${root}/`, "").split("\n").sort();
      const deb = await packProgram(directory, "1.0");
      const settings = `${root}/etc/default/cgwatch`;
      const log = `${root}/var/log/cgwatch/events.ndjson`;
      // From the package to scripts/install.
      await dpkg("--install", deb);
      const packaged = await filesIn(root);
      await assertRejects(
        () => install(),
        Error,
        "the package cgwatch is installed",
      );
      assertEquals(await filesIn(root), packaged);
      await install("--uninstall");
      assertEquals(await filesIn(root), packaged);
      await Deno.writeTextFile(settings, "CGWATCH_MAX_STREAMS=3\n");
      await dpkg("--remove", "cgwatch");
      await install();
      await Deno.writeTextFile(log, "{}\n");
      await Deno.mkdir(`${root}/etc/systemd/system/multi-user.target.wants`, {
        recursive: true,
      });
      await outputOf("ln", "-sf", "../cgwatch.service", `${root}/${WANTS}`);
      assertEquals(
        await Deno.readTextFile(settings),
        "CGWATCH_MAX_STREAMS=3\n",
      );
      await dpkg("--purge", "cgwatch");
      for (
        const path of [
          log,
          `${root}/usr/local/bin/cgwatch`,
          `${root}/etc/systemd/system/cgwatch.service`,
          `${root}/etc/systemd/system/cgwatch.service.d/kmsg.conf`,
          `${root}/${WANTS}`,
        ]
      ) await Deno.lstat(path);
      // From scripts/install to the package.
      const installed = await withName();
      await assertRejects(
        () => dpkg("--install", deb),
        Error,
        "scripts/install has installed cgwatch",
      );
      assertEquals(await withName(), installed);
      // The purge removed the settings.
      await install();
      await Deno.writeTextFile(settings, "CGWATCH_MAX_STREAMS=4\n");
      await Deno.rename(settings, `${directory}/settings`);
      await install("--uninstall", "--keep-logs");
      await Deno.rename(`${directory}/settings`, settings);
      await dpkg("--install", deb);
      assertEquals(
        await Deno.readTextFile(settings),
        "CGWATCH_MAX_STREAMS=4\n",
      );
      assert((await Deno.stat(log)).isFile);
      // Both, as earlier versions allowed.
      const unit = `${root}/etc/systemd/system/cgwatch.service`;
      const dropIn = `${unit}.d/own.conf`;
      await Deno.copyFile(`${SCRIPTS}/deploy/cgwatch.service`, unit);
      await Deno.mkdir(`${unit}.d`, { recursive: true });
      await Deno.writeTextFile(dropIn, "[Service]\n");
      await install("--uninstall");
      await assertRejects(() => Deno.stat(unit), Deno.errors.NotFound);
      // The package's, copied from its examples.
      const example = `${unit}.d/secrets.conf`;
      await Deno.copyFile(`${SCRIPTS}/deploy/secrets.conf`, example);
      await install("--uninstall");
      for (
        const path of [
          settings,
          log,
          dropIn,
          example,
          `${root}/usr/bin/cgwatch`,
        ]
      ) {
        assert((await Deno.stat(path)).isFile, path);
      }
      await dpkg("--purge", "cgwatch");
      assertEquals(await withName(), [
        "",
        "etc/systemd/system/cgwatch.service.d",
      ]);
    });
  },
});

Deno.test({
  name:
    "kubectl renders both variants of scripts/deploy/kubernetes, without and with TLS",
  ignore: !hasProgram("kubectl"),
  async fn() {
    await withTempDir(async (directory) => {
      await outputOf("cp", "-r", `${SCRIPTS}/deploy/kubernetes`, directory);
      for (const name of ["tokens", "scrape-token"]) {
        await Deno.writeTextFile(`${directory}/kubernetes/base/${name}`, "abc");
      }
      for (const variant of ["privileged", "restricted"]) {
        const path = `${directory}/kubernetes/${variant}`;
        const render = () => outputOf("kubectl", "kustomize", path);
        const text = await render();
        assertEquals(
          [...text.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind),
          ["ServiceAccount", "Secret", "Service", "DaemonSet"],
        );
        const isPrivileged = variant === "privileged";
        assertEquals(text.includes("privileged: true"), isPrivileged);
        assertEquals(text.includes("- --kmsg=none"), !isPrivileged);
        await Deno.writeTextFile(
          `${path}/kustomization.yaml`,
          "components: [../tls]\n",
          { append: true },
        );
        assertEquals(addedLines(text, await render()), [
          "- --tls-cert=/etc/cgwatch-tls/tls.crt",
          "- --tls-key=/etc/cgwatch-tls/tls.key",
          // One line for each probe.
          "scheme: HTTPS",
          "scheme: HTTPS",
          "- mountPath: /etc/cgwatch-tls",
          "name: tls",
          "readOnly: true",
          "- name: tls",
          "secret:",
          "defaultMode: 256",
          "secretName: cgwatch-tls",
        ]);
      }
    });
  },
});

Deno.test({
  name:
    "the command of docs/install.md creates a PrometheusRule with all rules of prometheus-rules.yml",
  ignore: !hasProgram("kubectl"),
  async fn() {
    const docs = await Deno.readTextFile(`${SCRIPTS}/../docs/install.md`);
    const [command = ""] =
      /^\{\n[^`]*PrometheusRule[^`]*\| kubectl apply -f -$/m
        .exec(docs) ?? [];
    await withTempDir(async (directory) => {
      await outputOf(
        "env",
        `--chdir=${SCRIPTS}/deploy/kubernetes`,
        ...["sh", "-c"],
        `kubectl() { cat >${directory}/rule.yaml; }\n${command}`,
      );
      await Deno.writeTextFile(
        `${directory}/kustomization.yaml`,
        "resources: [rule.yaml, rbac.yaml]\n",
      );
      await Deno.copyFile(
        `${SCRIPTS}/deploy/kubernetes/prometheus-rbac.yaml`,
        `${directory}/rbac.yaml`,
      );
      const [head = "", groups = ""] =
        (await outputOf("kubectl", "kustomize", directory)).split(
          /^spec:\n/m,
        );
      assertEquals(
        [...head.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind),
        ["Role", "RoleBinding", "PrometheusRule"],
      );
      const names = (text: string) =>
        [...text.matchAll(/^ *(?:- )?(?:alert|record): (\S+)$/gm)]
          .map(([, name]) => name).sort();
      const rules = await Deno.readTextFile(
        `${SCRIPTS}/deploy/prometheus-rules.yml`,
      );
      assertEquals(names(groups), names(rules));
      assertMatch(groups, /^ {2}groups:\n/);
    });
  },
});

/** Returns the lines that were added to an output, in their order. */
function addedLines(before: string, after: string): string[] {
  const rest = before.split("\n");
  const added: string[] = [];
  for (const line of after.split("\n")) {
    if (line === rest[0]) rest.shift();
    else added.push(line.trim());
  }
  assertEquals(rest, []);
  return added;
}
