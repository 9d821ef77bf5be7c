import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseCommandLine } from "../../lib/config/command_line.ts";
import { AGENT_FAMILIES } from "../../lib/metrics/agent_families.ts";
import { CONTAINER_FAMILIES } from "../../lib/metrics/container_families.ts";
import type { Family } from "../../lib/metrics/family.ts";
import {
  MACHINE_FAMILIES,
  VERSION_FAMILIES,
} from "../../lib/metrics/machine_families.ts";
import { PROCESS_FAMILIES } from "../../lib/metrics/process_metrics.ts";
import {
  configOfFamilies,
  dashboardQueries,
  DEPLOY,
  droppedIds,
  ruleQueries,
} from "../_support/deploy_queries.ts";

/** What Prometheus adds to each series. */
const ADDED = ["instance", "job"];
const CONTAINER = ["id", "name", "image", "container", "pod", "namespace"];
const MACHINE = ["machine_id", "system_uuid", "boot_id"];

const METRIC_REGEXP =
  /\b((?:container|machine|cgwatch|cadvisor|process|instance_id:container|instance:(?:container|cgwatch))_\w+(?::\w+)?|up)\b(?:\{([^}]*)\})?/g;

/** The labels of each series that can be asked for. */
function knownSeries(): Map<string, ReadonlySet<string>> {
  const known = new Map<string, ReadonlySet<string>>([["up", new Set(ADDED)]]);
  const add = <S>(families: readonly Family<S>[], common: string[]) => {
    for (const { name, labels = [] } of families) {
      known.set(name, new Set([...ADDED, ...common, ...labels]));
    }
  };
  add(CONTAINER_FAMILIES, CONTAINER);
  add(MACHINE_FAMILIES, MACHINE);
  add(VERSION_FAMILIES, []);
  add(AGENT_FAMILIES, []);
  add(PROCESS_FAMILIES, []);
  return known;
}

/** Returns the queries of rules and dashboards. */
async function allQueries(): Promise<string[]> {
  return [
    ...(await ruleQueries()).map(({ expr }) => expr),
    ...await dashboardQueries(),
    ...await dashboardQueries("grafana-fleet.json"),
  ];
}

/** Returns the series of a query, with their matchers. */
function seriesOf(query: string): { name: string; matchers: string }[] {
  const names = query.replace(/"by"|\bby\b/g, "")
    .replace(/\b(?:on|ignoring) \([^)]*\)/g, "");
  return [...names.matchAll(METRIC_REGEXP)].map((
    [, name = "", matchers = ""],
  ) => ({ name, matchers }));
}

Deno.test("scripts/deploy asks only for series and labels that the agent tells, and those that its rules record", async () => {
  const known = knownSeries();
  for (const { record, expr } of await ruleQueries()) {
    if (record === undefined) continue;
    const [, list] = /\bby \(([^)]*)\)/.exec(expr) ?? [];
    known.set(
      record,
      new Set(list?.split(", ") ?? [...ADDED, ...CONTAINER]),
    );
  }
  const asked = new Set<string>();
  for (const query of await allQueries()) {
    const plain = query.replace(/"[^"]*"/g, '""');
    const series = seriesOf(plain);
    for (const { name, matchers } of series) {
      const labels = known.get(name);
      assert(labels !== undefined, `nobody tells ${name}: ${query}`);
      asked.add(name);
      for (const [, label = ""] of matchers.matchAll(/(\w+)(?:=~?|!=|!~)""/g)) {
        assert(labels.has(label), `${name} has no ${label}: ${query}`);
      }
    }
    const [first] = series;
    assert(first !== undefined, `asks for nothing: ${query}`);
    for (const [, list = ""] of plain.matchAll(/\bby \(([^)]*)\)/g)) {
      for (const label of list.split(", ")) {
        assert(
          known.get(first.name)?.has(label),
          `${first.name} has no ${label}: ${query}`,
        );
      }
    }
  }
  assertEquals(asked.size > 25, true);
});

Deno.test("each selector of rules and dashboards has the job, because cAdvisor has the same series", async () => {
  const lacking = (await allQueries()).flatMap((query) =>
    seriesOf(query).filter(({ name, matchers }) =>
      !name.includes(":") && !matchers.includes('job="cgwatch"')
    ).map(({ name }) => `${name}: ${query}`)
  );
  assertEquals(lacking, []);
});

Deno.test("prometheus.yml lists the families that rules and dashboards use", async () => {
  const used = new Set(
    (await allQueries()).flatMap(seriesOf).map(({ name }) => name)
      .filter((name) => !name.includes(":") && name !== "up"),
  );
  const [, list = ""] = /"name\[\]": \[([^\]]*)\]/
    .exec(await configOfFamilies()) ?? [];
  assertEquals(list.trim().split(/,\s+/), [...used].sort());
});

Deno.test("all configurations of Prometheus drop the same slices", async () => {
  const dropped = await droppedIds();
  assertEquals(dropped.length, 2);
  for (
    const file of ["prometheus-kubernetes.yml", "kubernetes/podmonitor.yaml"]
  ) {
    assertEquals(await droppedIds(file), dropped, file);
  }
});

