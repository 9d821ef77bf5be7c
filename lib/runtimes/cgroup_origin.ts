import { type CgroupName, ROOT } from "../model/cgroup.ts";
import type { RuntimeName } from "../model/container_metadata.ts";

/** A container's cgroup. */
export interface ContainerOrigin {
  readonly kind: "container";
  /** Likeliest first. */
  readonly runtimes: readonly RuntimeName[];
  readonly id: string;
  /** If false, the runtime must confirm the ID. */
  readonly isCertain: boolean;
  /** For rkt only, which needs no lookup. */
  readonly name?: string;
  /** Present if the cgroup's name implies it. */
  readonly containerdNamespace?: string;
  readonly podUid?: string;
  /** Absent for root. */
  readonly uid?: number;
  /** Innermost enclosing container. */
  readonly outer?: CgroupName;
}

/** A Kubernetes pod's cgroup. */
export interface PodOrigin {
  readonly kind: "pod";
  readonly podUid: string;
  readonly outer?: CgroupName;
}

/** A systemd unit's cgroup. */
export interface UnitOrigin {
  readonly kind: "unit";
  /** With systemd's escapes: `foo\x2dbar.service` and `foo-bar.service` differ. */
  readonly unit: string;
  readonly outer?: CgroupName;
}

/** A cgroup's creator, derived from the name. */
export type CgroupOrigin = ContainerOrigin | PodOrigin | UnitOrigin;

/** `docker-eac1….scope`, `cri-containerd-…`, `crio-…`, `libpod-…`, or only an ID. */
const ID_REGEXP = /^(?:([\w-]+)-)?([0-9a-f]{64})(?:\.scope)?$/;

/**
 * `SLICE:PREFIX:ID` is the OCI `cgroupsPath`: runc's systemd driver creates
 * `SLICE/PREFIX-ID.scope`, the cgroupfs driver a directory with this name.
 */
const CGROUPS_PATH_REGEXP = /^([^:]*):([\w-]+):([0-9a-f]{64})$/;

/** `pod0f1e…` of the cgroupfs driver; a static pod's UID is a hash without dashes. */
const POD_REGEXP = /^pod([0-9A-Za-z-]+)$/;

/** `kubepods-burstable-pod0f1e….slice` of the systemd driver; kind adds `kubelet-`. */
const POD_SLICE_REGEXP = /^[\w-]*kubepods(?:-\w+)?-pod(\w+)\.slice$/;

const UNIT_REGEXP = /^.+\.(?:service|scope|slice|socket|swap)$/;

/** `machine-rkt\x2d<uuid>.scope`, with `system.slice/<app>.service` below it. */
const RKT_REGEXP =
  /^machine-rkt\\x2d([0-9a-f]{8}(?:\\x2d[0-9a-f]{4}){3}\\x2d[0-9a-f]{12})\.scope$/;

const USER_REGEXP = /^user-(\d+)\.slice$/;

/** IDs chosen by users of containerd, runc and crun. */
const CUSTOM_ID_REGEXP = /^[\w][\w.-]{0,75}$/;

/** Scopes of monitor processes. */
const MONITOR_PREFIXES: ReadonlySet<string> = new Set([
  "crio-conmon",
  "libpod-conmon",
]);

/** Keyed by ID prefix. */
const RUNTIMES_BY_PREFIX: ReadonlyMap<string, RuntimeName> = new Map([
  ["docker", "docker"],
  ["cri-containerd", "containerd"],
  ["nerdctl", "containerd"],
  ["crio", "crio"],
  ["libpod", "podman"],
]);

/** Candidates for an ID without prefix. */
const ANY_RUNTIME: readonly RuntimeName[] = [
  "docker",
  "containerd",
  "podman",
  "runc",
  "crun",
];
const POD_RUNTIMES: readonly RuntimeName[] = ["containerd", "docker", "crio"];
const CUSTOM_ID_RUNTIMES: readonly RuntimeName[] = [
  "containerd",
  "runc",
  "crun",
];

/** Returns the innermost origin; `undefined` if the name identifies none. */
export function parseCgroupOrigin(name: CgroupName): CgroupOrigin | undefined {
  if (name === ROOT) return undefined;
  const path = name.split("/");
  const outer = outerOf(path);
  const parts = [...path.slice(0, -1), ...splitCgroupsPath(path.at(-1) ?? "")];
  const base = parts.at(-1) ?? "";
  const around = outer === undefined ? {} : { outer };
  const container = containerOf(parts, base);
  if (container !== undefined) return { ...container, ...around };
  const podUid = podUidOf(parts, parts.length - 1);
  if (podUid !== undefined) return { kind: "pod", podUid, ...around };
  if (UNIT_REGEXP.test(base)) {
    return { kind: "unit", unit: unitOf(base), ...around };
  }
  if (outer !== undefined || parts.length > 3) return undefined;
  return customIdOf(parts, base);
}

/** Whether an ID is random, and so unique across runtimes. */
export function isCertainId(id: string): boolean {
  return /^[0-9a-f]{64}$/.test(id);
}

/**
 * Removes the `_` that systemd adds to names that could be control files, such
 * as `cpu.service`, or start with `_` (`CGROUP_DELEGATION.md`).
 */
function unitOf(base: string): string {
  return base.startsWith("_") ? base.slice(1) : base;
}

