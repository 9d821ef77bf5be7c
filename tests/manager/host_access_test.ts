import { assertEquals } from "@std/assert";
import { accessState } from "../../lib/manager/host_access.ts";
import type { SourceState } from "../../lib/model/source_state.ts";

const PRIVILEGED = { isPrivileged: true, kernelLogHint: "" };
const RESTRICTED = { isPrivileged: false, kernelLogHint: "rules refuse it" };
const HOSTS = { isPrivate: false, isResolved: true };

const kmsg = (state: SourceState["state"], detail = ""): SourceState => ({
  name: "kmsg",
  state,
  detail,
});

Deno.test("accessState() reports the variant, and the reason", () => {
  const cases: readonly (readonly [
    Parameters<typeof accessState>[0],
    SourceState["state"],
    string,
  ])[] = [
    [
      { privileges: PRIVILEGED, namespace: HOSTS, kmsg: kmsg("ok") },
      "ok",
      "privileged: the kernel log is read",
    ],
    [
      {
        privileges: RESTRICTED,
        namespace: { isPrivate: true, isResolved: true },
        kmsg: kmsg("off", "turned off by --kmsg=none"),
      },
      "ok",
      "restricted: the kernel log is turned off; kills are inferred from the kernel's counters; a cgroup namespace of its own, whose root is found",
    ],
    [
      {
        privileges: RESTRICTED,
        namespace: { isPrivate: true, isResolved: false },
        kmsg: kmsg("degraded", "Operation not permitted (os error 1)"),
      },
      "degraded",
      "restricted: the kernel log is not permitted, rules refuse it; kills are inferred from the kernel's counters; a cgroup namespace of its own, whose root is not found: processes have no cgroup",
    ],
    [
      {
        privileges: RESTRICTED,
        namespace: HOSTS,
        kmsg: kmsg("degraded", "Not opened yet"),
      },
      "ok",
      "restricted: the kernel log is not read: Not opened yet; kills are inferred from the kernel's counters",
    ],
  ];
  for (const [access, state, detail] of cases) {
    assertEquals(accessState(access), { name: "access", state, detail });
  }
});