Deno.test("the fleet dashboard uses only series that prometheus-global.yml federates", async () => {
  const text = await Deno.readTextFile(`${DEPLOY}/prometheus-global.yml`);
  const [, regex = ""] = /__name__=~"([^"]+)"/.exec(text) ?? [];
  const names = (await dashboardQueries("grafana-fleet.json"))
    .flatMap(seriesOf).map(({ name }) => name);
  const others = new Set(
    names.filter((name) => !RegExp(`^(?:${regex})$`).test(name)),
  );
  assertEquals([...others].sort(), [
    "instance_id:container_oom_kills:increase1h",
    "up",
  ]);
  for (const name of others) assertMatch(text, RegExp(`- ${name}\\b`));
});

Deno.test("no panel or variable of the dashboards selects all containers of all nodes; links have the node, and rates have four scrapes of a minute", async () => {
  for (const file of ["grafana-dashboard.json", "grafana-fleet.json"]) {
    const text = await Deno.readTextFile(`${DEPLOY}/${file}`);
    for (const [, url = ""] of text.matchAll(/"url": "(.*)"/g)) {
      assertMatch(url, /[?&]var-node=/);
    }
    const dashboard = JSON.parse(text);
    for (const variable of dashboard.templating.list) {
      assert(variable.includeAll !== true, `${file}: ${variable.name}`);
    }
    for (const { title, targets = [], interval } of dashboard.panels) {
      const isRate = targets.some(({ expr }: { expr: string }) =>
        expr.includes("$__rate_interval")
      );
      if (isRate) assertEquals(interval, "1m", title);
    }
  }
  for (const query of await dashboardQueries()) {
    for (const { name, matchers } of seriesOf(query)) {
      if (name === "cgwatch_containers") continue;
      assert(matchers.includes('instance=~"$node"'), query);
    }
  }
});

/** Returns a file of the Kubernetes manifests without comments. */
async function manifest(path: string): Promise<string> {
  const url = new URL(
    `../../scripts/deploy/kubernetes/${path}`,
    import.meta.url,
  );
  return (await Deno.readTextFile(url)).replace(/^ *#.*\n/gm, "");
}

Deno.test("scripts/deploy/kubernetes has a privileged variant that reads the kernel log, and a restricted one that does not", async () => {
  const base = await manifest("base/daemonset.yaml");
  const privileged = await manifest("privileged/kustomization.yaml");
  const restricted = await manifest("restricted/kustomization.yaml");
  const flags = [...base.matchAll(/^ {12}- (--\S+)$/gm)]
    .map(([, flag = ""]) => flag);
  const added = [...restricted.matchAll(/^ +value: (--\S+)$/gm)]
    .map(([, flag = ""]) => flag);
  assertEquals(added, ["--kmsg=none"]);
  assertEquals(parseCommandLine([...flags, ...added]).ignoredFlags, []);
  assert(flags.includes("--root=/rootfs"));
  assert(base.includes("hostPID: true"));
  assert(!base.includes("privileged:"));
  assertMatch(privileged, /securityContext\/privileged\n +value: true\n/);
  assert(restricted.includes("privileged: false"));
  assert(restricted.includes("add: [SYS_PTRACE, DAC_READ_SEARCH]"));
});

Deno.test("scripts/deploy/kubernetes selects nodes that can run the image", async () => {
  const base = await manifest("base/daemonset.yaml");
  assert(base.includes("kubernetes.io/os: linux"));
  assert(base.includes("kubernetes.io/arch: amd64"));
  assertMatch(base, /^ {2}minReadySeconds: \d+$/m);
});

Deno.test("scripts/deploy/kubernetes/prometheus-rbac.yaml permits what the discovery of prometheus-kubernetes.yml requires", async () => {
  const [role = "", binding = ""] = (await manifest("prometheus-rbac.yaml"))
    .split("---\n");
  const config = await Deno.readTextFile(
    new URL("../../scripts/deploy/prometheus-kubernetes.yml", import.meta.url),
  );
  assert(config.includes("- role: pod\n"));
  const [, namespace = ""] = /namespaces: \{ names: \[(.*)\] \}/.exec(config) ??
    [];
  for (const text of [role, binding]) {
    assert(text.includes(`namespace: ${namespace} }`));
    assert(text.includes("name: cgwatch-discovery"));
  }
  assert(role.includes("resources: [pods]"));
  assert(role.includes("verbs: [get, list, watch]"));
});

Deno.test("tests of rules cover every alert", async () => {
  const url = new URL("../testdata/rules_test.yml", import.meta.url);
  const tests = await Deno.readTextFile(url);
  const alerts = (await ruleQueries()).flatMap(({ alert }) => alert ?? []);
  assertEquals(alerts.length > 5, true);
  assertEquals(
    alerts.filter((alert) => !tests.includes(`alertname: ${alert}\n`)),
    [],
  );
});

Deno.test("scripts/deploy/kubernetes/tls sets the flags of TLS, and HTTPS for each probe of the base", async () => {
  const base = await manifest("base/daemonset.yaml");
  const tls = await manifest("tls/kustomization.yaml");
  const flags = [...tls.matchAll(/^ +value: (--\S+)$/gm)]
    .map(([, flag = ""]) => flag);
  assertEquals(
    flags.map((flag) => flag.replace(/=.*\//, "=")),
    ["--tls-cert=tls.crt", "--tls-key=tls.key"],
  );
  assertEquals(parseCommandLine(["serve", ...flags]).ignoredFlags, []);
  const probes = [...base.matchAll(/^ +(\w+Probe): /gm)]
    .map(([, probe]) => probe);
  assertEquals(
    [...tls.matchAll(/\/(\w+)\/httpGet\/scheme\n +value: HTTPS\n/g)]
      .map(([, probe]) => probe),
    probes,
  );
});
