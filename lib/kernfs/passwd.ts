/**
 * Parses `/etc/passwd` ("root:x:0:0:root:/root:/bin/bash") into names by UID;
 * the first name of a UID is used.
 */
export function parsePasswd(text: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [name, , uid = ""] = line.split(":");
    if (!name || !/^\d+$/.test(uid) || names.has(Number(uid))) continue;
    names.set(Number(uid), name);
  }
  return names;
}
