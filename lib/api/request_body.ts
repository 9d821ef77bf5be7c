import { STATUS_CODE } from "@std/http/status";
import { type Clock, systemClock } from "../model/clock.ts";
import { BadRequestError } from "../model/errors.ts";
import { HttpError } from "./json_response.ts";

const MAX_BODY_BYTES = 64 * 1024;
/** Maximum time for sending the body. */
const RECEIVE_LIMIT_MS = 10_000;

/**
 * Reads a request's body; empty if absent.
 *
 * @throws {HttpError} 413 if it is longer than 64 KiB
 * @throws {BadRequestError} if it is not UTF-8, is incomplete, or takes longer
 *   than 10 s
 */
export async function readBody(
  request: Pick<Request, "body" | "headers">,
  clock: Clock = systemClock,
): Promise<string> {
  if (request.body === null) return "";
  // Rejects an announced length before reading.
  assertLength(Number(request.headers.get("content-length")));
  try {
    return await readText(request.body, clock);
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new BadRequestError(
      "Cannot read the body: it is not UTF-8, or incomplete",
      { cause: error },
    );
  }
}

async function readText(
  body: ReadableStream<Uint8Array>,
  clock: Clock,
): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = body.getReader();
  const late = Promise.withResolvers<never>();
  const cancel = clock.schedule(
    RECEIVE_LIMIT_MS,
    () => late.reject(new Error("the body took too long")),
  );
  let text = "";
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late.promise]);
      if (done) return text + decoder.decode();
      length += value.length;
      assertLength(length);
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    throw error;
  } finally {
    cancel();
  }
}

function assertLength(length: number): void {
  if (length <= MAX_BODY_BYTES) return;
  throw new HttpError(
    STATUS_CODE.ContentTooLarge,
    `Cannot read the body: it is longer than ${MAX_BODY_BYTES} bytes`,
  );
}