function splitCgroupsPath(part: string): string[] {
  const [, slice, prefix, id] = CGROUPS_PATH_REGEXP.exec(part) ?? [];
  if (id === undefined) return [part];
  const scope = `${prefix}-${id}.scope`;
  return slice ? [slice, scope] : [scope];
}

/** Decodes systemd's `\xNN` escapes. */
export function unescapeUnit(unit: string): string {
  return unit.replace(/(?:\\x[0-9a-f]{2})+/g, (escaped) => {
    const bytes = escaped.slice(2).split("\\x").map((hex) => parseInt(hex, 16));
    return new TextDecoder().decode(Uint8Array.from(bytes));
  });
}

function containerOf(
  parts: readonly string[],
  base: string,
): ContainerOrigin | undefined {
  const rkt = rktOf(parts, base);
  if (rkt !== undefined) return rkt;
  const [, prefix, id] = ID_REGEXP.exec(base) ?? [];
  if (id === undefined || MONITOR_PREFIXES.has(prefix ?? "")) return undefined;
  const podUid = podUidOf(parts, parts.length - 2);
  const uid = uidOf(parts);
  const runtimes = runtimesOf(parts, prefix, podUid !== undefined);
  const containerdNamespace = containerdNamespaceOf(
    parts,
    prefix,
    podUid !== undefined,
  );
  return {
    kind: "container",
    runtimes,
    id,
    isCertain: true,
    ...(containerdNamespace !== undefined && { containerdNamespace }),
    ...(podUid !== undefined && { podUid }),
    ...(uid !== undefined && { uid }),
  };
}

function runtimesOf(
  parts: readonly string[],
  prefix: string | undefined,
  isInPod: boolean,
): readonly RuntimeName[] {
  const runtime = RUNTIMES_BY_PREFIX.get(prefix ?? "");
  if (runtime !== undefined) return [runtime];
  const parent = parts.at(-2) ?? "";
  if (parent === "docker") return ["docker"];
  return isInPod ? POD_RUNTIMES : ANY_RUNTIME;
}

function containerdNamespaceOf(
  parts: readonly string[],
  prefix: string | undefined,
  isInPod: boolean,
): string | undefined {
  if (prefix === "cri-containerd" || isInPod) return "k8s.io";
  return prefix === undefined && parts.length === 3 ? parts[1] : undefined;
}

function rktOf(
  parts: readonly string[],
  base: string,
): ContainerOrigin | undefined {
  const index = parts.findLastIndex((part) => part.startsWith("machine-rkt"));
  if (index < 0) return undefined;
  const [, escaped] = RKT_REGEXP.exec(parts[index] ?? "") ?? [];
  if (escaped === undefined) return undefined;
  const depth = parts.length - 1 - index;
  const isApp = depth === 2 && parts.at(-2) === "system.slice" &&
    base.endsWith(".service");
  if (depth !== 0 && !isApp) return undefined;
  const uuid = unescapeUnit(escaped);
  const app = isApp ? unescapeUnit(base).slice(0, -".service".length) : "";
  return {
    kind: "container",
    runtimes: ["rkt"],
    id: isApp ? `${uuid}:${app}` : uuid,
    isCertain: true,
    name: `rkt://${isApp ? `${uuid}:${app}` : uuid}`,
  };
}

/** Parses `/<namespace>/<id>` of ctr, or a `cgroupsPath` chosen for runc or crun. */
function customIdOf(
  parts: readonly string[],
  base: string,
): ContainerOrigin | undefined {
  if (!CUSTOM_ID_REGEXP.test(base) || parts[1]?.startsWith("kubepods")) {
    return undefined;
  }
  return {
    kind: "container",
    runtimes: CUSTOM_ID_RUNTIMES,
    id: base,
    isCertain: false,
    ...(parts.length === 3 && { containerdNamespace: parts[1] ?? "" }),
  };
}

/** With dashes. */
function podUidOf(parts: readonly string[], index: number): string | undefined {
  const part = parts[index] ?? "";
  const [, slice] = POD_SLICE_REGEXP.exec(part) ?? [];
  if (slice !== undefined) return slice.replaceAll("_", "-");
  const [, uid] = POD_REGEXP.exec(part) ?? [];
  return uid !== undefined && parts.slice(0, index).includes("kubepods")
    ? uid
    : undefined;
}

/** Returns the ID in `user-1000.slice`, except in an enclosing container. */
function uidOf(parts: readonly string[]): number | undefined {
  const outer = parts.findLastIndex((part, index) =>
    index < parts.length - 1 && isContainerPart(part)
  );
  for (const part of parts.slice(outer + 1)) {
    const [, uid] = USER_REGEXP.exec(part) ?? [];
    if (uid !== undefined && uid !== "0") return Number(uid);
  }
  return undefined;
}

function outerOf(parts: readonly string[]): CgroupName | undefined {
  for (let index = parts.length - 2; index > 0; index--) {
    if (isContainerPart(parts[index] ?? "")) {
      return parts.slice(0, index + 1).join("/");
    }
  }
  return undefined;
}

function isContainerPart(part: string): boolean {
  const [, prefix, id] = ID_REGEXP.exec(splitCgroupsPath(part).at(-1) ?? "") ??
    [];
  return id !== undefined && !MONITOR_PREFIXES.has(prefix ?? "");
}
