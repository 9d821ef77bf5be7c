import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import { parseJsonBound } from "./json_bound.ts";
import { fieldsOf, textOf } from "./json_fields.ts";
import type { LabelFilter } from "./label_filter.ts";
import { containerdFacts } from "./oci_config.ts";
import { ProtoMessage } from "./protobuf.ts";

/** A container as containerd's data base has it. */
export interface StoredContainer {
  readonly facts: ContainerMetadata;
  /** The cgroup that its task gets; undefined where systemd makes it. */
  readonly cgroup?: CgroupName;
}

/**
 * `containerd.services.containers.v1.Container`: id 1, labels 2, image 3, spec
 * 5 with JSON as its value 2, created_at 8 in seconds 1 and nanoseconds 2.
 *
 * @throws {SyntaxError} where it has no id
 */
export function storedContainer(
  container: ProtoMessage,
  labels: LabelFilter,
): StoredContainer {
  const id = textOf(container.text(1));
  if (id === undefined) {
    throw new SyntaxError("Cannot read a container: it has no id");
  }
  const spec = specOf(container.message(5).text(2));
  const facts = containerdFacts(spec, {
    id,
    labels,
    stored: {
      labels: container.texts(2),
      image: textOf(container.text(3)),
    },
  });
  const cgroup = textOf(fieldsOf(fieldsOf(spec)["linux"])["cgroupsPath"]);
  const created = container.message(8);
  const createdMs = created.number(1) * 1_000 + created.number(2) / 1e6;
  return {
    facts: {
      ...facts,
      isStored: true,
      ...(createdMs > 0 && { createdMs }),
    },
    ...(cgroup?.startsWith("/") && { cgroup }),
  };
}

function specOf(json: string): unknown {
  try {
    return parseJsonBound(json);
  } catch {
    return undefined;
  }
}

/** What happened to a container. */
export interface ContainerdEvent {
  readonly group: string;
  readonly id: string;
  readonly kind: "stored" | "deleted" | "started" | "exited";
  readonly image?: string;
  readonly pid?: number;
  readonly exitCode?: number;
}

/** The topics that say something of who a container is, or how it ended. */
export const TOPICS: readonly string[] = [
  "/containers/create",
  "/containers/update",
  "/containers/delete",
  "/tasks/start",
  "/tasks/exit",
];

/**
 * `containerd.services.events.v1.Envelope`: namespace 2, topic 3, event 4 with
 * the message as its value 2. Undefined where it is of nobody's first process.
 *
 * @throws {SyntaxError} where it is none
 */
export function parseContainerdEvent(
  bytes: Uint8Array,
): ContainerdEvent | undefined {
  const envelope = new ProtoMessage(bytes);
  const event = envelope.message(4).message(2);
  const id = textOf(event.text(1));
  const group = textOf(envelope.text(2));
  if (id === undefined || group === undefined) return undefined;
  const of = { group, id };
  switch (envelope.text(3)) {
    case "/containers/create":
    case "/containers/update": {
      const image = textOf(event.text(2));
      return { ...of, kind: "stored", ...(image !== undefined && { image }) };
    }
    case "/containers/delete":
      return { ...of, kind: "deleted" };
    case "/tasks/start":
      return { ...of, kind: "started", pid: event.number(2) };
    case "/tasks/exit":
      // Of a process that was added to it, id 2 is another.
      return event.text(2) === id
        ? { ...of, kind: "exited", exitCode: event.number(4) }
        : undefined;
    default:
      return undefined;
  }
}
