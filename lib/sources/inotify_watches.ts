/**
 * How many inotify watches this process has (`proc_pid_fdinfo(5)`); undefined
 * where it cannot be told.
 *
 * ```text
 * inotify wd:3 ino:9f5 sdev:1d mask:fc6 ignored_mask:0 fhandle-bytes:8 …
 * ```
 */
export async function countInotifyWatches(): Promise<number | undefined> {
  let count = 0;
  let isKnown = false;
  try {
    for await (const { name } of Deno.readDir("/proc/self/fd")) {
      const target = await Deno.readLink(`/proc/self/fd/${name}`)
        .catch(() => "");
      if (!target.includes("inotify")) continue;
      const text = await Deno.readTextFile(`/proc/self/fdinfo/${name}`);
      count += text.split("\ninotify wd:").length - 1;
      isKnown = true;
    }
  } catch {
    return undefined;
  }
  return isKnown ? count : undefined;
}
