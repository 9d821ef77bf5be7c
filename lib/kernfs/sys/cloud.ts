import type { Cloud } from "../../model/machine.ts";
import type { HostFs } from "../host_fs.ts";
import { readValue } from "./sysfs.ts";

/** Product name on Nitro: `m7g.xlarge`. */
const AWS_TYPE_REGEXP = /^[a-z][\w-]*\.[\w-]+$/;
/** Asset tag on Nitro. */
const AWS_ID_REGEXP = /^i-[0-9a-f]+$/;

/** Asset tag of Azure, and of no other Hyper-V guest. */
const AZURE_TAG = "7783-7084-3265-9085-8269-3286-77";

/** Identifies the cloud from firmware, without network. */
export function readCloud(fs: HostFs): Cloud | undefined {
  const read = (name: string) => readValue(fs, `/sys/class/dmi/id/${name}`);
  const product = read("product_name") ?? "";
  if (product.includes("Google")) return { provider: "GCE" };
  const isAws = ["sys_vendor", "bios_vendor", "product_version"]
    .some((name) => /amazon/i.test(read(name) ?? ""));
  if (isAws) {
    const instanceId = read("board_asset_tag") ?? "";
    return {
      provider: "AWS",
      ...(AWS_TYPE_REGEXP.test(product) && { instanceType: product }),
      ...(AWS_ID_REGEXP.test(instanceId) && { instanceId }),
    };
  }
  if (read("chassis_asset_tag") !== AZURE_TAG) return undefined;
  const instanceId = read("product_uuid");
  return { provider: "Azure", ...(instanceId !== undefined && { instanceId }) };
}
