/**
 * A process of its own that makes load, and tells in the end what it did: so
 * that its work takes no time from those who measure.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";

const DENO = fromFileUrl(new URL("../../scripts/deno", import.meta.url));

/** What an actor is told to do. */
export interface Task {
  /** The same seed makes it do the same things. */
  readonly seed: number;
  readonly seconds: number;
  /** The cgroup below which it makes its own. */
  readonly root: string;
  /** Where the agent is. */
  readonly url: string;
  /** The event after which streams begin. */
  readonly sinceSeq: number;
}

/** A running actor. */
export interface Actor<Report> {
  readonly child: Deno.ChildProcess;
  /** What it tells in the end. */
  readonly report: Promise<Report>;
  /** Asks it to come to its end, where it does not know by itself. */
  finish(lastSeq: number): Promise<void>;
}

/** Starts the actor of a file beside this one. */
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
  // Whoever waits for it hears of a failure; before that it is nobody's.
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
  // Where nobody asked it to end, it is still open.
  await child.stdin.close().catch(() => {});
  if (!success) throw new Error(`${file} ended with status ${code}`);
  return JSON.parse(text);
}

/** The task of the actor that this process is. */
export function readTask(): Task {
  return JSON.parse(Deno.args[0] ?? "{}");
}

/** Waits until the actor is asked to end; gives the number of the last event. */
export async function untilFinish(): Promise<number> {
  return Number(await new Response(Deno.stdin.readable).text());
}

/** Tells what the actor did. */
export async function tell(report: unknown): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(report));
  for (let at = 0; at < bytes.length;) {
    at += await Deno.stdout.write(bytes.subarray(at));
  }
}
