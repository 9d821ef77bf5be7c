import { parseTokens, Tokens } from "../api/tokens.ts";
import { UsageError } from "./command_line.ts";
import { messageOf } from "../model/errors.ts";

/** Neither owner nor group. */
const OTHERS = 0o006;

/**
 * Reads `--auth-token-file`.
 *
 * @throws {UsageError} if it is unreadable, accessible to other users, or has
 *   no tokens
 */
export function readTokens(path: string): Tokens {
  return withFlag("--auth-token-file", path, () => {
    const mode = Deno.statSync(path).mode ?? 0;
    if ((mode & OTHERS) !== 0) {
      throw new RangeError(
        `the file is accessible to other users (mode ${
          octal(mode)
        }), expected mode 0600 or 0640`,
      );
    }
    return new Tokens(parseTokens(Deno.readTextFileSync(path)));
  });
}

/**
 * Reads `--tls-cert` and `--tls-key`.
 *
 * @throws {UsageError} if a file is unreadable or lacks a PEM block of its type
 */
export function readTls(
  files: { readonly certFile: string; readonly keyFile: string },
): { cert: string; key: string } {
  return {
    cert: readPem("--tls-cert", files.certFile, "CERTIFICATE"),
    key: readPem("--tls-key", files.keyFile, "PRIVATE KEY"),
  };
}

function readPem(flag: string, path: string, kind: string): string {
  return withFlag(flag, path, () => {
    const text = Deno.readTextFileSync(path);
    if (new RegExp(`^-----BEGIN [A-Z ]*${kind}-----`, "m").test(text)) {
      return text;
    }
    throw new RangeError(`no PEM block "BEGIN ${kind}"`);
  });
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

function withFlag<T>(flag: string, path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UsageError(`${flag}: Cannot use "${path}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}
