import { GROUP_COLUMNS } from "../../model/sample.ts";
import { type CgroupFile, keyedGroup, singleOfGroup } from "./cgroup_file.ts";
import type { HostFs } from "../host_fs.ts";

const SIZE_REGEXP = /^hugepages-(\d+)kB$/;
const USAGE = GROUP_COLUMNS.hugetlb.indexOf("usageBytes");
const MAX_USAGE = GROUP_COLUMNS.hugetlb.indexOf("maxUsageBytes");
const FAILCNT = GROUP_COLUMNS.hugetlb.indexOf("failcnt");

/** Sizes as in file names: `64KB`, `2MB`, `1GB`. */
export function hugePageSizes(fs: HostFs): string[] {
  return fs.subdirectories(fs.path("/sys/kernel/mm/hugepages"))
    .flatMap((name) => {
      const kib = Number(SIZE_REGEXP.exec(name)?.[1]);
      if (Number.isNaN(kib)) return [];
      if (kib >= 1 << 20) return [`${kib >> 20}GB`];
      return kib >= 1 << 10 ? [`${kib >> 10}MB`] : [`${kib}KB`];
    });
}

/**
 * Huge pages (`cgroup-v1/hugetlb.rst`, `cgroup-v2.rst`): reserved ones if
 * counted (since 5.7), otherwise used ones, as in cAdvisor.
 */
export function hugetlbFiles(
  version: 1 | 2,
  sizes: readonly string[],
): CgroupFile[] {
  const controller = "hugetlb";
  const kind = "hugetlb";
  return sizes.flatMap((size) => {
    const one = (name: string, column: number): CgroupFile => ({
      file: `hugetlb.${size}.rsvd.${name}`,
      fallback: `hugetlb.${size}.${name}`,
      controller,
      parse: singleOfGroup("hugetlb", size, column),
      kind,
    });
    if (version === 1) {
      return [
        one("usage_in_bytes", USAGE),
        one("max_usage_in_bytes", MAX_USAGE),
        one("failcnt", FAILCNT),
      ];
    }
    return [one("current", USAGE), {
      file: `hugetlb.${size}.events`,
      controller,
      parse: keyedGroup("hugetlb", size, { max: FAILCNT }),
      kind,
    }];
  });
}
