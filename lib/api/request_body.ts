import { STATUS_CODE } from "@std/http/status";
import { BadRequestError } from "../model/errors.ts";
import { HttpError } from "./json_response.ts";

/** The most that is read of a body. */
const MAX_BODY_BYTES = 64 * 1024;

/**
 * The text of a request's body; empty where there is none.
 *
 * @throws {HttpError} 413 if it is longer than 64 KiB
 * @throws {BadRequestError} if it is not UTF-8, or ends before it should
 */
export async function readBody(
  request: Pick<Request, "body" | "headers">,
): Promise<string> {
  if (request.body === null) return "";
  // What is announced as too long need not be read to be refused.
  assertLength(Number(request.headers.get("content-length")));
  try {
    return await readText(request.body);
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new BadRequestError(
      "Cannot read the body: it is not UTF-8, or its end did not come",
      { cause: error },
    );
  }
}

async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let length = 0;
  for await (const bytes of body) {
    length += bytes.length;
    assertLength(length);
    text += decoder.decode(bytes, { stream: true });
  }
  return text + decoder.decode();
}

function assertLength(length: number): void {
  if (length <= MAX_BODY_BYTES) return;
  throw new HttpError(
    STATUS_CODE.ContentTooLarge,
    `Cannot read the body as it is longer than ${MAX_BODY_BYTES} bytes`,
  );
}
