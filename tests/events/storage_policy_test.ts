import { assertEquals, assertThrows } from "@std/assert";
import {
  DEFAULT_STORAGE_POLICY,
  parseStoragePolicy,
  policyOf,
} from "../../lib/events/storage_policy.ts";

const HOUR_MS = 3_600_000;

Deno.test("parseStoragePolicy() parses cAdvisor's values", () => {
  const policy = parseStoragePolicy(
    "default=24h,oom=1h",
    "default=100000,oomKill=-1,containerCreation=0",
  );
  assertEquals(policyOf(policy, "oom"), {
    maxAgeMs: HOUR_MS,
    maxItems: 100_000,
  });
  assertEquals(policyOf(policy, "oomKill"), {
    maxAgeMs: 24 * HOUR_MS,
    maxItems: -1,
  });
  assertEquals(policyOf(policy, "containerCreation").maxItems, 0);
  assertEquals(policyOf(policy, "containerDeletion"), policy.default);
});

Deno.test("parseStoragePolicy() uses defaults for absent names", () => {
  assertEquals(parseStoragePolicy("", ""), DEFAULT_STORAGE_POLICY);
  assertEquals(
    policyOf(parseStoragePolicy("oom=1m30s", ""), "oom"),
    { maxAgeMs: 90_000, maxItems: 100_000 },
  );
});

Deno.test("parseStoragePolicy() accepts creation and deletion as short names", () => {
  const policy = parseStoragePolicy("creation=1h", " deletion = 7 ,");
  assertEquals(policyOf(policy, "containerCreation").maxAgeMs, HOUR_MS);
  assertEquals(policyOf(policy, "containerDeletion").maxItems, 7);
});

Deno.test("parseStoragePolicy() throws with the invalid part and the expected format", () => {
  const cases: [string, string, string][] = [
    [
      "default=24h,1h",
      "",
      'Cannot parse event storage age limit "1h": expected TYPE=VALUE, for example "default=24h"',
    ],
    [
      "ooms=1h",
      "",
      'Cannot parse event storage age limit "ooms=1h": unknown event type "ooms", expected one of default, oom, oomKill, containerCreation, containerDeletion',
    ],
    [
      "oom=1 hour",
      "",
      'Cannot parse event storage age limit "oom=1 hour": Cannot parse duration "1 hour": expected a duration such as',
    ],
    [
      "",
      "oom=many",
      'Cannot parse event storage event limit "oom=many": invalid count "many", expected an integer of at least -1 (no limit)',
    ],
    ["", "oom=-2", 'invalid count "-2"'],
    ["", "oom=", 'invalid count ""'],
    ["", "oom=1.5", 'invalid count "1.5"'],
  ];
  for (const [ages, counts, message] of cases) {
    assertThrows(() => parseStoragePolicy(ages, counts), RangeError, message);
  }
});
