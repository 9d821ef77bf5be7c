import { fromFileUrl } from "@std/path";

/** The folder of what is ready-made. */
export const DEPLOY: string = fromFileUrl(
  new URL("../../scripts/deploy", import.meta.url),
);

interface Panel {
  readonly targets?: readonly { readonly expr: string }[];
}

/** The queries of the dashboard's panels, as they are written there. */
export async function dashboardQueries(): Promise<string[]> {
  const text = await Deno.readTextFile(`${DEPLOY}/grafana-dashboard.json`);
  const { panels }: { panels: readonly Panel[] } = JSON.parse(text);
  return panels.flatMap(({ targets = [] }) => targets).map(({ expr }) => expr);
}

/** A rule, and the series that it records if it does. */
export interface RuleQuery {
  readonly record?: string;
  readonly expr: string;
}

/**
 * The queries of the rules. Of YAML this reads what they are written in: one
 * line, or some indented ones after `>-`.
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
    return record === undefined ? { expr } : { record, expr };
  });
}
