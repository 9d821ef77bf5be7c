-- Fluent Bit: converts an event of cgwatch's event log; see fluent-bit.conf.

local severities = {
  oomKill = "ERROR",
  lost = "ERROR",
  oom = "WARN",
  memoryMax = "WARN",
  memoryHigh = "WARN",
  nodeEvent = "WARN",
}

-- Name of the Kubernetes cluster, if any.
local cluster = os.getenv("CGWATCH_CLUSTER") or ""

-- Removes a field of a table and returns it.
local function take(from, key)
  local value = from[key]
  from[key] = nil
  return value
end

-- NAME:TAG@DIGEST, or the ID of an image.
local function set_image(event, image)
  if image == nil then return end
  if image:find("^sha256:%x+$") then
    event["container.image.id"] = image
    return
  end
  local name, digest = image:match("^([^@]+)@(.+)$")
  name = name or image
  local repository, tag = name:match("^(.+):([^:/]+)$")
  name = repository or name
  event["container.image.name"] = name
  event["container.image.tags"] = tag and { tag }
  event["container.image.repo_digests"] = digest and { name .. "@" .. digest }
end

function cgwatch(_, _, event)
  -- A crash of the machine can leave an incomplete line, which is not JSON. A checkpoint is the state
  -- of the agent; its seq is that of the event before it.
  if event.event_type == nil or event.event_type == "checkpoint" then
    return -1, 0, 0
  end
  event.severity = severities[event.event_type] or "INFO"
  event.message = event.event_type .. " " .. event.container_name
  -- Names of OpenTelemetry's semantic conventions. A unit of systemd is not a container: its name is
  -- an attribute of OpenTelemetry's systemd receiver.
  event["host.name"] = event.node
  if cluster ~= "" then event["k8s.cluster.name"] = cluster end
  local container = event.container
  if container == nil then return 2, 0, event end
  local pod = container.pod
  if pod ~= nil then
    event["k8s.node.name"] = event.node
    event["k8s.pod.name"] = take(pod, "name")
    event["k8s.namespace.name"] = take(pod, "namespace")
    event["k8s.pod.uid"] = take(pod, "uid")
    event["k8s.container.name"] = take(pod, "container")
    if next(pod) == nil then container.pod = nil end
  end
  if container.namespace == "systemd" then
    event["systemd.unit.name"] = take(container, "name")
    container.namespace = nil
  end
  event["container.id"] = take(container, "id")
  event["container.name"] = take(container, "name")
  event["container.runtime.name"] = take(container, "namespace")
  set_image(event, take(container, "image"))
  container.aliases = nil
  if next(container) == nil then event.container = nil end
  return 2, 0, event
end
