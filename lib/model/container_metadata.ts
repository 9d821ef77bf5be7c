import type { EventPod } from "./event.ts";

export type RuntimeName =
  | "docker"
  | "podman"
  | "containerd"
  | "crio"
  | "rkt"
  | "runc"
  | "crun";

export type NetworkNamespace =
  /** A separate one, so its counters are this container's. */
  | { readonly kind: "own" }
  | { readonly kind: "host" }
  /** Another container's, such as its pod's sandbox. */
  | { readonly kind: "shared"; readonly withId?: string };

/** From the runtime. Unknown fields are absent, and may be added later. */
export interface ContainerMetadata {
  readonly runtime: RuntimeName;
  /** Whether from the runtime's database, which has more than its files. */
  readonly isStored?: boolean;
  /** Unique within the runtime. */
  readonly id: string;
  readonly name?: string;
  readonly image?: string;
  /** Labels on the allow-list. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly pod?: EventPod;
  /** Whether it only holds a pod's namespaces. */
  readonly isSandbox?: boolean;
  /** Milliseconds since the epoch. */
  readonly createdMs?: number;
  /** Last start. */
  readonly startedMs?: number;
  /** First process, in the runtime's PID namespace. */
  readonly pid?: number;
  readonly network?: NetworkNamespace;
  /** Absent while it runs. */
  readonly exitCode?: number;
  /** Automatic restarts. */
  readonly restartCount?: number;
  /** As `ContainerSpec.health`. */
  readonly health?: string;
  readonly logPath?: string;
}
