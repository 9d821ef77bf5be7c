import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseCommandLine } from "../../lib/config/command_line.ts";
import { AGENT_FAMILIES } from "../../lib/metrics/agent_families.ts";
import { CONTAINER_FAMILIES } from "../../lib/metrics/container_families.ts";
import type { Family } from "../../lib/metrics/family.ts";
import { MACHINE_FAMILIES } from "../../lib/metrics/machine_families.ts";
import { PROCESS_FAMILIES } from "../../lib/metrics/process_metrics.ts";
import { dashboardQueries, ruleQueries } from "../_support/deploy_queries.ts";

/** What Prometheus adds to each series. */
const ADDED = ["instance", "job"];
const CONTAINER = ["id", "name", "image", "container", "pod", "namespace"];
const MACHINE = ["machine_id", "system_uuid", "boot_id"];

const METRIC_REGEXP =
  /\b((?:container|machine|cgwatch|process|instance_id:container|instance:(?:container|cgwatch))_\w+(?::\w+)?|up)\b(?:\{([^}]*)\})?/g;

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
  add(AGENT_FAMILIES, []);
  add(PROCESS_FAMILIES, []);
  return known;
}

Deno.test("scripts/deploy asks only for series and labels that the agent tells, and those that its rules record", async () => {
  const rules = await ruleQueries();
  const known = knownSeries();
  for (const { record } of rules) {
    if (record !== undefined) known.set(record, new Set([...ADDED, "id"]));
  }
  const queries = [
    ...rules.map(({ expr }) => expr),
    ...await dashboardQueries(),
    ...await dashboardQueries("grafana-fleet.json"),
  ];
  const asked = new Set<string>();
  for (const query of queries) {
    const plain = query.replace(/"[^"]*"/g, '""');
    let found = 0;
    for (const [, name = "", matchers = ""] of plain.matchAll(METRIC_REGEXP)) {
      const labels = known.get(name);
      assert(labels !== undefined, `nobody tells ${name}: ${query}`);
      asked.add(name);
      found++;
      for (const [, label = ""] of matchers.matchAll(/(\w+)(?:=~?|!=|!~)""/g)) {
        assert(labels.has(label), `${name} has no ${label}: ${query}`);
      }
    }
    assert(found > 0, `asks for nothing: ${query}`);
    for (const [, list = ""] of plain.matchAll(/\bby \(([^)]*)\)/g)) {
      const [, name = ""] = plain.match(/\b((?:container|cgwatch)_\w+)/) ?? [];
      for (const label of list.split(", ")) {
        assert(
          known.get(name)?.has(label),
          `${name} has no ${label}: ${query}`,
        );
      }
    }
  }
  assertEquals(asked.size > 25, true);
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
