import { assertEquals, assertThrows } from "@std/assert";
import {
  parseDockerContainer,
  parseDockerList,
  parseEngineEvent,
} from "../../lib/runtimes/docker_json.ts";
import { LabelFilter } from "../../lib/runtimes/label_filter.ts";

const TESTDATA = new URL("../testdata/runtimes/", import.meta.url);

function read(file: string): string {
  return Deno.readTextFileSync(new URL(file, TESTDATA));
}

const NONE = new LabelFilter({ allowed: [] });
const ALL = new LabelFilter({ allowed: [], all: true });
const ID = "76b4e3d830cb265c91ad2decb2dc484df0e12d4547c89122f8fe5bdaad49c53e";

Deno.test("parseDockerContainer() reads Docker's recorded config.v2.json and hostconfig.json", () => {
  const config = JSON.parse(read("docker-20.10-config.v2.json"));
  const hostConfig = JSON.parse(read("docker-20.10-hostconfig.json"));
  assertEquals(
    parseDockerContainer(config, {
      runtime: "docker",
      labels: ALL,
      hostConfig,
    }),
    {
      runtime: "docker",
      id: ID,
      name: "web",
      image: "lab.local/imp:1",
      labels: { "com.example.app": "lab" },
      createdMs: Date.UTC(2026, 10, 23, 6, 58, 7, 747),
      startedMs: Date.UTC(2026, 10, 23, 6, 58, 12, 350),
      pid: 2255,
      network: { kind: "own" },
      restartCount: 0,
      logPath: `/var/lib/docker/containers/${ID}/${ID}-json.log`,
    },
  );
});

Deno.test("parseDockerContainer() reads the same from a socket response", () => {
  const [response] = JSON.parse(read("docker-20.10-inspect.json"));
  const config = JSON.parse(read("docker-20.10-config.v2.json"));
  const hostConfig = { NetworkMode: "default" };
  assertEquals(
    parseDockerContainer(response, { runtime: "docker", labels: ALL }),
    parseDockerContainer(config, {
      runtime: "docker",
      labels: ALL,
      hostConfig,
    }),
  );
});

Deno.test("parseDockerContainer() reads Podman's response", () => {
  const [response] = JSON.parse(read("podman-4.3-inspect.json"));
  const { name, image, labels, pid, health, exitCode } = parseDockerContainer(
    response,
    {
      runtime: "podman",
      labels: ALL,
    },
  );
  assertEquals({ name, image, labels, pid, health, exitCode }, {
    name: "web",
    image: "lab.local/imp:1",
    labels: { app: "lab" },
    pid: 1397,
    health: undefined,
    exitCode: undefined,
  });
});

Deno.test("parseDockerContainer() returns the pod regardless of allowed labels, and no other label", () => {
  const metadata = parseDockerContainer({
    ID,
    Config: {
      Env: ["TOKEN=secret"],
      Labels: {
        "io.kubernetes.pod.name": "web-0",
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.uid": "u1",
        "io.kubernetes.container.name": "web",
        "io.kubernetes.docker.type": "container",
        "annotation.secret": "s",
      },
    },
  }, { runtime: "docker", labels: NONE });
  assertEquals(metadata, {
    runtime: "docker",
    id: ID,
    pod: { namespace: "shop", name: "web-0", uid: "u1", container: "web" },
  });
});

Deno.test("parseDockerContainer() returns an exit code only for an exited container", () => {
  const codeOf = (state: unknown) =>
    parseDockerContainer({ ID, State: state }, {
      runtime: "docker",
      labels: NONE,
    })
      .exitCode;
  const ended = "2026-11-23T06:58:12Z";
  assertEquals(codeOf({ ExitCode: 137, FinishedAt: ended }), 137);
  assertEquals(
    codeOf({ Running: true, ExitCode: 137, FinishedAt: ended }),
    undefined,
  );
  assertEquals(
    codeOf({ ExitCode: 0, FinishedAt: "0001-01-01T00:00:00Z" }),
    undefined,
  );
});

Deno.test("parseDockerContainer() returns the network namespace", () => {
  const networkOf = (mode: string) =>
    parseDockerContainer({ ID }, {
      runtime: "docker",
      labels: NONE,
      hostConfig: { NetworkMode: mode },
    }).network;
  assertEquals(networkOf("host"), { kind: "host" });
  assertEquals(networkOf("none"), { kind: "own" });
  assertEquals(networkOf("my-net"), { kind: "own" });
  assertEquals(networkOf(`container:${ID}`), { kind: "shared", withId: ID });
});

