import { UsageError } from "../config/command_line.ts";
import type { FlagValues } from "../config/flag_values.ts";
import { HostFs } from "../kernfs/host_fs.ts";
import type { Clock } from "../model/clock.ts";
import { messageOf } from "../model/errors.ts";
import type { SourceState } from "../model/source_state.ts";
import { escapeControlCharacters, truncateEnd, wrap } from "../model/text.ts";
import type { AgentClient } from "./agent_client.ts";
import {
  type Finding,
  type Place,
  type Source,
  sourcesOf,
} from "./check_sources.ts";
import { writeJson } from "./output.ts";
import { styled, type Terminal } from "./terminal.ts";

/** Options. */
export interface CheckOptions {
  readonly values: FlagValues;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly env: (name: string) => string | undefined;
  readonly client: () => AgentClient;
}

interface Row extends Finding {
  readonly name: string;
  readonly lost?: string;
  readonly fix?: string;
  /** As reported by a running agent. */
  readonly agent?: Pick<SourceState, "state" | "detail">;
}

const OVERLAY_ROOT_REGEXP = /^\d+ \d+ \S+ \S+ \/ .* - overlay /m;
const RESPONSE_LIMIT_MS = 3000;

/** Unit files of `scripts/install` and the package. */
const UNITS = ["/etc", "/usr/lib"].map((directory) =>
  `${directory}/systemd/system/cgwatch.service`
);

const STYLES = {
  ok: "green",
  degraded: "yellow",
  missing: "red",
  off: "dim",
} as const;
const INDENT = 10;
const NAME_WIDTH = 14;

/**
 * Reports which data sources this process can read; for others, the effect and
 * the command or setting that grants access. Includes a running agent's
 * sources. Requires no agent or privileges, and changes nothing.
 */
export async function checkHost(options: CheckOptions): Promise<void> {
  const { values, terminal } = options;
  const output = values.choice("output");
  const fs = new HostFs({ root: values.path("root") });
  const place = placeOf({
    env: options.env,
    fs: new HostFs(),
    isOtherRoot: fs.root !== "/",
  });
  const rootFix = fixOfRoot(fs, place);
  const agent = await queryAgent(options);
  const rows: Row[] = [];
  for (const source of sourcesOf(values, options.clock)) {
    const { name, lost } = source;
    const reported = agent.sources.find((one) => one.name === name);
    // Without the flag, check the agent's log.
    const isAgentsLog = name === "event_log" && !values.has("event-log") &&
      reported?.state === "ok";
    const found: Finding = isAgentsLog
      ? { state: "ok", detail: `${reported.detail}, as the agent reports` }
      : await find(source);
    const isOff = found.state === "ok" && reported?.state === "off" &&
      source.fixOf?.(reported.detail, place) !== undefined;
    const isMissing = found.state === "missing" || isOff ||
      reported?.state === "degraded";
    rows.push({
      name,
      ...found,
      ...(isMissing && {
        lost,
        fix: reported === undefined && found.detail.includes(`${fs.root}/`)
          ? rootFix ?? fixOf(source, place, found.detail)
          : fixOf(source, place, reported?.detail ?? found.detail),
      }),
      ...(reported !== undefined && {
        agent: { state: reported.state, detail: reported.detail },
      }),
    });
  }
  if (output !== "table") {
    return writeJson(terminal, output, JSON.stringify(rows));
  }
  // Problems are last: a small terminal shows the end.
  const isGood = ({ lost }: Row) => lost === undefined;
  for (const row of rows.filter(isGood)) writeRow(row, options);
  for (const row of rows.filter((one) => !isGood(one))) writeRow(row, options);
  const summary = wrap(
    escapeControlCharacters(agent.summary),
    terminal.columns ?? Infinity,
  );
  terminal.write(`\n${summary.join("\n")}\n`);
}

