import type {
  ContainerMetadata,
  NetworkNamespace,
  RuntimeName,
} from "../model/container_metadata.ts";
import {
  defined,
  type Fields,
  fieldsOf,
  parsedFields,
  podOf,
  textOf,
  timeOf,
} from "./json_fields.ts";
import type { LabelFilter } from "./label_filter.ts";

/** What a reader of an OCI `config.json` needs to know. */
export interface OciConfigOptions {
  readonly id: string;
  readonly labels: LabelFilter;
}

const CRI = "io.kubernetes.cri.";
const CRIO = "io.kubernetes.cri-o.";

/** What containerd's CRI writes into the annotations, by the kubelet's label. */
const CRI_LABELS: readonly (readonly [string, string])[] = [
  ["io.kubernetes.container.name", `${CRI}container-name`],
  ["io.kubernetes.pod.name", `${CRI}sandbox-name`],
  ["io.kubernetes.pod.namespace", `${CRI}sandbox-namespace`],
  ["io.kubernetes.pod.uid", `${CRI}sandbox-uid`],
];

/** What containerd has of a container in its data base alone. */
export interface ContainerdStored {
  readonly labels: Fields;
  readonly image: string | undefined;
}

/**
 * The facts of a container of containerd, by the `config.json` of its bundle,
 * and what else is known. CRI and nerdctl leave what names a container in the
 * annotations, too.
 */
export function containerdFacts(
  config: unknown,
  { id, labels, stored }: OciConfigOptions & {
    readonly stored?: ContainerdStored;
  },
): ContainerMetadata {
  const annotations = { ...annotationsOf(config), ...stored?.labels };
  const kubernetes = kubernetesLabels(annotations);
  const isSandbox = annotations[`${CRI}container-type`] === "sandbox";
  const sandboxId = textOf(annotations[`${CRI}sandbox-id`]);
  return defined<ContainerMetadata>({
    runtime: "containerd",
    id,
    name: textOf(annotations["nerdctl/name"]) ??
      textOf(kubernetes["io.kubernetes.container.name"]) ??
      (isSandbox ? undefined : id),
    image: textOf(
      annotations[`${CRI}image-name`] ??
        annotations[`${CRI}podsandbox.image-name`],
    ) ?? stored?.image,
    labels: labels.pass({ ...stored?.labels, ...kubernetes }),
    pod: podOf(kubernetes),
    isSandbox: isSandbox || undefined,
    network: networkOf(config, isSandbox ? undefined : sandboxId),
  });
}

/**
 * The facts of a container of CRI-O, by the `config.json` beside its storage:
 * the kubelet's labels stand among its annotations. Undefined where another
 * runtime made it.
 */
export function crioFacts(
  config: unknown,
  { id, labels }: OciConfigOptions,
): ContainerMetadata | undefined {
  const annotations = annotationsOf(config);
  if (annotations["io.container.manager"] !== "cri-o") return undefined;
  const isSandbox = annotations[`${CRIO}ContainerType`] === "sandbox";
  return defined<ContainerMetadata>({
    runtime: "crio",
    id,
    name: textOf(annotations[`${CRIO}Name`]) ??
      textOf(annotations[`${CRIO}ContainerName`]),
    image: textOf(annotations[`${CRIO}ImageName`]) ??
      textOf(annotations[`${CRIO}Image`]),
    labels: labels.pass({
      ...parsedFields(textOf(annotations[`${CRIO}Labels`])),
      ...kubernetesLabels(annotations),
    }),
    pod: podOf(annotations),
    isSandbox: isSandbox || undefined,
    createdMs: timeOf(annotations[`${CRIO}Created`]),
    restartCount: restartCountOf(annotations),
    network: networkOf(
      config,
      isSandbox ? undefined : textOf(annotations[`${CRIO}SandboxID`]),
    ),
    logPath: isSandbox ? undefined : textOf(annotations[`${CRIO}LogPath`]),
  });
}

/** The facts of a container that runc or crun made for nobody else. */
export function bundleFacts(
  config: unknown,
  options: OciConfigOptions & { readonly runtime: RuntimeName },
): ContainerMetadata {
  const { id, labels, runtime } = options;
  return defined<ContainerMetadata>({
    runtime,
    id,
    name: id,
    labels: labels.pass(annotationsOf(config)),
    network: networkOf(config, undefined),
  });
}

/** Without a network namespace of its own it is in the host's; with a path, in one that was there. */
export function networkOf(
  config: unknown,
  sandboxId: string | undefined,
): NetworkNamespace | undefined {
  const linux = fieldsOf(fieldsOf(config)["linux"]);
  const namespaces = linux["namespaces"];
  if (!Array.isArray(namespaces)) return undefined;
  const network = namespaces.map(fieldsOf)
    .find(({ type }) => type === "network");
  if (network === undefined) return { kind: "host" };
  if (sandboxId !== undefined) return { kind: "shared", withId: sandboxId };
  const path = textOf(network["path"]);
  return path !== undefined && /^\/proc\/\d+\/ns\/net$/.test(path)
    ? { kind: "shared" }
    : { kind: "own" };
}

/** The kubelet's labels, under its own names or containerd's. */
function kubernetesLabels(annotations: Fields): Fields {
  const entries = CRI_LABELS.map(([label, key]) =>
    [label, textOf(annotations[key]) ?? textOf(annotations[label])] as const
  );
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function restartCountOf(annotations: Fields): number | undefined {
  const text = textOf(annotations["io.kubernetes.container.restartCount"]);
  return text !== undefined && /^\d{1,9}$/.test(text)
    ? Number(text)
    : undefined;
}

function annotationsOf(config: unknown): Fields {
  return fieldsOf(fieldsOf(config)["annotations"]);
}