Deno.test("parseDockerContainer() accepts any object with an ID and rejects those without", () => {
  const options = { runtime: "docker", labels: ALL } as const;
  assertEquals(
    parseDockerContainer(
      { ID, Name: 7, Config: [], State: "x", RestartCount: "2" },
      options,
    ),
    { runtime: "docker", id: ID },
  );
  for (const response of [{}, null, "x", [], { Id: "" }]) {
    assertThrows(
      () => parseDockerContainer(response, options),
      TypeError,
      "it has no",
    );
  }
});

Deno.test("parseDockerList() selects the container's own name, not a link", () => {
  const nameOf = (names: unknown) =>
    parseDockerList([{ Id: "bb7f", Names: names }], {
      runtime: "docker",
      labels: NONE,
    })[0]?.name;
  assertEquals(nameOf(["/aweb/database", "/db", "/zweb/database"]), "db");
  assertEquals(nameOf(["/db", "/aweb/database"]), "db");
  assertEquals(nameOf(["db"]), "db");
  assertEquals(nameOf([]), undefined);
  assertEquals(nameOf(null), undefined);
});

Deno.test("parseDockerList() reads Docker's recorded list", () => {
  assertEquals(
    parseDockerList(JSON.parse(read("docker-20.10-list.json")), {
      runtime: "docker",
      labels: NONE,
    }),
    [{
      runtime: "docker",
      id: "f8b144e616ed9be9537c94d5d5b0777d345f3df39ad9ceb105bc5f3f03adae65",
      name: "web",
      image: "lab.local/imp:1",
    }],
  );
  assertThrows(
    () => parseDockerList({}, { runtime: "docker", labels: NONE }),
    TypeError,
    "it is not an array",
  );
});

Deno.test("parseEngineEvent() reads Docker's recorded events", () => {
  const events = read("docker-20.10-events.ndjson").trim().split("\n")
    .map((line) => parseEngineEvent(line, { runtime: "docker", labels: ALL }))
    .filter((event) => event !== undefined);
  assertEquals(
    events.map(({ metadata, isStarted, isRemoved }) => [
      metadata.name,
      metadata.exitCode,
      isStarted,
      isRemoved,
    ]),
    [
      ["hog", undefined, false, false],
      ["hog", undefined, false, false],
      ["hog", undefined, true, false],
      ["hog", undefined, false, false],
      ["hog", 0, false, false],
      ["hog1", undefined, false, false],
      ["hog1", undefined, false, false],
      ["hog1", undefined, true, false],
      ["hog1", undefined, false, false],
      ["hog1", 137, false, false],
    ],
  );
});

Deno.test("parseEngineEvent() reads renames, health and removals, also of Podman", () => {
  const metadataOf = (action: string, attributes = {}, more = {}) =>
    parseEngineEvent(
      JSON.stringify({
        Type: "container",
        Action: action,
        Actor: { ID, Attributes: { name: "web2", ...attributes } },
        ...more,
      }),
      { runtime: "podman", labels: ALL },
    );
  assertEquals(metadataOf("rename", { oldName: "/web" })?.metadata, {
    runtime: "podman",
    id: ID,
    name: "web2",
  });
  assertEquals(
    metadataOf("health_status: unhealthy")?.metadata.health,
    "unhealthy",
  );
  assertEquals(
    metadataOf("health_status", {}, { HealthStatus: "healthy" })?.metadata
      .health,
    "healthy",
  );
  assertEquals(
    metadataOf("died", { containerExitCode: "5" })?.metadata.exitCode,
    5,
  );
  assertEquals(metadataOf("remove")?.isRemoved, true);
  assertEquals(metadataOf("start", { team: "a" })?.metadata.labels, {
    team: "a",
  });
});

Deno.test("parseEngineEvent() skips events of other objects", () => {
  const options = { runtime: "docker", labels: ALL } as const;
  for (
    const line of [
      '{"Type":"network","Action":"connect","Actor":{"ID":"x"}}',
      '{"Type":"container","Action":"start"}',
      "[]",
      "7",
      "null",
    ]
  ) {
    assertEquals(parseEngineEvent(line, options), undefined, line);
  }
  assertThrows(() => parseEngineEvent('{"Type":"conta', options), SyntaxError);
});
