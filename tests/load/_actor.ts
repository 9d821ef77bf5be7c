/**
 * A separate process that generates load and reports its actions at the end, so
 * that its work does not delay the measuring process.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";

const DENO = fromFileUrl(new URL("../../scripts/deno", import.meta.url));

/** Arguments of an actor. */
export interface Task {
  /** Seed of the random generator. */
  readonly seed: number;
  readonly seconds: number;
  /** The cgroup below which the actor creates its own. */
  readonly root: string;
  /** URL of the agent. */
  readonly url: string;
  /** The `seq` after which streams start. */
  readonly sinceSeq: number;
}

/** A running actor. */
export interface Actor<Report> {
  readonly child: Deno.ChildProcess;
  /** Report at the end. */
  readonly report: Promise<Report>;
  /** Requests an actor without time limit to end. */
  finish(lastSeq: number): Promise<void>;
}

/** Starts the actor of a file in this directory. */
export function startActor<Report>(file: string, task: Task): Actor<Report> {
  const child = new Deno.Command(DENO, {
    args: [
      "run",
      "-A",
      "--quiet",
      fromFileUrl(new URL(file, import.meta.url)),
      JSON.stringify(task),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const report = reportOf<Report>(child, file);
  // A failure is reported to the code that awaits the report.
  report.catch(() => {});
  return {
    child,
    report,
    async finish(lastSeq) {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(String(lastSeq)));
      await writer.close();
    },
  };
}

async function reportOf<Report>(
  child: Deno.ChildProcess,
  file: string,
): Promise<Report> {
  const text = await new Response(child.stdout).text();
  const { success, code } = await child.status;
  // Still open if the actor was not requested to end.
  await child.stdin.close().catch(() => {});
  if (!success) throw new Error(`${file} ended with status ${code}`);
  return JSON.parse(text);
}

/** Returns the task of this process. */
export function readTask(): Task {
  return JSON.parse(Deno.args[0] ?? "{}");
}

/** Waits until the actor is requested to end; returns the last `seq`. */
export async function waitForFinish(): Promise<number> {
  return Number(await new Response(Deno.stdin.readable).text());
}

/** Writes the report. */
export async function writeReport(report: unknown): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(report));
  for (let at = 0; at < bytes.length;) {
    at += await Deno.stdout.write(bytes.subarray(at));
  }
}
