export type ListenAddress =
  | { readonly type: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly type: "unix"; readonly path: string };

const TCP_REGEXP = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]/\s]*)):(\d{1,5})$/i;

/**
 * Parses `host:port`, `[::1]:8080` or `unix:/path`. No host is every IPv4
 * address, port 0 a free one.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseListenAddress("[::1]:8080"), { type: "tcp", hostname: "::1", port: 8080 });
 * ```
 *
 * @throws {RangeError} if the format is invalid
 */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith("unix:/")) {
    return { type: "unix", path: text.slice("unix:".length) };
  }
  const [matched, ipv6, host = "", digits] = TCP_REGEXP.exec(text) ?? [];
  const port = Number(digits);
  if (matched === undefined || port > 65_535) {
    throw new RangeError(
      `Cannot parse address "${text}": expected an address such as 127.0.0.1:8080, [::1]:8080 or unix:/path`,
    );
  }
  return { type: "tcp", hostname: (ipv6 ?? host) || "0.0.0.0", port };
}

/** Formats `http://[::1]:8080` or `unix:/path`. */
export function formatListenAddress(
  address: ListenAddress,
  scheme = "http",
): string {
  if (address.type === "unix") return `unix:${address.path}`;
  const { hostname, port } = address;
  return `${scheme}://${
    hostname.includes(":") ? `[${hostname}]` : hostname
  }:${port}`;
}

/** Whether only this machine can connect. */
export function isLoopback(address: ListenAddress): boolean {
  if (address.type === "unix") return true;
  const { hostname } = address;
  return /^127(?:\.\d+){3}$/.test(hostname) || hostname === "::1" ||
    hostname === "localhost";
}
