/**
 * cAdvisor's tables of JSON fields, row by row: name and form. A form that
 * ends in `?` may be absent; `[…]` is an array, `{…}` an object of such values.
 *
 * @module
 */
import { assert } from "@std/assert";

/** Rows of one table, by field. */
export type Table = Readonly<Record<string, string>>;

const CACHE: Table = {
  "id": "whole?",
  "size": "whole",
  "type": "text",
  "level": "whole",
};

const HUGEPAGES: Table = { "page_size": "whole", "num_pages": "whole" };

/** The tables that rows name. */
const TABLES: Readonly<Record<string, Table>> = {
  MachineInfo: {
    "timestamp": "time",
    "vendor_id": "text?",
    "num_cores": "whole",
    "num_physical_cores": "whole?",
    "num_sockets": "whole?",
    "num_books": "whole?",
    "num_drawers": "whole?",
    "cpu_frequency_khz": "whole?",
    "memory_capacity": "whole",
    "swap_capacity": "whole",
    "memory_by_type": "{MemoryInfo}",
    "hugepages": "[Hugepages]",
    "machine_id": "text?",
    "system_uuid": "text?",
    "boot_id": "text",
    "filesystems": "[FilesystemInfo]",
    "disk_map": "{Disk}",
    "network_devices": "[NetworkDevice]",
    "topology": "[Node]",
    "cloud_provider": "text?",
    "instance_type": "text?",
    "instance_id": "text?",
  },
  Attributes: {
    "kernel_version": "text",
    "container_os_version": "text",
    "docker_version": "text?",
    "docker_api_version": "text?",
    "cadvisor_version": "text",
    "num_cores": "whole",
    "cpu_frequency_khz": "whole?",
    "memory_capacity": "whole",
    "machine_id": "text?",
    "system_uuid": "text?",
    "hugepages": "[Hugepages]",
    "filesystems": "[FilesystemInfo]",
    "disk_map": "{Disk}",
    "network_devices": "[NetworkDevice]",
    "topology": "[Node]",
    "cloud_provider": "text?",
    "instance_type": "text?",
  },
  MemoryInfo: { "capacity": "whole", "dimm_count": "whole" },
  Hugepages: HUGEPAGES,
  FilesystemInfo: {
    "device": "text",
    "capacity": "whole?",
    "type": "text",
    "inodes": "whole?",
    "has_inodes": "bool",
    "stale": "bool?",
  },
  Disk: {
    "name": "text",
    "major": "whole",
    "minor": "whole",
    "size": "whole",
    "scheduler": "text",
  },
  NetworkDevice: {
    "name": "text",
    "mac_address": "text?",
    "speed": "whole?",
    "mtu": "whole?",
  },
  Node: {
    "node_id": "whole",
    "memory": "whole?",
    "hugepages": "[Hugepages]",
    "cores": "[Core]",
    "caches": "[Cache]",
    "distances": "[whole]",
  },
  Core: {
    "core_id": "whole",
    "thread_ids": "[whole]",
    "caches": "[Cache]",
    "uncore_caches": "[Cache]",
    "socket_id": "whole?",
    "book_id": "whole?",
    "drawer_id": "whole?",
  },
  Cache: CACHE,
  FsStats: {
    "device": "text?",
    "type": "text",
    "capacity": "whole?",
    "usage": "whole?",
    "base_usage": "whole?",
    "available": "whole?",
    "has_inodes": "bool",
    "inodes": "whole?",
    "inodes_free": "whole?",
    "reads_completed": "whole?",
    "reads_merged": "whole?",
    "sectors_read": "whole?",
    "read_time": "whole?",
    "writes_completed": "whole?",
    "writes_merged": "whole?",
    "sectors_written": "whole?",
    "write_time": "whole?",
    "io_in_progress": "whole?",
    "io_time": "whole?",
    "weighted_io_time": "whole?",
    "stale": "bool?",
  },
  FsInfo: {
    "timestamp": "time",
    "device": "text",
    "mountpoint": "text",
    "capacity": "whole?",
    "available": "whole?",
    "usage": "whole?",
    "labels": "[text]",
    "inodes": "whole?",
    "inodes_free": "whole?",
    "stale": "bool?",
  },
};

const PLAIN: Readonly<Record<string, (value: unknown) => boolean>> = {
  text: (value) => typeof value === "string" && value !== "",
  bool: (value) => typeof value === "boolean",
  whole: (value) => Number.isInteger(value) && (value as number) >= 0,
  time: (value) =>
    typeof value === "string" &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value),
};

/** Fails unless the value has a form: a plain one, a table, or an array or object of these. */
export function assertForm(
  value: unknown,
  form: string,
  at: string = form,
): void {
  const [, open = "", inner = form] = /^([[{])(.+)[\]}]$/.exec(form) ?? [];
  if (open === "[") {
    assert(Array.isArray(value), `${at} is no array`);
    value.forEach((item, i) => assertForm(item, inner, `${at}[${i}]`));
    return;
  }
  const plain = PLAIN[form];
  if (plain !== undefined) {
    assert(plain(value), `${at} is no ${form}: ${JSON.stringify(value)}`);
    return;
  }
  assert(
    typeof value === "object" && value !== null && !Array.isArray(value),
    `${at} is no object`,
  );
  if (open === "{") {
    for (const [key, item] of Object.entries(value)) {
      assertForm(item, inner, `${at}.${key}`);
    }
    return;
  }
  const table = TABLES[form];
  assert(table !== undefined, `there is no table ${form}`);
  for (const key of Object.keys(value)) {
    assert(key in table, `${at} has ${key}, which is in no row`);
  }
  for (const [key, row] of Object.entries(table)) {
    const item = (value as Record<string, unknown>)[key];
    if (item === undefined && row.endsWith("?")) continue;
    assertForm(item, row.replace("?", ""), `${at}.${key}`);
  }
}

/** The fields of a table. */
export function fieldsOf(table: string): string[] {
  return Object.keys(TABLES[table] ?? {});
}
