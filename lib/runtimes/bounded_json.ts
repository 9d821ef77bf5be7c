/** Including nested values; a Docker list of 2,000 containers has about 100,000. */
const MAX_ELEMENTS = 120_000;
const MAX_DEPTH = 64;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Parses JSON with limits on values and depth: an empty object takes 2 bytes of
 * text, but 56 of memory.
 *
 * @throws {RangeError} above a limit
 * @throws {SyntaxError} for invalid JSON
 */
export function parseBoundedJson(text: string): unknown {
  let elements = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfText(text, at);
        continue;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        elements++;
        if (++depth > MAX_DEPTH) {
          throw new RangeError(
            `Cannot parse JSON: it is nested deeper than ${MAX_DEPTH} levels`,
          );
        }
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth--;
        continue;
      case COMMA:
        elements++;
        break;
      default:
        continue;
    }
    if (elements > MAX_ELEMENTS) {
      throw new RangeError(
        `Cannot parse JSON: it has more than ${MAX_ELEMENTS} values`,
      );
    }
  }
  return JSON.parse(text);
}

/** Returns the index of the closing quote. */
function endOfText(text: string, start: number): number {
  for (let end = start;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
}
