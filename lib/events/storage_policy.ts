import { EVENT_TYPES, type EventType } from "../model/event.ts";
import { parseDuration } from "../model/units.ts";

/** Limits of an event type. */
export interface TypePolicy {
  /** Milliseconds before the newest event. */
  readonly maxAgeMs: number;
  /** −1: no limit; 0: none stored. */
  readonly maxItems: number;
}

/** Limits by type; the default replaces absent ones. */
export interface StoragePolicy {
  readonly default: TypePolicy;
  readonly types: Readonly<Partial<Record<EventType, Partial<TypePolicy>>>>;
}

/** 24 hours and 100,000 events per type. */
export const DEFAULT_STORAGE_POLICY: StoragePolicy = {
  default: { maxAgeMs: 24 * 3_600_000, maxItems: 100_000 },
  types: {},
};

/** Names of cAdvisor's flags. */
const SYNONYMS: ReadonlyMap<string, EventType> = new Map([
  ["creation", "containerCreation"],
  ["deletion", "containerDeletion"],
]);

/** Returns a type's limits. */
export function policyOf(policy: StoragePolicy, type: EventType): TypePolicy {
  return { ...policy.default, ...policy.types[type] };
}

/**
 * Parses `--event-storage-age-limit` (`default=24h,oom=1h`) and
 * `--event-storage-event-limit` (`default=100000,creation=-1`). Absent names
 * have the values of {@linkcode DEFAULT_STORAGE_POLICY}; the last of a repeated
 * name is used.
 *
 * @throws {RangeError} with the invalid part and the expected format
 */
export function parseStoragePolicy(
  ageText: string,
  countText: string,
): StoragePolicy {
  const ages = parseLimits("age", ageText, parseDuration);
  const counts = parseLimits("event", countText, parseCount);
  const types: Partial<Record<EventType, Partial<TypePolicy>>> = {};
  for (const type of EVENT_TYPES) {
    const maxAgeMs = ages.get(type);
    const maxItems = counts.get(type);
    if (maxAgeMs === undefined && maxItems === undefined) continue;
    types[type] = {
      ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
      ...(maxItems === undefined ? {} : { maxItems }),
    };
  }
  const fallback = DEFAULT_STORAGE_POLICY.default;
  return {
    default: {
      maxAgeMs: ages.get("default") ?? fallback.maxAgeMs,
      maxItems: counts.get("default") ?? fallback.maxItems,
    },
    types,
  };
}

function parseLimits(
  what: "age" | "event",
  text: string,
  parse: (value: string) => number,
): Map<EventType | "default", number> {
  const limits = new Map<EventType | "default", number>();
  for (const part of text.split(",")) {
    if (part.trim() === "") continue;
    const fail = (reason: string, cause?: unknown) =>
      new RangeError(
        `Cannot parse event storage ${what} limit "${part}": ${reason}`,
        { cause },
      );
    const equals = part.indexOf("=");
    if (equals < 0) {
      throw fail(
        `expected TYPE=VALUE, for example "default=${EXAMPLES[what]}"`,
      );
    }
    const name = part.slice(0, equals).trim();
    const type = typeNamed(name);
    if (type === undefined) {
      throw fail(
        `unknown event type "${name}", expected one of ${
          ["default", ...EVENT_TYPES].join(", ")
        }`,
      );
    }
    try {
      limits.set(type, parse(part.slice(equals + 1).trim()));
    } catch (error) {
      throw fail(
        error instanceof Error ? error.message : String(error),
        error,
      );
    }
  }
  return limits;
}

const EXAMPLES = { age: "24h", event: "100000" } as const;

function typeNamed(name: string): EventType | "default" | undefined {
  if (name === "default") return name;
  return SYNONYMS.get(name) ?? EVENT_TYPES.find((type) => type === name);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^[+-]?\d+$/.test(text) || count < -1 || !Number.isSafeInteger(count)) {
    throw new RangeError(
      `invalid count "${text}", expected an integer of at least -1 (no limit)`,
    );
  }
  return count;
}
