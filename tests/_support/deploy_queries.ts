import { fromFileUrl } from "@std/path";

/** Directory of deployment files. */
export const DEPLOY: string = fromFileUrl(
  new URL("../../scripts/deploy", import.meta.url),
);

interface Dashboard {
  readonly panels: readonly {
    readonly targets?: readonly { readonly expr: string }[];
  }[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
  readonly templating: {
    readonly list: readonly { readonly query: string | { query: string } }[];
  };
}

/**
 * Returns the queries of a dashboard's panels and annotations, and the series
 * whose labels are the values of its variables.
 */
export async function dashboardQueries(
  file = "grafana-dashboard.json",
): Promise<string[]> {
  const text = await Deno.readTextFile(`${DEPLOY}/${file}`);
  const { panels, annotations, templating }: Dashboard = JSON.parse(text);
  const variables = templating.list.flatMap(({ query }) =>
    typeof query === "string"
      ? []
      : /^label_values\((.*), \w+\)$/.exec(query.query)?.[1] ?? []
  );
  return [
    ...panels.flatMap(({ targets = [] }) => targets).map(({ expr }) => expr),
    ...annotations.list.map(({ expr }) => expr),
    ...variables,
  ];
}

/** Returns the patterns of `id` that a configuration of Prometheus drops. */
export async function droppedIds(file = "prometheus.yml"): Promise<string[]> {
  const text = await Deno.readTextFile(`${DEPLOY}/${file}`);
  return [
    ...text.matchAll(
      /source_?[lL]abels: \[id\]\n +regex: (.+)\n +action: drop\n/g,
    ),
  ].map(([, regex = ""]) => regex);
}

/**
 * Returns the configuration `prometheus.yml`, in which the families that rules
 * and dashboards use are selected.
 */
export async function configOfFamilies(): Promise<string> {
  const text = await Deno.readTextFile(`${DEPLOY}/prometheus.yml`);
  return text.replace(
    /^ {4}# params:\n(?: {4}# .*\n)+/m,
    (list) => list.replace(/^ {4}# /gm, "    "),
  );
}

/** A rule's query, and the series that it records, or its alert. */
export interface RuleQuery {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
}

/**
 * Returns the queries of the rules. Parses only the YAML in use: one line, or
 * indented lines after `>-`.
 */
export async function ruleQueries(): Promise<RuleQuery[]> {
  const text = await Deno.readTextFile(`${DEPLOY}/prometheus-rules.yml`);
  const rules = text.split(/^ +- (?=record|alert)/m).slice(1);
  return rules.map((rule) => {
    const [, record] = /^record: (\S+)$/m.exec(rule) ?? [];
    const [, line, folded] =
      /^ +expr: (?:(?!>-)(.+)|>-\n((?: {10}.*\n)+))/m.exec(rule) ?? [];
    const expr = line ?? folded?.trim().replace(/\n +/g, " ");
    if (expr === undefined) throw new SyntaxError(`No expr in "${rule}"`);
    const [, alert] = /^alert: (\S+)$/m.exec(rule) ?? [];
    return {
      expr,
      ...(record !== undefined && { record }),
      ...(alert !== undefined && { alert }),
    };
  });
}
