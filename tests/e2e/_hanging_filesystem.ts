/**
 * A file system that hangs on command: a FUSE server with two requests,
 * FUSE_INIT and FUSE_STATFS (`include/uapi/linux/fuse.h`).
 *
 * ```text
 * unshare --mount deno run -A tests/e2e/_hanging_filesystem.ts DIRECTORY
 * ```
 *
 * Prints `mounted`. Each line of stdin is a command, `hang` or `answer`, which
 * is printed once it is executed. While hanging it still accepts requests: the
 * kernel then blocks the callers uninterruptibly, even if they are killed. At
 * the end of stdin it unmounts, and the kernel fails all pending requests.
 *
 * @module
 */

/** Usage reported by its `statfs`. */
export const HANGING = {
  blockBytes: 4096,
  blocks: 1000,
  freeBlocks: 400,
  availableBlocks: 300,
  files: 50,
  freeFiles: 20,
} as const;

const FUSE_FORGET = 2;
const FUSE_STATFS = 17;
const FUSE_INIT = 26;
const FUSE_INTERRUPT = 36;
const ENOSYS = 38;

const O_RDWR = 2;
const MNT_FORCE = 1;
const MNT_DETACH = 2;

function openLibc() {
  return Deno.dlopen("libc.so.6", {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    read: {
      parameters: ["i32", "buffer", "usize"],
      result: "isize",
      nonblocking: true,
    },
    write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
    mount: {
      parameters: ["buffer", "buffer", "buffer", "u64", "buffer"],
      result: "i32",
    },
    umount2: { parameters: ["buffer", "i32"], result: "i32" },
  });
}

function text(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${value}\0`);
}

/** Returns the body of a response; `undefined` for no response, or an errno. */
function responseTo(opcode: number): Uint8Array | number | undefined {
  if (opcode === FUSE_FORGET || opcode === FUSE_INTERRUPT) return undefined;
  if (opcode === FUSE_INIT) {
    const body = new DataView(new ArrayBuffer(64));
    // Protocol 7.31, and writes of 4096 bytes.
    body.setUint32(0, 7, true);
    body.setUint32(4, 31, true);
    body.setUint32(20, 4096, true);
    return new Uint8Array(body.buffer);
  }
  if (opcode !== FUSE_STATFS) return ENOSYS;
  const body = new DataView(new ArrayBuffer(80));
  const { blocks, freeBlocks, availableBlocks, files, freeFiles } = HANGING;
  [blocks, freeBlocks, availableBlocks, files, freeFiles].forEach((count, i) =>
    body.setBigUint64(i * 8, BigInt(count), true)
  );
  body.setUint32(40, HANGING.blockBytes, true);
  body.setUint32(44, 255, true);
  body.setUint32(48, HANGING.blockBytes, true);
  return new Uint8Array(body.buffer);
}

async function serve(directory: string): Promise<void> {
  const libc = openLibc().symbols;
  const fd = libc.open(text("/dev/fuse"), O_RDWR);
  const options = `fd=${fd},rootmode=40755,user_id=0,group_id=0`;
  const mounted = fd < 0 ? -1 : libc.mount(
    text("hanging"),
    text(directory),
    text("fuse.hanging"),
    0n,
    text(options),
  );
  if (mounted !== 0) {
    say("Cannot mount");
    Deno.exit(1);
  }
  let isHung = false;
  const held: [bigint, number][] = [];
  const respond = (unique: bigint, opcode: number) => {
    const body = responseTo(opcode);
    if (body === undefined) return;
    const bytes = typeof body === "number" ? new Uint8Array() : body;
    const message = new Uint8Array(16 + bytes.length);
    const header = new DataView(message.buffer);
    header.setUint32(0, message.length, true);
    header.setInt32(4, typeof body === "number" ? -body : 0, true);
    header.setBigUint64(8, unique, true);
    message.set(bytes, 16);
    libc.write(fd, message, BigInt(message.length));
  };
  (async () => {
    const request = new Uint8Array(128 * 1024);
    const header = new DataView(request.buffer);
    for (;;) {
      const length = await libc.read(fd, request, BigInt(request.length));
      if (length <= 0) return;
      const opcode = header.getUint32(4, true);
      const unique = header.getBigUint64(8, true);
      if (isHung) held.push([unique, opcode]);
      else respond(unique, opcode);
    }
  })();
  say("mounted");
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const chunk of lines) {
    for (const line of chunk.split("\n").filter((line) => line !== "")) {
      isHung = line === "hang";
      if (!isHung) {
        for (const request of held.splice(0)) respond(...request);
      }
      say(line);
    }
  }
  libc.umount2(text(directory), MNT_FORCE | MNT_DETACH);
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  await serve(Deno.args[0] ?? "");
  // The pending read would keep the process running; its end closes /dev/fuse.
  Deno.exit(0);
}
