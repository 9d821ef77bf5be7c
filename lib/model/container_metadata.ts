import type { EventPod } from "./event.ts";

/** Supported runtimes. */
export type RuntimeName =
  | "docker"
  | "podman"
  | "containerd"
  | "crio"
  | "rkt"
  | "runc"
  | "crun";

/** Network namespace of a container's processes. */
export type NetworkNamespace =
  /** A separate one: its counters belong to this container. */
  | { readonly kind: "own" }
  | { readonly kind: "host" }
  /** Another container's, such as the sandbox of its pod. */
  | { readonly kind: "shared"; readonly withId?: string };

/**
 * Metadata of a container from its runtime. An unknown field is absent, and may
 * be added later.
 */
export interface ContainerMetadata {
  readonly runtime: RuntimeName;
  /**
   * Whether it comes from the runtime's database, which has more than its
   * files.
   */
  readonly isStored?: boolean;
  /** Unique within the runtime. */
  readonly id: string;
  /** Name assigned by the runtime or its user. */
  readonly name?: string;
  readonly image?: string;
  /** Only labels on the allow-list. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Kubernetes pod of the container. */
  readonly pod?: EventPod;
  /** Whether it only holds the namespaces of a pod. */
  readonly isSandbox?: boolean;
  /** Milliseconds since the epoch. */
  readonly createdMs?: number;
  /** Last start, milliseconds since the epoch. */
  readonly startedMs?: number;
  /** First process, in the PID namespace of its runtime. */
  readonly pid?: number;
  readonly network?: NetworkNamespace;
  /** Exit code of the last run; absent while it runs. */
  readonly exitCode?: number;
  /** Number of automatic restarts by the runtime. */
  readonly restartCount?: number;
  /** `starting`, `healthy` or `unhealthy`; absent without a health check. */
  readonly health?: string;
  /** Path of its log file. */
  readonly logPath?: string;
}
