import type { CheckpointData, Event } from "../model/event.ts";
import { rotatedPath } from "./log_file.ts";

/** File access for {@linkcode readLogTail}. */
export interface LogReader {
  /** Returns `undefined` if not a regular file. */
  size(path: string): Promise<number | undefined>;
  /** Returns fewer bytes at the end of the file. */
  read(path: string, offset: number, length: number): Promise<Uint8Array>;
}

/** Options of {@linkcode readLogTail}. */
export interface LogTailOptions {
  readonly reader: LogReader;
  /** Size of reads. @default 1 MiB */
  readonly chunkBytes?: number;
}

/** State left by an earlier run. */
export interface LogTail {
  /** 0 without a complete line. */
  readonly lastSeq: number;
  /** Boot of the last complete line. */
  readonly bootId?: string;
  /** OOM kills of that boot; absent if no line has them. */
  readonly ooms?: {
    readonly state: CheckpointData;
    /** Incidents of the `oom` events that no kill follows, up to {@linkcode MAX_INCIDENTS}. */
    readonly incidents?: readonly string[];
  };
  /** Length of an incomplete last line. */
  readonly tornBytes: number;
}

const NEWLINE = 10;
/** A crash can leave longer blocks on the disk. */
const MAX_LINE_BYTES = 1 << 20;
/** The kernel prints headers of ten OOMs in five seconds. */
const MAX_INCIDENTS = 1_000;
// Cannot match inside a JSON string, where quotes are escaped.
const STATE_REGEXP = /"event_type":"(?:oom|oomKill|checkpoint)"/g;

/**
 * Reads a log and its rotated parts backwards until the state of the last boot
 * is known: each part starts with a checkpoint. Invalid lines are skipped. A
 * missing or irregular file has no events.
 *
 * @param path the newest part; `path.1` is the previous one
 * @throws errors of the reader
 */
export async function readLogTail(
  path: string,
  options: LogTailOptions,
): Promise<LogTail> {
  const { reader, chunkBytes = 1 << 20 } = options;
  const scan = new TailScan();
  let tornBytes = 0;
  for (let n = 0; !scan.done; n++) {
    const part = rotatedPath(path, n);
    const size = await reader.size(part);
    // During a rotation the newest part may be missing.
    if (size === undefined && n > 0) break;
    const file: Part = { path: part, size: size ?? 0, reader, chunkBytes };
    const end = await endOfLines(file);
    if (n === 0) tornBytes = file.size - end;
    for await (const { lines, hasHead } of linesBackwards(file, end)) {
      scan.push(lines, hasHead);
      if (scan.done) break;
    }
  }
  return { ...scan.found, tornBytes };
}

interface Part {
  readonly path: string;
  readonly size: number;
  readonly reader: LogReader;
  readonly chunkBytes: number;
}

async function endOfLines(part: Part): Promise<number> {
  for (let end = part.size; end > 0; end -= part.chunkBytes) {
    const start = Math.max(0, end - part.chunkBytes);
    const bytes = await part.reader.read(part.path, start, end - start);
    const newline = bytes.lastIndexOf(NEWLINE);
    if (newline >= 0) return start + newline + 1;
  }
  return 0;
}

/** Yields blocks of complete lines, last first. `hasHead`: the part starts with it. */
async function* linesBackwards(
  part: Part,
  from: number,
): AsyncGenerator<{ readonly lines: string; readonly hasHead: boolean }> {
  let head: Uint8Array = new Uint8Array();
  for (let end = from; end > 0; end -= part.chunkBytes) {
    const start = Math.max(0, end - part.chunkBytes);
    const chunk = await part.reader.read(part.path, start, end - start);
    const bytes = new Uint8Array(chunk.length + head.length);
    bytes.set(chunk);
    bytes.set(head, chunk.length);
    const newline = bytes.indexOf(NEWLINE);
    const first = start === 0 ? 0 : newline + 1;
    head = newline < 0 || newline > MAX_LINE_BYTES
      ? new Uint8Array()
      : bytes.subarray(0, first);
    const last = bytes.lastIndexOf(NEWLINE) + 1;
    if (last <= first) continue;
    const lines = decoder.decode(bytes.subarray(first, last));
    yield { lines, hasHead: start === 0 };
  }
}

const decoder = new TextDecoder();

interface Line {
  readonly seq: number;
  readonly bootId: string;
  readonly event: Partial<Event>;
}

/** Collects the state, newest lines first. */
class TailScan {
  #last: Line | undefined;
  #kmsgSeq: number | undefined;
  #units: Pick<CheckpointData, "node_oom_kills" | "inferred_units"> | undefined;
  #checkpoint: CheckpointData | undefined;
  readonly #incidents: string[] = [];
  #hasKill = false;
  #done = false;

