import { HostFs, type HostFsOptions } from "../../lib/kernfs/host_fs.ts";

/**
 * A directory of plain files that stands for a cgroup, or for a host's root.
 *
 * @example
 * ```ts ignore
 * using cgroup = TestCgroup.create();
 * cgroup.child("docker").file("memory.current", "4096\n");
 * ```
 */
export class TestCgroup implements Disposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes an empty one below the directory for temporary files. */
  static create(): TestCgroup {
    return new TestCgroup(
      Deno.makeTempDirSync({ dir: "/tmp", prefix: "cgwatch-test-" }),
    );
  }

  /** Its inode. */
  get inode(): number {
    return Deno.statSync(this.path).ino ?? 0;
  }

  /** Writes a file; folders in its name are made. */
  file(name: string, text: string | Uint8Array): this {
    const path = `${this.path}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (typeof text === "string") Deno.writeTextFileSync(path, text);
    else Deno.writeFileSync(path, text);
    return this;
  }

  /** Makes a child, and those on the way to it; one that is there is given as it is. */
  child(name: string): TestCgroup {
    const path = `${this.path}/${name}`;
    Deno.mkdirSync(path, { recursive: true });
    return new TestCgroup(path);
  }

  /** Takes it away with all below it. */
  remove(): void {
    Deno.removeSync(this.path, { recursive: true });
  }

  /**
   * Takes it away and makes it anew. The new one is made first, so that the
   * file system cannot give it the old inode.
   */
  recreate(): this {
    const fresh = `${this.path}.new`;
    Deno.mkdirSync(fresh);
    this.remove();
    Deno.renameSync(fresh, this.path);
    return this;
  }

  /** A host whose root directory this is. */
  hostFs(options: Omit<HostFsOptions, "root"> = {}): HostFs {
    return new HostFs({ root: this.path, ...options });
  }

  [Symbol.dispose](): void {
    this.remove();
  }
}
