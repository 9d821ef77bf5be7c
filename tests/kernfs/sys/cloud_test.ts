import { assertEquals } from "@std/assert";
import { readCloud } from "../../../lib/kernfs/sys/cloud.ts";
import type { Cloud } from "../../../lib/model/machine.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

/**
 * Returns the cloud detected for this firmware, composed of documented values.
 */
function cloudOf(dmi: Readonly<Record<string, string>>): Cloud | undefined {
  using host = TestCgroup.create();
  for (const [name, value] of Object.entries(dmi)) {
    host.file(`sys/class/dmi/id/${name}`, `${value}\n`);
  }
  return readCloud(host.hostFs());
}

Deno.test("readCloud() detects machines of three clouds from their firmware", () => {
  assertEquals(
    cloudOf({
      "sys_vendor": "Amazon EC2",
      "product_name": "m7g.xlarge",
      "board_asset_tag": "i-0123456789abcdef0",
    }),
    {
      provider: "AWS",
      instanceType: "m7g.xlarge",
      instanceId: "i-0123456789abcdef0",
    },
  );
  assertEquals(
    cloudOf({
      "sys_vendor": "Xen",
      "product_version": "4.11.amazon",
      "product_name": "HVM domU",
    }),
    { provider: "AWS" },
  );
  assertEquals(cloudOf({ "product_name": "Google Compute Engine" }), {
    provider: "GCE",
  });
  assertEquals(
    cloudOf({
      "sys_vendor": "Microsoft Corporation",
      "chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77",
      "product_uuid": "4c4c",
    }),
    { provider: "Azure", instanceId: "4c4c" },
  );
});

Deno.test("readCloud() detects no other machine", () => {
  assertEquals(cloudOf({ "sys_vendor": "Microsoft Corporation" }), undefined);
  assertEquals(cloudOf({ "sys_vendor": "QEMU" }), undefined);
  assertEquals(cloudOf({}), undefined);
});
