import { assert, assertEquals, assertRejects } from "@std/assert";
import { logReader } from "../../lib/log/event_log.ts";
import {
  type LogReader,
  type LogTail,
  readLogTail,
} from "../../lib/log/log_tail.ts";

/** Writes the parts of a log, newest first, and reads their tail with several chunk sizes. */
async function tailOf(parts: (string | Uint8Array)[]): Promise<unknown> {
  const dir = await Deno.makeTempDir({ dir: "/tmp" });
  try {
    const path = `${dir}/events.ndjson`;
    const encoder = new TextEncoder();
    for (const [n, part] of parts.entries()) {
      await Deno.writeFile(
        n === 0 ? path : `${path}.${n}`,
        typeof part === "string" ? encoder.encode(part) : part,
      );
    }
    const whole = await readLogTail(path, { reader: logReader });
    for (const chunkBytes of [7, 64, 129]) {
      const tail = await readLogTail(path, { reader: logReader, chunkBytes });
      assertEquals(tail, whole, `in chunks of ${chunkBytes}`);
    }
    return whole;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function line(seq: number, bootId = "b1", kmsgSeq?: number): string {
  const isKill = kmsgSeq !== undefined;
  const event = {
    seq,
    "boot_id": bootId,
    "node": "n1",
    "event_type": isKill ? "oomKill" : "containerCreation",
    "event_data": isKill ? { "oom": { "kmsg_seq": kmsgSeq } } : {},
  };
  return `${JSON.stringify(event)}\n`;
}

/** Returns the state whose last reported record has this number. */
function upTo(kmsgSeq: number): NonNullable<LogTail["ooms"]> {
  return { state: { "inferred_units": 0, "kmsg_seq": kmsgSeq } };
}

Deno.test("readLogTail() returns an empty state for a missing or empty log", async () => {
  assertEquals(await tailOf([]), {
    lastSeq: 0,
    tornBytes: 0,
  });
  assertEquals(await tailOf([""]), {
    lastSeq: 0,
    tornBytes: 0,
  });
});

Deno.test("readLogTail() returns seq and boot ID of the last line", async () => {
  assertEquals(await tailOf([line(1) + line(2) + line(3, "b2")]), {
    lastSeq: 3,
    bootId: "b2",
    tornBytes: 0,
  });
});

Deno.test("readLogTail() counts the bytes of an incomplete line and ignores its content", async () => {
  const torn = line(3, "b1", 99).slice(0, -3);
  assertEquals(await tailOf([line(2, "b1", 7) + torn]), {
    lastSeq: 2,
    bootId: "b1",
    ooms: upTo(7),
    tornBytes: torn.length,
  });
  assertEquals(await tailOf([torn]), {
    lastSeq: 0,
    tornBytes: torn.length,
  });
});

Deno.test("readLogTail() ignores an incomplete line that was terminated later", async () => {
  for (const cut of [3, 4, 8, 40]) {
    const torn = line(3, "b1", 99).slice(0, -cut);
    assertEquals(
      await tailOf([line(2, "b1", 7) + `${torn}\n` + line(3)]),
      {
        lastSeq: 3,
        bootId: "b1",
        ooms: upTo(7),
        tornBytes: 0,
      },
      `cut by ${cut}`,
    );
  }
});

Deno.test("readLogTail() includes the seq of a loss notice", async () => {
  const lost = '{"seq":9,"boot_id":"b1","event_type":"lost","event_data":{}}\n';
  assertEquals(await tailOf([line(3) + lost]), {
    lastSeq: 9,
    bootId: "b1",
    tornBytes: 0,
  });
});

Deno.test("readLogTail() returns the last kmsg_seq of the last boot only", async () => {
  const text = line(1, "b1", 900) + line(2, "b1", 901) +
    line(3, "b2", 20) + line(4, "b2", 22) + line(6, "b2");
  assertEquals(await tailOf([text]), {
    lastSeq: 6,
    bootId: "b2",
    ooms: upTo(22),
    tornBytes: 0,
  });
});

Deno.test("readLogTail() returns no kmsg_seq if the last boot reported no record", async () => {
  assertEquals(await tailOf([line(1, "b1", 900) + line(2, "b2")]), {
    lastSeq: 2,
    bootId: "b2",
    tornBytes: 0,
  });
});

Deno.test("readLogTail() reads rotated parts of the same boot", async () => {
  const parts = [
    line(7, "b2"),
    line(5, "b2") + line(6, "b2"),
    line(3, "b1", 900) + line(4, "b2", 5),
    line(1, "b2", 77) + line(2, "b1"),
  ];
  assertEquals(await tailOf(parts), {
    lastSeq: 7,
    bootId: "b2",
    ooms: upTo(5),
    tornBytes: 0,
  });
});

Deno.test("readLogTail() returns the last line of a rotated part if the newest part is empty", async () => {
  assertEquals(await tailOf(["", line(4, "b1", 3)]), {
    lastSeq: 4,
    bootId: "b1",
    ooms: upTo(3),
    tornBytes: 0,
  });
});

Deno.test("readLogTail() continues with the rotated part if the newest is missing, as between two renames", async () => {
  const dir = await Deno.makeTempDir({ dir: "/tmp" });
  await Deno.writeTextFile(`${dir}/log.1`, line(4));
  const tail = await readLogTail(`${dir}/log`, { reader: logReader });
  assertEquals(tail.lastSeq, 4);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("readLogTail() skips invalid lines", async () => {
  const garbage = [
    "",
    "null",
    "[1]",
    "not json",
    '{"seq":"12","boot_id":"b1"}',
    '{"seq":12}',
    '{"seq":1.5,"boot_id":"b1"}',
    '{"kmsg_seq":400}',
    "\0\0\0\0",
  ].join("\n");
  assertEquals(
    await tailOf([
      `${garbage}\n${line(3, "b1", 8)}${garbage}\n${line(4)}${garbage}\n`,
    ]),
    { lastSeq: 4, bootId: "b1", ooms: upTo(8), tornBytes: 0 },
  );
});

Deno.test("readLogTail() is not affected by a process named like a JSON key", async () => {
  const named = JSON.stringify({
    "seq": 2,
    "boot_id": "b1",
    "event_data": {
      "oom": { "process_name": '"kmsg_seq":999,"boot_id":"b9"' },
    },
  });
  assertEquals(await tailOf([`${line(1, "b1", 4)}${named}\n`]), {
    lastSeq: 2,
    bootId: "b1",
    ooms: upTo(4),
    tornBytes: 0,
  });
});

Deno.test("readLogTail() skips the blocks of zeros that a power failure can leave", async () => {
  const encoder = new TextEncoder();
  const before = encoder.encode(line(5, "b1", 6));
  const after = encoder.encode(`\n${line(6)}`);
  const bytes = new Uint8Array(before.length + 3_000_000 + after.length);
  bytes.set(before);
  bytes.set(after, before.length + 3_000_000);
  const dir = await Deno.makeTempDir({ dir: "/tmp" });
  await Deno.writeFile(`${dir}/log`, bytes);
  const reader = logReader;
  const tail = await readLogTail(`${dir}/log`, { reader, chunkBytes: 65_536 });
  assertEquals(tail, {
    lastSeq: 6,
    bootId: "b1",
    ooms: upTo(6),
    tornBytes: 0,
  });
  await Deno.remove(dir, { recursive: true });
});

Deno.test("readLogTail() treats a directory as an empty log, and throws other errors", async () => {
  const dir = await Deno.makeTempDir({ dir: "/tmp" });
  await Deno.mkdir(`${dir}/log`);
  const tail = await readLogTail(`${dir}/log`, { reader: logReader });
  assertEquals(tail, { lastSeq: 0, tornBytes: 0 });
  await Deno.remove(dir, { recursive: true });
  const reader: LogReader = {
    size: () => Promise.resolve(100),
    read: () => Promise.reject(new Error("Input/output error (os error 5)")),
  };
  await assertRejects(() => readLogTail("/x", { reader }), Error, "os error 5");
});

Deno.test("readLogTail() stops at the start of the boot and does not read older parts", async () => {
  const text = Array.from({ length: 4000 }, (_, n) => line(n, "b1", n)).join(
    "",
  );
  const bytes = new TextEncoder().encode(text + line(4000, "b2"));
  let read = 0;
  const reader: LogReader = {
    size: () => Promise.resolve(bytes.length),
    read(_path, offset, length) {
      read += length;
      return Promise.resolve(bytes.slice(offset, offset + length));
    },
  };
  const tail = await readLogTail("/x", { reader, chunkBytes: 4096 });
  assertEquals(tail.bootId, "b2");
  assert(read <= 3 * 4096, `${read}`);
});

/** Returns an event line that contains a state. */
function stateLine(
  seq: number,
  type: "oom" | "oomKill" | "checkpoint",
  data: Record<string, unknown>,
  bootId = "b1",
): string {
  const event = {
    seq,
    "boot_id": bootId,
    "event_type": type,
    "event_data": { [type === "checkpoint" ? type : "oom"]: data },
  };
  return `${JSON.stringify(event)}\n`;
}

Deno.test("readLogTail() returns the state after the last kill, with or without a kmsg record", async () => {
  const exact = { "kmsg_seq": 7, "node_oom_kills": 4, "inferred_units": 2 };
  const inferred = {
    "kmsg_read_seq": 9,
    "node_oom_kills": 5,
    "inferred_units": 3,
  };
  const table = [
    [stateLine(1, "oomKill", exact), exact],
    [
      stateLine(1, "oomKill", exact) + stateLine(2, "oomKill", inferred),
      { "kmsg_seq": 9, "node_oom_kills": 5, "inferred_units": 3 },
    ],
    [
      stateLine(1, "oomKill", exact) +
      stateLine(2, "oomKill", { "node_oom_kills": 5 }),
      { "kmsg_seq": 7, "node_oom_kills": 5, "inferred_units": 0 },
    ],
    // An incomplete line has no state.
    [
      stateLine(1, "oomKill", exact) +
      stateLine(2, "oomKill", inferred).slice(0, -9) + "\n",
      exact,
    ],
  ] as const;
  for (const [text, state] of table) {
    const { ooms } = await tailOf([text]) as LogTail;
    assertEquals(ooms, { state });
  }
});

Deno.test("readLogTail() returns the incident of an oom event without a kill in the log", async () => {
  const kill = { "incident": "i1", "kmsg_seq": 7, "node_oom_kills": 4 };
  const { ooms } = await tailOf([
    stateLine(1, "oom", { "incident": "i1" }) + stateLine(2, "oomKill", kill) +
    stateLine(3, "oom", { "incident": "i2" }) + line(4),
  ]) as LogTail;
  assertEquals(ooms, {
    state: { "kmsg_seq": 7, "node_oom_kills": 4, "inferred_units": 0 },
    incidents: ["i2"],
  });
});

Deno.test("readLogTail() returns the incident of an oom event before a rotation", async () => {
  const state = {
    "kmsg_seq": 7,
    "node_oom_kills": 4,
    "inferred_units": 0,
  };
  const before = stateLine(1, "oom", { "incident": "i1" }) +
    stateLine(2, "oomKill", { "incident": "i1", "kmsg_seq": 7 }) +
    stateLine(3, "oom", { "incident": "i2" });
  const head = stateLine(3, "checkpoint", state);
  const tail = async (parts: string[]) => (await tailOf(parts) as LogTail).ooms;
  assertEquals(await tail([head + line(4), before]), {
    state,
    incidents: ["i2"],
  });
  // Any other checkpoint is the state of that time.
  const later = stateLine(4, "checkpoint", { ...state, "kmsg_seq": 9 });
  assertEquals(await tail([head + later, before]), {
    state: { ...state, "kmsg_seq": 9 },
  });
  const kill = stateLine(4, "oomKill", { "incident": "i2", "kmsg_seq": 8 });
  assertEquals(await tail([head + kill, before]), {
    state: { ...state, "kmsg_seq": 8 },
  });
});

Deno.test("readLogTail() stops at a checkpoint, which contains the state of older lines", async () => {
  const state = {
    "kmsg_seq": 20,
    "kmsg_usec": 1234,
    "node_oom_kills": 6,
    "inferred_units": 1,
  };
  const parts = [
    stateLine(5, "checkpoint", state) + line(6),
    stateLine(1, "oomKill", { "kmsg_seq": 900, "node_oom_kills": 900 }),
  ];
  const { ooms } = await tailOf(parts) as LogTail;
  assertEquals(ooms, { state });
  const later = stateLine(7, "oomKill", { "kmsg_seq": 22 });
  const after = await tailOf([`${parts[0]}${later}`]) as LogTail;
  assertEquals(after.ooms?.state, {
    "kmsg_seq": 22,
    "node_oom_kills": 6,
    "inferred_units": 1,
  });
  const other = await tailOf([
    stateLine(5, "checkpoint", state) + line(6, "b2"),
  ]) as LogTail;
  assertEquals(other.ooms, undefined);
  assertEquals(other.lastSeq, 6);
});
