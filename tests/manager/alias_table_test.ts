import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { AliasTable, type Referenced } from "../../lib/manager/alias_table.ts";
import {
  BadRequestError,
  UnknownContainerError,
} from "../../lib/model/errors.ts";

const WEB: Referenced = {
  reference: {
    name: "/docker/abc1",
    id: "abc1",
    aliases: ["web", "abc1", "web-1"],
    namespace: "docker",
  },
};
const WEBHOOK: Referenced = {
  reference: {
    name: "/docker/abd2",
    id: "abd2",
    aliases: ["webhook", "abd2"],
    namespace: "docker",
  },
};
const POD: Referenced = {
  reference: {
    name: "/libpod/abc9",
    id: "abc9",
    aliases: ["web"],
    namespace: "podman",
  },
};
const PLAIN: Referenced = { reference: { name: "/web" } };

const table = new AliasTable(() => [WEBHOOK, PLAIN, WEB, POD]);

Deno.test("AliasTable.find() accepts a name, an id, or a unique prefix", () => {
  for (
    const [namespace, alias, found] of [
      ["docker", "abc1", WEB],
      ["docker", "abc", WEB],
      ["docker", "webh", WEBHOOK],
      // The whole name of one is also a prefix of another's.
      ["docker", "web", WEB],
      // Several aliases of one container with the prefix are one container.
      ["docker", "web-", WEB],
      ["podman", "w", POD],
      // An id that is among no aliases.
      ["podman", "abc9", POD],
    ] as const
  ) assertStrictEquals(table.find(namespace, alias), found, alias);
});

Deno.test("AliasTable.find() names the candidates where there are several", () => {
  assertThrows(
    () => table.find("docker", "we"),
    BadRequestError,
    'Cannot find docker container "we": the prefix is ambiguous, expected one of "web", "webhook"',
  );
  const many = Array.from({ length: 25 }, (_, i): Referenced => ({
    reference: {
      name: `/docker/${i}`,
      aliases: [`job${i}`],
      namespace: "docker",
    },
  }));
  assertThrows(
    () => new AliasTable(() => many).find("docker", "job"),
    BadRequestError,
    '"job16", "job17" or one of 15 more',
  );
});

Deno.test("AliasTable.find() finds no raw cgroup, no other namespace and no empty name", () => {
  assertThrows(
    () => table.find("docker", "abc9"),
    UnknownContainerError,
    'Unknown docker container "abc9"',
  );
  assertThrows(() => table.find("crio", "web"), UnknownContainerError);
  assertThrows(() => table.find("docker", "Web"), UnknownContainerError);
  assertThrows(
    () => table.find("docker", ""),
    BadRequestError,
    'Cannot find docker container ""',
  );
});

Deno.test("AliasTable.of() is a namespace by cgroup name", () => {
  assertEquals(table.of("docker"), [WEB, WEBHOOK]);
  assertEquals(table.of("crio"), []);
});

Deno.test("AliasTable uses names that a runtime reports later", () => {
  const late = { reference: { name: "/docker/x" } };
  const containers: Referenced[] = [late];
  const table = new AliasTable(() => containers);
  assertThrows(() => table.find("docker", "late"), UnknownContainerError);
  Object.assign(late.reference, { aliases: ["late"], namespace: "docker" });
  assertStrictEquals(table.find("docker", "late"), late);
});
