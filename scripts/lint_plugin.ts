/**
 * Lint plugin for the layers of `lib/`.
 *
 * @module
 */

/** A file imports only from lower ranks and its own directory of `lib/`. */
const RANKS: ReadonlyMap<string, number> = new Map([
  ["model", 0],
  ["kernfs", 1],
  ["filesystems", 2],
  ["sources", 3],
  ["runtimes", 3],
  ["events", 4],
  ["registry", 4],
  ["explain", 4],
  ["handlers", 5],
  ["oom", 5],
  ["cache", 6],
  ["manager", 7],
  ["api", 8],
  ["log", 8],
  ["metrics", 8],
  ["web", 8],
  ["config", 9],
  ["cli", 11],
]);

/** Files directly in `lib/`, which wire the agent. */
const ROOT_RANK = 10;

/** Files that may use the `Deno` namespace. */
const HOST_FILES_REGEXP =
  /\/lib\/(cli\/(?:terminal|screen|agent_client|event_file|check_sources)|config\/secret_files|kernfs\/(?:host_fs|libc)|filesystems\/mounted_files|sources\/\w+_watcher|oom\/kmsg_watcher|runtimes\/runtime_files|runtimes\/engine_socket|log\/event_log|log\/console_logger|api\/server|model\/errors)\.ts$/;

interface Location {
  directory: string;
  rank: number;
}

function locate(path: string): Location | undefined {
  const match = /\/lib\/(?:(\w+)\/)?(?:\w+\/)?\w+\.ts$/.exec(path);
  if (match === null) return undefined;
  const directory = match[1] ?? ".";
  return { directory, rank: RANKS.get(directory) ?? ROOT_RANK };
}

function checkImport(
  context: Deno.lint.RuleContext,
  source: Deno.lint.StringLiteral,
): void {
  const from = locate(context.filename);
  if (from === undefined || !source.value.startsWith(".")) return;
  const to = locate(
    new URL(source.value, `file://${context.filename}`).pathname,
  );
  if (to === undefined || to.directory === from.directory) return;
  if (to.rank < from.rank) return;
  context.report({
    node: source,
    message: `Layer "${from.directory}" cannot import layer "${to.directory}"`,
    hint: "Import only lower layers; return or yield values to higher ones",
  });
}

/**
 * Requires doc comments on exported functions, classes and constants, but not
 * on interfaces and types, whose fields have them.
 */
function checkComment(
  context: Deno.lint.RuleContext,
  node: Deno.lint.ExportNamedDeclaration,
): void {
  if (locate(context.filename) === undefined || !node.declaration) return;
  if (/^TS(?:Interface|TypeAlias)/.test(node.declaration.type)) return;
  const last = context.sourceCode.getCommentsBefore(node)
    .findLast(({ value }) => !value.includes("deno-lint-ignore"));
  if (last?.type === "Block" && last.value.startsWith("*")) return;
  context.report({
    node,
    message: "Exported symbol has no JSDoc comment",
    hint: "Describe it in one line",
  });
}

const plugin: Deno.lint.Plugin = {
  name: "layers",
  rules: {
    "downward-imports": {
      create(context) {
        return {
          ImportDeclaration(node) {
            checkImport(context, node.source);
          },
          ExportAllDeclaration(node) {
            checkImport(context, node.source);
          },
          ExportNamedDeclaration(node) {
            if (node.source !== null) checkImport(context, node.source);
          },
        };
      },
    },
    "no-ambient-deno": {
      create(context) {
        if (locate(context.filename) === undefined) return {};
        if (HOST_FILES_REGEXP.test(context.filename)) return {};
        return {
          MemberExpression(node) {
            if (node.object.type !== "Identifier") return;
            if (node.object.name !== "Deno") return;
            context.report({
              node,
              message: "Only the host files may use the `Deno` namespace",
              hint: "Take a HostFs, Clock or Logger as a parameter instead",
            });
          },
        };
      },
    },
    "documented-exports": {
      create(context) {
        return {
          ExportNamedDeclaration(node) {
            checkComment(context, node);
          },
        };
      },
    },
  },
};

export default plugin;
