import { HostFs, type HostFsOptions } from "../../lib/kernfs/host_fs.ts";

/**
 * A directory of regular files that represents a cgroup, or a host's root.
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

  /** Creates an empty directory in the temporary directory. */
  static create(): TestCgroup {
    return new TestCgroup(
      Deno.makeTempDirSync({ dir: "/tmp", prefix: "cgwatch-test-" }),
    );
  }

  get inode(): number {
    return Deno.statSync(this.path).ino ?? 0;
  }

  /** Writes a file, creating its parent directories. */
  file(name: string, text: string | Uint8Array): this {
    const path = `${this.path}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (typeof text === "string") Deno.writeTextFileSync(path, text);
    else Deno.writeFileSync(path, text);
    return this;
  }

  /** Returns a child, creating it and its ancestors if missing. */
  child(name: string): TestCgroup {
    const path = `${this.path}/${name}`;
    Deno.mkdirSync(path, { recursive: true });
    return new TestCgroup(path);
  }

  /** Removes the directory and its subtree. */
  remove(): void {
    Deno.removeSync(this.path, { recursive: true });
  }

  /**
   * Replaces the directory. The new one is created first, so that the file
   * system cannot reuse the inode.
   */
  recreate(): this {
    const fresh = `${this.path}.new`;
    Deno.mkdirSync(fresh);
    this.remove();
    Deno.renameSync(fresh, this.path);
    return this;
  }

  /** Returns a host whose root is this directory. */
  hostFs(options: Omit<HostFsOptions, "root"> = {}): HostFs {
    return new HostFs({ root: this.path, ...options });
  }

  [Symbol.dispose](): void {
    this.remove();
  }
}
