/**
 * A test certificate, created with openssl.
 *
 * @module
 */
import { join } from "@std/path";
import { hasProgram } from "./_programs.ts";

/** Whether {@linkcode certificate} is available. */
export const HAS_OPENSSL: boolean = hasProgram("openssl");

/** Creates a certificate for `localhost` and 127.0.0.1; returns the paths of the two files. */
export async function certificate(
  directory: string,
): Promise<{ cert: string; key: string }> {
  const cert = join(directory, "cert.pem");
  const key = join(directory, "key.pem");
  const { success } = await new Deno.Command("openssl", {
    args: [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        .split(" "),
      ..."-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
        .split(" "),
      ..."-addext basicConstraints=critical,CA:FALSE".split(" "),
      ...["-keyout", key, "-out", cert],
    ],
    stdout: "null",
    stderr: "null",
  }).output();
  if (!success) throw new Error("openssl makes no certificate");
  return { cert, key };
}
