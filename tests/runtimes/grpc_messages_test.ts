import { assertEquals } from "@std/assert";
import { assertSpyCalls, spy } from "@std/testing/mock";
import {
  frameGrpc,
  GrpcMessageBound,
} from "../../lib/runtimes/grpc_messages.ts";
import { joined } from "../_support/fake_containerd.ts";

const MESSAGES = [[1, 2, 3], [], [4], Array(300).fill(5)]
  .map((bytes) => Uint8Array.from(bytes));

Deno.test("GrpcMessageBound cuts bytes into messages, wherever they are torn", () => {
  const bytes = joined(...MESSAGES.map(frameGrpc));
  for (let size = 1; size < 20; size++) {
    const bound = new GrpcMessageBound(1_000, spy());
    const messages: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      messages.push(...bound.push(bytes.subarray(at, at + size)));
    }
    assertEquals(messages, MESSAGES);
    assertEquals(bound.isBetween, true);
  }
});

Deno.test("GrpcMessageBound passes over what is too long or compressed, and goes on behind it", () => {
  const lost = spy();
  const bound = new GrpcMessageBound(10, lost);
  const compressed = frameGrpc(Uint8Array.of(7));
  compressed[0] = 1;
  const bytes = joined(
    frameGrpc(new Uint8Array(11)),
    compressed,
    frameGrpc(Uint8Array.of(8)),
    Uint8Array.of(0, 255),
  );
  assertEquals(bound.push(bytes), [Uint8Array.of(8)]);
  assertSpyCalls(lost, 2);
  assertEquals(bound.isBetween, false);
});
