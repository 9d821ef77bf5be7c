import { createHash, timingSafeEqual } from "node:crypto";

/** The longest token that is looked at, characters. */
const MAX_TOKEN_LENGTH = 4096;
const BEARER_REGEXP = /^bearer +([!-~]+) *$/i;

/** The tokens that a client may show. */
export class Tokens {
  readonly #hashes: readonly Uint8Array[];

  /** Takes the tokens as such; see {@linkcode parseTokens}. */
  constructor(tokens: readonly string[]) {
    this.#hashes = tokens.map(hashOf);
  }

  /**
   * Whether a header `Authorization` bears one of them. It takes as long
   * whatever the token is: hashes are compared, with each of them, to the end.
   */
  admits(authorization: string | null): boolean {
    const [, token = ""] = BEARER_REGEXP.exec(authorization ?? "") ?? [];
    const hash = hashOf(token.slice(0, MAX_TOKEN_LENGTH));
    let matches = 0;
    for (const known of this.#hashes) matches += +timingSafeEqual(hash, known);
    return token !== "" && token.length <= MAX_TOKEN_LENGTH && matches > 0;
  }
}

/**
 * The tokens of a file: one a line, without what `#` begins.
 *
 * @throws {RangeError} if there is none, or one has a form that no header can bear
 */
export function parseTokens(text: string): string[] {
  const tokens = text.split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (tokens.length === 0) {
    throw new RangeError("It has no token: wanted is one a line");
  }
  // The token itself is not for an error message.
  const at = tokens.findIndex((token) =>
    !/^[!-~]+$/.test(token) || token.length > MAX_TOKEN_LENGTH
  );
  if (at < 0) return tokens;
  throw new RangeError(
    `Its token ${
      at + 1
    } has blanks or other than ASCII, or more than ${MAX_TOKEN_LENGTH} characters`,
  );
}

function hashOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
