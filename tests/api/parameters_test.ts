import { assertEquals, assertThrows } from "@std/assert";
import {
  parseContainerInfoRequest,
  parseRequestOptions,
} from "../../lib/api/parameters.ts";
import type { RequestOptions } from "../../lib/model/container.ts";
import { BadRequestError } from "../../lib/model/errors.ts";

function options(query: string): RequestOptions {
  return parseRequestOptions(new URLSearchParams(query));
}

Deno.test("parseRequestOptions() leaves out absent parameters", () => {
  assertEquals(options(""), {});
  assertEquals(options("x=1&Count=7"), {});
});

Deno.test("parseRequestOptions() reads every parameter, the first value of a repeated one", () => {
  assertEquals(
    options("type=docker&count=-1&recursive=true&max_age=1m30s"),
    { type: "docker", count: -1, recursive: true, maxAgeMs: 90_000 },
  );
  assertEquals(options("count=0&count=5&recursive=false"), {
    count: 0,
    recursive: false,
  });
});

Deno.test("parseRequestOptions() treats a negative age as 0", () => {
  assertEquals(options("max_age=-10s"), { maxAgeMs: 0 });
  assertEquals(options("max_age=0s"), { maxAgeMs: 0 });
  assertEquals(options("max_age=300ms"), { maxAgeMs: 300 });
});

Deno.test("parseRequestOptions() rejects an invalid value with its name and the expected format", () => {
  for (
    const [query, message] of [
      [
        "count=-2",
        'Cannot use parameter "count": "-2" is invalid, expected an integer from -1',
      ],
      ["count=1e3", 'parameter "count": "1e3" is invalid'],
      ["count=", 'parameter "count": "" is invalid'],
      ["type=lxc", '"type": "lxc" is invalid, expected name, docker, podman'],
      ["recursive=1", '"recursive": "1" is invalid, expected true or false'],
      [
        "max_age=10",
        '"max_age": "10" is invalid, expected a duration such as 300ms',
      ],
      ["max_age=--1s", '"max_age": "--1s" is invalid, expected a duration'],
    ] as const
  ) assertThrows(() => options(query), BadRequestError, message);
});

Deno.test("parseContainerInfoRequest() parses requests of cAdvisor's clients", () => {
  const body =
    '{"num_stats":3,"start":"2026-01-01T00:00:00.5Z","end":"2026-01-01T01:00:00+01:00","num_samples":9}';
  assertEquals(parseContainerInfoRequest(body.replace("T01", "T02")), {
    numStats: 3,
    startMs: Date.UTC(2026, 0, 1, 0, 0, 0, 500),
    endMs: Date.UTC(2026, 0, 1, 1),
  });
});

Deno.test("parseContainerInfoRequest() treats Go's zero time, null and an empty body as absent", () => {
  for (
    const body of [
      "",
      " \n",
      "null",
      "{}",
      '{"num_stats":null}',
      '{"start":"0001-01-01T00:00:00Z","end":"0001-01-01T00:00:00Z"}',
    ]
  ) assertEquals(parseContainerInfoRequest(body), {}, body);
});

Deno.test("parseContainerInfoRequest() rejects an invalid body or field", () => {
  for (
    const [body, message] of [
      ["{", "Cannot parse the body as JSON: "],
      ["\f", "Cannot parse the body as JSON: "],
      ["[1]", "Cannot use the body: expected an object"],
      ['"x"', "Cannot use the body: expected an object"],
      [
        '{"num_stats":"1"}',
        'field "num_stats": "1" is invalid, expected an integer',
      ],
      [
        '{"num_stats":1.5}',
        'field "num_stats": 1.5 is invalid, expected an integer',
      ],
      [
        '{"num_stats":-2}',
        'field "num_stats": -2 is invalid, expected an integer',
      ],
      ['{"start":5}', 'field "start": 5 is invalid, expected an RFC 3339 time'],
      ['{"end":"2026-02-30T00:00:00Z"}', 'field "end": "2026-02-30T00:00'],
      [
        '{"start":"2026-01-02T00:00:00Z","end":"2026-01-01T00:00:00Z"}',
        'Cannot use "start": it is later than "end"',
      ],
    ] as const
  ) {
    assertThrows(
      () => parseContainerInfoRequest(body),
      BadRequestError,
      message,
    );
  }
});
