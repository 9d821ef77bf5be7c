import { createHash, timingSafeEqual } from "node:crypto";

/** Characters. */
const MAX_TOKEN_LENGTH = 4096;
const BEARER_REGEXP = /^bearer +([!-~]+) *$/i;

/** Accepted bearer tokens. */
export class Tokens {
  readonly #hashes: readonly Uint8Array[];

  constructor(tokens: readonly string[]) {
    this.#hashes = tokens.map(hashOf);
  }

  /**
   * Returns whether an `Authorization` header has one of the tokens. The time
   * is independent of the token: its hash is compared with every hash, each in
   * constant time.
   */
  authorizes(authorization: string | null): boolean {
    const [, token = ""] = BEARER_REGEXP.exec(authorization ?? "") ?? [];
    const hash = hashOf(token.slice(0, MAX_TOKEN_LENGTH));
    let matches = 0;
    for (const known of this.#hashes) matches += +timingSafeEqual(hash, known);
    return token !== "" && token.length <= MAX_TOKEN_LENGTH && matches > 0;
  }
}

/**
 * Parses a file with one token per line; `#` starts a comment line.
 *
 * @throws {RangeError} for no token, or an invalid one
 */
export function parseTokens(text: string): string[] {
  const tokens = text.split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (tokens.length === 0) {
    throw new RangeError("the file has no token, expected one per line");
  }
  // Errors must not contain the token.
  const at = tokens.findIndex((token) =>
    !/^[!-~]+$/.test(token) || token.length > MAX_TOKEN_LENGTH
  );
  if (at < 0) return tokens;
  throw new RangeError(
    `token ${
      at + 1
    } is invalid, expected at most ${MAX_TOKEN_LENGTH} ASCII characters without spaces`,
  );
}

function hashOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
