import type { CgroupName } from "../model/cgroup.ts";
import type { ContainerMetadata } from "../model/container_metadata.ts";
import { parseBoundedJson } from "./bounded_json.ts";
import { asObject, asString } from "./json_values.ts";
import type { LabelFilter } from "./label_filter.ts";
import { parseContainerdConfig } from "./oci_config.ts";
import { ProtoMessage } from "./protobuf.ts";

/** A container in containerd's database. */
export interface ContainerdContainer {
  readonly metadata: ContainerMetadata;
  /** The task's cgroup; absent if systemd creates it. */
  readonly cgroup?: CgroupName;
}

/**
 * Parses `containerd.services.containers.v1.Container`: id 1, labels 2, image
 * 3, spec 5 with JSON as value 2, created_at 8 with seconds 1 and nanoseconds
 * 2.
 *
 * @throws {SyntaxError} if the ID is missing
 */
export function parseContainerdContainer(
  container: ProtoMessage,
  labels: LabelFilter,
): ContainerdContainer {
  const id = asString(container.string(1));
  if (id === undefined) {
    throw new SyntaxError("Cannot parse a container: it has no ID");
  }
  const spec = parseSpec(container.message(5).string(2));
  const metadata = parseContainerdConfig(spec, {
    id,
    labels,
    stored: {
      labels: container.stringMap(2),
      image: asString(container.string(3)),
    },
  });
  const cgroup = asString(asObject(asObject(spec)["linux"])["cgroupsPath"]);
  const created = container.message(8);
  const createdMs = created.number(1) * 1_000 + created.number(2) / 1e6;
  return {
    metadata: {
      ...metadata,
      isStored: true,
      ...(createdMs > 0 && { createdMs }),
    },
    ...(cgroup?.startsWith("/") && { cgroup }),
  };
}

function parseSpec(json: string): unknown {
  try {
    return parseBoundedJson(json);
  } catch {
    return undefined;
  }
}

/** A container's change. */
export interface ContainerdEvent {
  readonly namespace: string;
  readonly id: string;
  /** `stored`: created or updated in the database. */
  readonly kind: "stored" | "deleted" | "started" | "exited";
  readonly image?: string;
  readonly pid?: number;
  readonly exitCode?: number;
}

/** Topics of metadata changes, starts and exits. */
export const TOPICS: readonly string[] = [
  "/containers/create",
  "/containers/update",
  "/containers/delete",
  "/tasks/start",
  "/tasks/exit",
];

/**
 * Parses `containerd.services.events.v1.Envelope`: namespace 2, topic 3, event
 * 4 with the message as value 2. Returns `undefined` for other topics and
 * exec'd processes.
 *
 * @throws {SyntaxError} if the bytes are not an envelope
 */
export function parseContainerdEvent(
  bytes: Uint8Array,
): ContainerdEvent | undefined {
  const envelope = new ProtoMessage(bytes);
  const event = envelope.message(4).message(2);
  const id = asString(event.string(1));
  const namespace = asString(envelope.string(2));
  if (id === undefined || namespace === undefined) return undefined;
  const container = { namespace, id };
  switch (envelope.string(3)) {
    case "/containers/create":
    case "/containers/update": {
      const image = asString(event.string(2));
      return {
        ...container,
        kind: "stored",
        ...(image !== undefined && { image }),
      };
    }
    case "/containers/delete":
      return { ...container, kind: "deleted" };
    case "/tasks/start":
      return { ...container, kind: "started", pid: event.number(2) };
    case "/tasks/exit":
      // Field 2 is containerd's process ID, not a PID: the container's ID for
      // its first process, another for `exec`.
      return event.string(2) === id
        ? { ...container, kind: "exited", exitCode: event.number(4) }
        : undefined;
    default:
      return undefined;
  }
}
