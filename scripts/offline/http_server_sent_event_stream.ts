/**
 * Stand-in for `@std/http/server-sent-event-stream` where JSR cannot be reached.
 *
 * @module
 */

const NEWLINE_REGEXP = /\r\n|\r|\n/;

/** One message of the `text/event-stream` format. */
export interface ServerSentEventMessage {
  /** Text that clients skip. */
  comment?: string;
  /** The type of the event. */
  event?: string;
  /** The text of the event, which may have several lines. */
  data?: string;
  /** What a client sends as `Last-Event-ID` when it comes back. */
  id?: string | number;
  /** After how many milliseconds a client comes back. */
  retry?: number;
}

/** Turns messages into the bytes of `text/event-stream`. */
export class ServerSentEventStream
  extends TransformStream<ServerSentEventMessage, Uint8Array> {
  /** Makes a stream for one client. */
  constructor() {
    const encoder = new TextEncoder();
    super({
      transform(message, controller) {
        controller.enqueue(encoder.encode(serialize(message)));
      },
    });
  }
}

function serialize(message: ServerSentEventMessage): string {
  const { comment, event, data, id, retry } = message;
  let text = "";
  for (const line of comment?.split(NEWLINE_REGEXP) ?? []) text += `:${line}\n`;
  if (event !== undefined) text += `event:${singleLine("event", event)}\n`;
  for (const line of data?.split(NEWLINE_REGEXP) ?? []) {
    text += `data:${line}\n`;
  }
  if (id !== undefined) text += `id:${singleLine("id", `${id}`)}\n`;
  if (retry !== undefined) text += `retry:${retry}\n`;
  return text + "\n";
}

function singleLine(name: string, value: string): string {
  if (!NEWLINE_REGEXP.test(value)) return value;
  throw new SyntaxError(
    `Cannot serialize message: \`message.${name}\` cannot contain a newline`,
  );
}
