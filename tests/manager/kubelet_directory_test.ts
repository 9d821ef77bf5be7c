import { assertEquals } from "@std/assert";
import { parseMountinfo } from "../../lib/kernfs/proc/mountinfo.ts";
import { kubeletDirectory } from "../../lib/manager/kubelet_directory.ts";

function found(...mountPoints: string[]): string {
  return kubeletDirectory(parseMountinfo(
    mountPoints.map((mountPoint, at) =>
      `${at + 20} 1 0:${at + 40} / ${mountPoint} rw - tmpfs tmpfs rw\n`
    ).join(""),
  ));
}

Deno.test("kubeletDirectory() is where volumes of pods are mounted", () => {
  const pod = "pods/0f1e2d3c-1111-2222-3333-444455556666/volumes";
  assertEquals(
    found(
      "/",
      `/var/lib/k0s/kubelet/${pod}/kubernetes.io~projected/kube-api-access-1`,
    ),
    "/var/lib/k0s/kubelet",
  );
  assertEquals(
    found(`/data/kubelet/${pod}/kubernetes.io~csi/pvc-1/mount`),
    "/data/kubelet",
  );
  assertEquals(
    found(
      "/k/pods/0123456789abcdef0123456789abcdef/volumes/kubernetes.io~secret/tls",
    ),
    "/k",
  );
});

Deno.test("kubeletDirectory() is the kubelet's own default where nothing is mounted that looks so", () => {
  const pod = "/k/pods/0f1e2d3c-1111-2222-3333-444455556666";
  for (
    const mountPoint of [
      "/var/lib/docker",
      "/k/pods/name/volumes/kubernetes.io~secret/tls",
      `${pod}/volumes/secret/tls`,
      `${pod}/volume-subpaths/config/app/0`,
      `${pod}/volumes/kubernetes.io~csi/pvc-1/data/deep`,
    ]
  ) {
    assertEquals(found(mountPoint), "/var/lib/kubelet", mountPoint);
  }
});
