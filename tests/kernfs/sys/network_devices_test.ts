import { assertEquals } from "@std/assert";
import { readNetworkDevices } from "../../../lib/kernfs/sys/network_devices.ts";
import { recordedMachine } from "../../_support/recorded_tree.ts";
import { TestCgroup } from "../../_support/test_cgroup.ts";

Deno.test("readNetworkDevices() reads the interfaces of a recorded machine except loopback", () => {
  using host = recordedMachine("6.18-vm.txt");
  assertEquals(readNetworkDevices(host.hostFs()), [
    { name: "eth0", macAddress: "02:fc:00:00:00:01", mtuBytes: 1400 },
    { name: "ifb0", macAddress: "d2:40:b6:d6:dd:7a", mtuBytes: 1500 },
  ]);
});

Deno.test("readNetworkDevices() omits interfaces of containers, and an unknown speed however it is printed", () => {
  using host = TestCgroup.create();
  for (
    const name of [
      "bond0",
      "eth0",
      "eth1",
      "eth2",
      "veth12",
      "docker0",
      "nerdctl0",
    ]
  ) {
    host.file(`sys/class/net/${name}/mtu`, "9000\n");
  }
  host.file("sys/class/net/bond0/speed", "-1\n")
    .file("sys/class/net/eth0/speed", "25000\n")
    .file("sys/class/net/eth1/speed", "4294967295\n")
    .file("sys/class/net/eth2/speed", "65535\n")
    .file("sys/class/net/bonding_masters", "bond0\n");
  assertEquals(readNetworkDevices(host.hostFs()), [
    { name: "bond0", mtuBytes: 9000 },
    { name: "eth0", speedMbps: 25000, mtuBytes: 9000 },
    { name: "eth1", mtuBytes: 9000 },
    { name: "eth2", mtuBytes: 9000 },
  ]);
});
