import { dirname, join } from "@std/path";
import type { Page } from "./pages.ts";

/** Returns a line for each missing link, anchor or repository path. */
export function brokenReferences(
  pages: readonly Page[],
  root: string,
): string[] {
  const anchors = new Map(pages.map(({ path, text }) => [
    path,
    anchorsOf(text),
  ]));
  return pages.flatMap(({ path, text }) => {
    const prose = withoutCode(text);
    const broken = [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = ""]) => target)
      .filter((target) => !isLinkValid(target, path, { anchors, root }))
      .map((target) => `${path}: broken link "${target}"`);
    const missing = pathsOf(text)
      .filter((named) => path !== "CHANGELOG.md" && !exists(join(root, named)))
      .map((named) => `${path}: "${named}" does not exist`);
    return [...broken, ...missing];
  });
}

/** Returns a page's anchors, as GitHub generates them from headings. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutFences(text).matchAll(/^#+ (.+)$/gm)) {
    const base = heading.toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
    let anchor = base;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${base}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

function isLinkValid(
  target: string,
  from: string,
  { anchors, root }: {
    readonly anchors: ReadonlyMap<string, Set<string>>;
    readonly root: string;
  },
): boolean {
  if (/^[a-z]+:/.test(target)) return true;
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? from : join(dirname(from), file);
  if (anchor === undefined) return exists(join(root, path));
  return anchors.get(path)?.has(anchor) ?? false;
}

/** Returns repository paths in inline code, such as `lib/agent.ts`, except patterns. */
function pathsOf(text: string): string[] {
  const codes = withoutFences(text).matchAll(/`([^`\n]+)`/g);
  return [...codes].flatMap(([, code = ""]) =>
    /^(?:lib|scripts|tests|docs)\/[\w./-]+$/.exec(code)?.[0] ?? []
  );
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function withoutFences(text: string): string {
  return text.replaceAll(/^ *```[^]*?^ *```$/gm, "");
}

function withoutCode(text: string): string {
  return withoutFences(text).replaceAll(/`[^`\n]*`/g, "");
}