  /** Older lines cannot add to the state. */
  get done(): boolean {
    return this.#done;
  }

  get found(): Omit<LogTail, "tornBytes"> {
    if (this.#last === undefined) return { lastSeq: 0 };
    const { seq, bootId } = this.#last;
    const hasState = this.#checkpoint !== undefined || this.#hasKill;
    const kmsgSeq = this.#kmsgSeq;
    return {
      lastSeq: seq,
      bootId,
      ...(hasState && {
        ooms: {
          state: {
            "inferred_units": 0,
            ...this.#checkpoint,
            ...this.#units,
            ...(kmsgSeq !== undefined && { "kmsg_seq": kmsgSeq }),
          },
          ...(this.#incidents.length > 0 && { incidents: this.#incidents }),
        },
      }),
    };
  }

  push(lines: string, hasHead: boolean): void {
    this.#last ??= firstEvent(linesFromEnd(lines));
    if (this.#last === undefined) return;
    const { bootId } = this.#last;
    let text = lines;
    // Boots are consecutive: if the first line is from this boot, all are.
    if (firstEvent(linesFromStart(lines))?.bootId !== bootId) {
      text = lines.slice(startOfBoot(lines, bootId));
      this.#done = text.length < lines.length;
    }
    for (const { index } of [...text.matchAll(STATE_REGEXP)].reverse()) {
      const start = text.lastIndexOf("\n", index) + 1;
      const line = parseLine(text.slice(start, text.indexOf("\n", index)));
      const isHead = hasHead && start === 0 && text === lines;
      if (line?.bootId === bootId && this.#takeState(line.event, isHead)) {
        this.#done = true;
        return;
      }
    }
  }

  /** Adds values missing in newer events; returns whether the state is complete. */
  #takeState(
    { event_type: type, event_data: data }: Partial<Event>,
    isHead: boolean,
  ): boolean {
    if (type === "checkpoint" && data?.checkpoint !== undefined) {
      const { checkpoint } = data;
      if (this.#checkpoint !== undefined) return true;
      // Belongs to the checkpoint's own record.
      const { kmsg_usec: _, ...untimed } = checkpoint;
      this.#checkpoint = this.#kmsgSeq === undefined ? checkpoint : untimed;
      // The head of a part is the state of the last kill: `oom` events of the
      // part before may be newer.
      return this.#hasKill || !isHead;
    }
    const oom = data?.oom;
    if (oom === undefined) return false;
    if (type === "oom") {
      const isKept = !this.#hasKill && this.#incidents.length < MAX_INCIDENTS;
      if (isKept && oom.incident !== undefined) {
        this.#incidents.push(oom.incident);
      }
      return false;
    }
    if (this.#checkpoint !== undefined) return true;
    this.#hasKill = true;
    this.#kmsgSeq ??= oom.kmsg_seq ?? oom.kmsg_read_seq;
    if (oom.node_oom_kills !== undefined) {
      this.#units ??= {
        "node_oom_kills": oom.node_oom_kills,
        "inferred_units": oom.inferred_units ?? 0,
      };
    }
    return this.#kmsgSeq !== undefined && this.#units !== undefined;
  }
}

/** Returns the offset after the last event of another boot. */
function startOfBoot(lines: string, bootId: string): number {
  const mark = `"boot_id":${JSON.stringify(bootId)}`;
  let end = lines.length;
  for (const line of linesFromEnd(lines)) {
    if (!line.includes(mark) && parseLine(line) !== undefined) return end;
    end -= line.length + 1;
  }
  return 0;
}

function firstEvent(lines: Iterable<string>): Line | undefined {
  for (const line of lines) {
    const event = parseLine(line);
    if (event !== undefined) return event;
  }
  return undefined;
}

function* linesFromEnd(text: string): Generator<string> {
  let end = text.length - 1;
  while (end >= 0) {
    const start = end === 0 ? 0 : text.lastIndexOf("\n", end - 1) + 1;
    yield text.slice(start, end);
    end = start - 1;
  }
}

function* linesFromStart(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf("\n", start);
    yield text.slice(start, end);
    start = end + 1;
  }
}

function parseLine(line: string): Line | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { "seq": seq, "boot_id": bootId } = value as Record<string, unknown>;
  if (typeof seq !== "number" || !Number.isSafeInteger(seq)) return undefined;
  return typeof bootId === "string"
    ? { seq, bootId, event: value as Partial<Event> }
    : undefined;
}
