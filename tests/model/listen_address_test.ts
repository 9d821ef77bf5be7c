import { assertEquals, assertThrows } from "@std/assert";
import {
  formatListenAddress,
  parseListenAddress,
} from "../../lib/model/listen_address.ts";

Deno.test("parseListenAddress() and formatListenAddress() support all formats", () => {
  for (
    const [text, address, printed] of [
      [
        "127.0.0.1:8080",
        { type: "tcp", hostname: "127.0.0.1", port: 8080 },
        "http://127.0.0.1:8080",
      ],
      [
        "node-1.example:0",
        { type: "tcp", hostname: "node-1.example", port: 0 },
        "http://node-1.example:0",
      ],
      [
        "[::1]:8080",
        { type: "tcp", hostname: "::1", port: 8080 },
        "http://[::1]:8080",
      ],
      [
        ":8080",
        { type: "tcp", hostname: "0.0.0.0", port: 8080 },
        "http://0.0.0.0:8080",
      ],
      [
        "unix:/run/cgwatch.sock",
        { type: "unix", path: "/run/cgwatch.sock" },
        "unix:/run/cgwatch.sock",
      ],
    ] as const
  ) {
    assertEquals(parseListenAddress(text), address);
    assertEquals(formatListenAddress(address), printed);
  }
});

Deno.test("parseListenAddress() throws on an invalid format, with the value and the expected format", () => {
  for (
    const text of [
      "",
      "8080",
      "localhost",
      "localhost:",
      "localhost:http",
      "localhost:65536",
      "::1:8080",
      "[::1]",
      "[localhost]:80",
      "http://localhost:80",
      "unix:relative.sock",
      "a b:80",
    ]
  ) {
    assertThrows(
      () => parseListenAddress(text),
      RangeError,
      `Cannot parse address "${text}": expected an address such as`,
    );
  }
});