function fixOf({ fix, fixOf }: Source, place: Place, problem: string): string {
  return fixOf?.(problem, place) ??
    (typeof fix === "string" ? fix : fix[place]);
}

function writeRow(row: Row, { terminal }: CheckOptions): void {
  const { name, state, detail, lost, fix, agent } = row;
  const { columns = Infinity } = terminal;
  const indent = " ".repeat(INDENT);
  const below = (text: string) =>
    wrap(escapeControlCharacters(text), columns - INDENT).map((line) =>
      indent + line
    );
  const isAgents = agent?.state === "degraded" ||
    agent?.state === "off" && fix !== undefined;
  const shown = state === "ok" && isAgents ? agent.state : state;
  const head = `${name.padEnd(NAME_WIDTH)}${escapeControlCharacters(detail)}`;
  const lines = [
    `${styled(terminal, STYLES[shown], shown.padEnd(INDENT))}${
      truncateEnd(head, columns - INDENT)
    }`,
    ...(isAgents ? below(`the agent reports: ${agent.detail}`) : []),
    ...(lost === undefined ? [] : below(`lost: ${lost}`)),
    // Not wrapped, for copying.
    ...(fix === undefined ? [] : [`${indent}fix:  ${fix}`]),
  ];
  terminal.write(`${lines.join("\n")}\n`);
}

async function queryAgent(
  { values, client, clock }: CheckOptions,
): Promise<{ sources: readonly SourceState[]; summary: string }> {
  const limit = new AbortController();
  const cancel = clock.schedule(RESPONSE_LIMIT_MS, () => limit.abort());
  const server = values.text("server");
  try {
    const text = await client().text("/readyz", undefined, limit.signal);
    const sources: SourceState[] = JSON.parse(text).sources;
    const bad = sources.filter(({ state }) => state === "degraded");
    const detail = bad.map(({ name, detail }) => `${name}: ${detail}`)
      .join("; ");
    return {
      sources,
      summary: bad.length === 0
        ? `The agent at ${server} reports no degraded source.`
        : `The agent at ${server} reports: ${detail}`,
    };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const [reason] = limit.signal.aborted
      ? [`The agent at ${server} does not respond`]
      : messageOf(error).split("\n");
    return {
      sources: [],
      summary: `An agent may have other permissions. ${reason}.`,
    };
  } finally {
    cancel();
  }
}

/** Options of {@linkcode placeOf}. */
export interface PlaceOptions {
  readonly env: (name: string) => string | undefined;
  /** Files as this process sees them, without `--root`. */
  readonly fs: HostFs;
  /** Whether `--root` is another directory. */
  readonly isOtherRoot: boolean;
}

/** Returns where this process runs. `--root` alone does not make a container. */
export function placeOf({ env, fs, isOtherRoot }: PlaceOptions): Place {
  const isIn = (path: string) => fs.readText(path) !== undefined;
  if (
    isIn("/.dockerenv") || isIn("/run/.containerenv") ||
    env("KUBERNETES_SERVICE_HOST") !== undefined ||
    // Set by Podman and systemd-nspawn.
    env("container") !== undefined ||
    // Not sufficient alone: live systems also have such a root.
    isOtherRoot &&
      OVERLAY_ROOT_REGEXP.test(fs.readText("/proc/self/mountinfo") ?? "")
  ) return "container";
  return UNITS.some(isIn) ? "service" : "shell";
}

/** Returns the fix of a `--root` that is not the root of a host. */
export function fixOfRoot(fs: HostFs, place: Place): string | undefined {
  if (fs.root === "/" || fs.readText("/proc/uptime") !== undefined) {
    return undefined;
  }
  return place === "container"
    ? "docker run: -v /:/rootfs:ro, then --root=/rootfs"
    : "use --root=/, which is the default";
}

async function find(source: Source): Promise<Finding> {
  try {
    return await source.find();
  } catch (error) {
    return { state: "missing", detail: messageOf(error) };
  }
}
