import type { EventPod } from "./event.ts";

/** The runtimes whose containers are named. */
export type RuntimeName =
  | "docker"
  | "podman"
  | "containerd"
  | "crio"
  | "rkt"
  | "runc"
  | "crun";

/** Whose network namespace the processes of a container are in. */
export type NetworkNamespace =
  /** Its own: its counters are this container's. */
  | { readonly kind: "own" }
  /** The host's. */
  | { readonly kind: "host" }
  /** That of another container, such as the sandbox of its pod. */
  | { readonly kind: "shared"; readonly withId?: string };

/**
 * What a runtime tells of a container. An absent field is one that it does not
 * tell; a part of the facts may be learned before the rest.
 */
export interface ContainerMetadata {
  /** Who tells. */
  readonly runtime: RuntimeName;
  /** Its data base tells, which knows more than its files. */
  readonly isStored?: boolean;
  /** Unique within the runtime. */
  readonly id: string;
  /** The name that the runtime gives it, or its user. */
  readonly name?: string;
  readonly image?: string;
  /** Those that the allow-list lets pass, and no other. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The Kubernetes pod that it is of. */
  readonly pod?: EventPod;
  /** It only holds the namespaces of a pod. */
  readonly isSandbox?: boolean;
  /** Milliseconds since the epoch. */
  readonly createdMs?: number;
  /** When it was started last. */
  readonly startedMs?: number;
  /** Its first process, in the pid namespace of its runtime. */
  readonly pid?: number;
  readonly network?: NetworkNamespace;
  /** How it ended last; absent while it runs. */
  readonly exitCode?: number;
  /** How often the runtime started it anew by itself. */
  readonly restartCount?: number;
  /** `starting`, `healthy` or `unhealthy`, where it has a health check. */
  readonly health?: string;
  /** The file that it logs to. */
  readonly logPath?: string;
}
