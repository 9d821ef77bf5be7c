import type { HostFs } from "../host_fs.ts";

const NAME_REGEXP = /^DEVNAME=(.+)$/m;

/** Caches block device names. */
export class DeviceNames {
  readonly #fs: HostFs;
  readonly #names = new Map<string, string | undefined>();

  constructor(fs: HostFs) {
    this.#fs = fs;
  }

  /**
   * Returns the `/dev` path of `8:0`, from `DEVNAME=sda` in
   * `/sys/dev/block/8:0/uevent`.
   */
  nameOf(device: string): string | undefined {
    if (!this.#names.has(device)) {
      const uevent = this.#fs.readText(`/sys/dev/block/${device}/uevent`) ?? "";
      const name = NAME_REGEXP.exec(uevent)?.[1];
      this.#names.set(device, name && `/dev/${name}`);
    }
    return this.#names.get(device);
  }

  /** Numbers may be reassigned. */
  forget(): void {
    this.#names.clear();
  }
}
