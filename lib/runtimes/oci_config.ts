import type {
  ContainerMetadata,
  NetworkNamespace,
  RuntimeName,
} from "../model/container_metadata.ts";
import { defined } from "../model/defined.ts";
import {
  asObject,
  asString,
  asTimestampMs,
  type JsonObject,
  parseObject,
  podOf,
} from "./json_values.ts";
import type { LabelFilter } from "./label_filter.ts";

/** A container, and the labels to return. */
export interface OciConfigOptions {
  readonly id: string;
  readonly labels: LabelFilter;
}

const CRI = "io.kubernetes.cri.";
const CRIO = "io.kubernetes.cri-o.";

/** Kubelet labels with the equivalent containerd annotations. */
const CRI_LABELS: readonly (readonly [string, string])[] = [
  ["io.kubernetes.container.name", `${CRI}container-name`],
  ["io.kubernetes.pod.name", `${CRI}sandbox-name`],
  ["io.kubernetes.pod.namespace", `${CRI}sandbox-namespace`],
  ["io.kubernetes.pod.uid", `${CRI}sandbox-uid`],
];

/** Data that only containerd's database has. */
export interface ContainerdDatabaseEntry {
  readonly labels: JsonObject;
  readonly image: string | undefined;
}

/**
 * Parses a containerd bundle's `config.json`, with the database entry `stored`
 * if available. CRI and nerdctl store names in annotations.
 */
export function parseContainerdConfig(
  config: unknown,
  { id, labels, stored }: OciConfigOptions & {
    readonly stored?: ContainerdDatabaseEntry;
  },
): ContainerMetadata {
  const annotations = { ...annotationsOf(config), ...stored?.labels };
  const kubernetes = kubernetesLabels(annotations);
  const isSandbox = annotations[`${CRI}container-type`] === "sandbox";
  const sandboxId = asString(annotations[`${CRI}sandbox-id`]);
  return defined<ContainerMetadata>({
    runtime: "containerd",
    id,
    name: asString(annotations["nerdctl/name"]) ??
      asString(kubernetes["io.kubernetes.container.name"]) ??
      (isSandbox ? undefined : id),
    image: asString(
      annotations[`${CRI}image-name`] ??
        annotations[`${CRI}podsandbox.image-name`],
    ) ?? stored?.image,
    labels: labels.select({ ...stored?.labels, ...kubernetes }),
    pod: podOf(kubernetes),
    isSandbox: isSandbox || undefined,
    network: networkOf(config, isSandbox ? undefined : sandboxId),
  });
}

/**
 * Parses a `config.json` in `containers/storage`; `undefined` if CRI-O did not
 * create it.
 */
export function parseCrioConfig(
  config: unknown,
  { id, labels }: OciConfigOptions,
): ContainerMetadata | undefined {
  const annotations = annotationsOf(config);
  if (annotations["io.container.manager"] !== "cri-o") return undefined;
  const isSandbox = annotations[`${CRIO}ContainerType`] === "sandbox";
  return defined<ContainerMetadata>({
    runtime: "crio",
    id,
    name: asString(annotations[`${CRIO}Name`]) ??
      asString(annotations[`${CRIO}ContainerName`]),
    image: asString(annotations[`${CRIO}ImageName`]) ??
      asString(annotations[`${CRIO}Image`]),
    labels: labels.select({
      ...parseObject(asString(annotations[`${CRIO}Labels`])),
      ...kubernetesLabels(annotations),
    }),
    pod: podOf(annotations),
    isSandbox: isSandbox || undefined,
    createdMs: asTimestampMs(annotations[`${CRIO}Created`]),
    restartCount: restartCountOf(annotations),
    network: networkOf(
      config,
      isSandbox ? undefined : asString(annotations[`${CRIO}SandboxID`]),
    ),
    logPath: isSandbox ? undefined : asString(annotations[`${CRIO}LogPath`]),
  });
}

/** Parses a `config.json` of runc or crun without an engine. */
export function parseBundle(
  config: unknown,
  options: OciConfigOptions & { readonly runtime: RuntimeName },
): ContainerMetadata {
  const { id, labels, runtime } = options;
  return defined<ContainerMetadata>({
    runtime,
    id,
    name: id,
    labels: labels.select(annotationsOf(config)),
    network: networkOf(config, undefined),
  });
}

/**
 * Returns `host` without a network namespace, `shared` if it is that of the
 * sandbox or another process (path `/proc/<pid>/ns/net`), otherwise `own`;
 * `undefined` if no namespaces are listed.
 */
export function networkOf(
  config: unknown,
  sandboxId: string | undefined,
): NetworkNamespace | undefined {
  const linux = asObject(asObject(config)["linux"]);
  const namespaces = linux["namespaces"];
  if (!Array.isArray(namespaces)) return undefined;
  const network = namespaces.map(asObject)
    .find(({ type }) => type === "network");
  if (network === undefined) return { kind: "host" };
  if (sandboxId !== undefined) return { kind: "shared", withId: sandboxId };
  const path = asString(network["path"]);
  return path !== undefined && /^\/proc\/\d+\/ns\/net$/.test(path)
    ? { kind: "shared" }
    : { kind: "own" };
}

function kubernetesLabels(annotations: JsonObject): JsonObject {
  const entries = CRI_LABELS.map(([label, key]) =>
    [label, asString(annotations[key]) ?? asString(annotations[label])] as const
  );
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function restartCountOf(annotations: JsonObject): number | undefined {
  const text = asString(annotations["io.kubernetes.container.restartCount"]);
  return text !== undefined && /^\d{1,9}$/.test(text)
    ? Number(text)
    : undefined;
}

function annotationsOf(config: unknown): JsonObject {
  return asObject(asObject(config)["annotations"]);
}
