import { assertEquals } from "@std/assert";
import { assertSpyCalls, spy } from "@std/testing/mock";
import {
  encodeGrpcMessage,
  GrpcMessageDecoder,
} from "../../lib/runtimes/grpc_messages.ts";
import { joined } from "../_support/fake_containerd.ts";

const MESSAGES = [[1, 2, 3], [], [4], Array(300).fill(5)]
  .map((bytes) => Uint8Array.from(bytes));

Deno.test("GrpcMessageDecoder splits chunks of any size into messages", () => {
  const bytes = joined(...MESSAGES.map(encodeGrpcMessage));
  for (let size = 1; size < 20; size++) {
    const bound = new GrpcMessageDecoder(1_000, spy());
    const messages: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      messages.push(...bound.push(bytes.subarray(at, at + size)));
    }
    assertEquals(messages, MESSAGES);
    assertEquals(bound.isComplete, true);
  }
});

Deno.test("GrpcMessageDecoder skips messages that are too long or compressed, and continues", () => {
  const lost = spy();
  const bound = new GrpcMessageDecoder(10, lost);
  const compressed = encodeGrpcMessage(Uint8Array.of(7));
  compressed[0] = 1;
  const bytes = joined(
    encodeGrpcMessage(new Uint8Array(11)),
    compressed,
    encodeGrpcMessage(Uint8Array.of(8)),
    Uint8Array.of(0, 255),
  );
  assertEquals(bound.push(bytes), [Uint8Array.of(8)]);
  assertSpyCalls(lost, 2);
  assertEquals(bound.isComplete, false);
});
