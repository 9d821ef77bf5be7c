import { fromFileUrl } from "@std/path";

/** Directory of deployment files. */
export const DEPLOY: string = fromFileUrl(
  new URL("../../scripts/deploy", import.meta.url),
);

interface Panel {
  readonly targets?: readonly { readonly expr: string }[];
}

/** Returns the queries of a dashboard's panels. */
export async function dashboardQueries(
  file = "grafana-dashboard.json",
): Promise<string[]> {
  const text = await Deno.readTextFile(`${DEPLOY}/${file}`);
  const { panels }: { panels: readonly Panel[] } = JSON.parse(text);
  return panels.flatMap(({ targets = [] }) => targets).map(({ expr }) => expr);
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
