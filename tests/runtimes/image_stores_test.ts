import { assertEquals } from "@std/assert";
import {
  ImageStores,
  type ImageStoresOptions,
} from "../../lib/runtimes/image_stores.ts";
import { RuntimeFiles } from "../../lib/runtimes/runtime_files.ts";
import { FakeClock } from "../_support/fake_clock.ts";
import { TestCgroup } from "../_support/test_cgroup.ts";

type Docker = ImageStoresOptions["docker"];

const NO_DOCKER: Docker = {
  exists: () => Promise.resolve(false),
  dataRoot: () => Promise.reject(new Error("Not expected")),
};

/** A Docker engine with the given response. */
function dockerAt(response: () => Promise<string | undefined>): Docker {
  return { exists: () => Promise.resolve(true), dataRoot: response };
}

/** Returns the directories with a label. */
async function directoriesOf(
  stores: ImageStores,
  label = "docker-images",
): Promise<readonly string[] | undefined> {
  return (await stores.list()).find((store) => store.label === label)
    ?.directories;
}

function storesOf(
  host: TestCgroup,
  docker: Docker,
  options: Partial<Pick<ImageStoresOptions, "overrides" | "clock">> = {},
): ImageStores {
  return new ImageStores({
    files: new RuntimeFiles(host.hostFs()),
    clock: new FakeClock(),
    overrides: {},
    docker,
    ...options,
  });
}

Deno.test("ImageStores prefers Docker's response, then its configuration file, then the default", async () => {
  using host = TestCgroup.create();
  const usual = ["/var/lib/docker/overlay2", "/var/lib/docker"];
  assertEquals(await directoriesOf(storesOf(host, NO_DOCKER)), usual);
  host.file("etc/docker/daemon.json", '{"data-root":"/data/docker"}');
  const ofFile = ["/data/docker/overlay2", "/data/docker", ...usual];
  assertEquals(await directoriesOf(storesOf(host, NO_DOCKER)), ofFile);
  const failing = dockerAt(() => Promise.reject(new Error("500")));
  assertEquals(await directoriesOf(storesOf(host, failing)), ofFile);
  const docker = dockerAt(() => Promise.resolve("/mnt/d"));
  assertEquals(
    await directoriesOf(storesOf(host, docker)),
    ["/mnt/d/overlay2", "/mnt/d", ...ofFile],
  );
  const overrides = { dockerRoot: "/flag" };
  assertEquals(
    await directoriesOf(storesOf(host, docker, { overrides })),
    ["/flag/overlay2", "/flag", ...usual],
  );
});

Deno.test("ImageStores uses the storage configured for CRI-O and Podman", async () => {
  using host = TestCgroup.create();
  host.file("etc/crio/crio.conf", '[crio]\nroot = "/data/crio"\n');
  const stores = storesOf(host, NO_DOCKER);
  for (const kind of ["images", "containers"]) {
    const directories = await directoriesOf(stores, `crio-${kind}`);
    assertEquals(directories?.slice(0, 1), [`/data/crio/overlay-${kind}`]);
  }
});

Deno.test("ImageStores waits 500 ms for the first response of a hanging Docker, then not at all", async () => {
  using host = TestCgroup.create();
  const clock = new FakeClock();
  const response = Promise.withResolvers<string>();
  const stores = storesOf(host, dockerAt(() => response.promise), { clock });
  let first: readonly string[] | undefined;
  const queries = directoriesOf(stores).then((found) => first = found);
  while (first === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    clock.advance(10);
  }
  await queries;
  assertEquals(clock.monotonic() >= 500, true);
  assertEquals(first, ["/var/lib/docker/overlay2", "/var/lib/docker"]);
  response.resolve("/mnt/d");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals((await directoriesOf(stores))?.[1], "/mnt/d");
});
