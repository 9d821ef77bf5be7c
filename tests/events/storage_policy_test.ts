import { assertEquals, assertThrows } from "@std/assert";
import {
  DEFAULT_STORAGE_POLICY,
  parseStoragePolicy,
  policyOf,
} from "../../lib/events/storage_policy.ts";

const HOUR_MS = 3_600_000;

Deno.test("parseStoragePolicy() reads cAdvisor's values", () => {
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

Deno.test("parseStoragePolicy() has the default for what is not named", () => {
  assertEquals(parseStoragePolicy("", ""), DEFAULT_STORAGE_POLICY);
  assertEquals(
    policyOf(parseStoragePolicy("oom=1m30s", ""), "oom"),
    { maxAgeMs: 90_000, maxItems: 100_000 },
  );
});

Deno.test("parseStoragePolicy() takes creation and deletion for the longer names", () => {
  const policy = parseStoragePolicy("creation=1h", " deletion = 7 ,");
  assertEquals(policyOf(policy, "containerCreation").maxAgeMs, HOUR_MS);
  assertEquals(policyOf(policy, "containerDeletion").maxItems, 7);
});

Deno.test("parseStoragePolicy() names the wrong part and the wanted form", () => {
  const cases: [string, string, string][] = [
    [
      "default=24h,1h",
      "",
      'Cannot parse event storage age limit "1h": wanted is a type, "=" and a value, such as "default=24h"',
    ],
    [
      "ooms=1h",
      "",
      'Cannot parse event storage age limit "ooms=1h": "ooms" is not one of default, oom, oomKill, containerCreation, containerDeletion',
    ],
    [
      "oom=1 hour",
      "",
      'Cannot parse event storage age limit "oom=1 hour": Cannot parse duration "1 hour": expected a duration such as',
    ],
    [
      "",
      "oom=many",
      'Cannot parse event storage event limit "oom=many": "many" is not a number of events, 0 for none or -1 for no bound',
    ],
    ["", "oom=-2", '"-2" is not a number of events'],
    ["", "oom=", '"" is not a number of events'],
    ["", "oom=1.5", '"1.5" is not a number of events'],
  ];
  for (const [ages, counts, message] of cases) {
    assertThrows(() => parseStoragePolicy(ages, counts), RangeError, message);
  }
});
