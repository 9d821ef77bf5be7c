import type { HostFs } from "../host_fs.ts";

const NAME_REGEXP = /^DEVNAME=(.+)$/m;

/** Names of block devices by their numbers, kept until they are to be looked up anew. */
export class DeviceNames {
  readonly #fs: HostFs;
  readonly #names = new Map<string, string | undefined>();

  constructor(fs: HostFs) {
    this.#fs = fs;
  }

  /**
   * The path of a device in `/dev`, of its number as the kernel prints it,
   * `8:0`; undefined where the host has no such device. By
   * `/sys/dev/block/8:0/uevent`, which has a line `DEVNAME=sda`.
   */
  nameOf(device: string): string | undefined {
    if (!this.#names.has(device)) {
      const uevent = this.#fs.readText(`/sys/dev/block/${device}/uevent`) ?? "";
      const name = NAME_REGEXP.exec(uevent)?.[1];
      this.#names.set(device, name && `/dev/${name}`);
    }
    return this.#names.get(device);
  }

  /** A number may come to be another device's. */
  forget(): void {
    this.#names.clear();
  }
}
