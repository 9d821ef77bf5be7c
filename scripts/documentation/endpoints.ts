import type { Endpoint } from "../../lib/api/routes.ts";

/** Description of an endpoint. */
export interface EndpointDescription {
  /** The part that may follow the path. */
  readonly argument: string;
  readonly response: string;
}

/** `PATH`, or `VERSION PATH` if versions differ, to argument and response. */
const DESCRIPTIONS: Readonly<Record<string, readonly [string, string]>> = {
  "/healthz": ["", "`ok` while the process serves requests"],
  "/readyz": ["", "readiness and the state of each source"],
  "/metrics": ["", "all metrics, for Prometheus"],
  "/metrics/resource": ["", "the kubelet's resource metrics"],
  "/stats/summary": ["", "the kubelet's summary of the node and its pods"],
  "containers": ["/NAME", "one container: `spec`, `stats`, children"],
  "subcontainers": [
    "/NAME",
    "array of a container and its descendants, sorted by name",
  ],
  "docker": [
    "/ID",
    "object of Docker containers by cgroup name: all, or one by ID, name or unique prefix",
  ],
  "events": ["/NAME", "events, as an array or a stream"],
  "version": ["", "version of the agent, a JSON string"],
  "v2.0 stats": [
    "/NAME",
    "object of samples by cgroup name; each part follows a `has_…` flag",
  ],
  "v2.1 stats": [
    "/NAME",
    'object of `{"spec":…,"stats":[…]}` by cgroup name, without `/`',
  ],
  "machine": ["", "the machine"],
  "attributes": ["", "the machine, and versions of its software"],
  "storage": ["", "array of file systems"],
  "machinestats": ["", "array of samples of `/`, with its file systems"],
  "spec": ["/NAME", "object of limits and identity by cgroup name"],
  "summary": [
    "/NAME",
    "object of usage over the last minute, hour and day by cgroup name",
  ],
  "ps": [
    "/NAME",
    "array of processes of a container without descendants, of `/` all; requires `--allow-ps`",
  ],
};

/** Returns the description of an endpoint. */
export function describeEndpoint(
  { path, versions }: Pick<Endpoint, "path" | "versions">,
): EndpointDescription {
  const row = DESCRIPTIONS[path] ?? DESCRIPTIONS[`${versions?.[0]} ${path}`];
  if (row === undefined) {
    throw new Error(
      `Cannot describe endpoint "${path}": it has no row in scripts/documentation/endpoints.ts`,
    );
  }
  const [argument, response] = row;
  return { argument, response };
}
