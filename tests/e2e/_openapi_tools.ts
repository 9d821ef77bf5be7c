/**
 * Tools from npm, in a process of their own so that the project needs neither a
 * lock nor types for them: reads `{"task", "document", …}` from stdin and
 * writes the result as JSON.
 *
 * @module
 */

/** A JSON value, and the JSON pointer of its schema in the document. */
export interface ValidationCase {
  /** Names the value in errors. */
  readonly at: string;
  readonly pointer: string;
  readonly value: unknown;
}

/** A task: `validate` and `lint` return errors, `types` returns TypeScript. */
export type ToolTask =
  | { readonly task: "lint" | "types"; readonly document: unknown }
  | {
    readonly task: "validate";
    readonly document: unknown;
    readonly cases: readonly ValidationCase[];
  };

// Not literals: `deno check` would download the packages.
const AJV = "npm:ajv@8.20.0/dist/2020.js";
const REDOCLY = "npm:@redocly/openapi-core@1.34.24";
const OPENAPI_TYPESCRIPT = "npm:openapi-typescript@7.13.0";

const TIME_REGEXP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;

async function validate(
  document: unknown,
  cases: readonly ValidationCase[],
): Promise<string[]> {
  const { default: { default: Ajv } } = await import(AJV);
  const ajv = new Ajv({
    strict: false,
    formats: { "date-time": TIME_REGEXP, "int64": true, "uint64": true },
  });
  ajv.addSchema(closed(document), "api");
  return cases.flatMap(({ at, pointer, value }) => {
    const isValid = ajv.getSchema(`api#${pointer}`);
    if (isValid === undefined) return [`${at}: ${pointer} does not exist`];
    return isValid(value) ? [] : [`${at}: ${ajv.errorsText(isValid.errors)}`];
  });
}

/** Clients accept unknown properties, this test does not. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const copy = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, closed(value)]),
  );
  return typeof copy["properties"] === "object"
    ? { ...copy, "additionalProperties": false }
    : copy;
}

async function lint(document: unknown): Promise<string[]> {
  const { createConfig, lintFromString } = await import(REDOCLY);
  const problems: readonly {
    readonly severity: "error" | "warn";
    readonly ruleId: string;
    readonly message: string;
    readonly location: readonly { readonly pointer?: string }[];
  }[] = await lintFromString({
    source: JSON.stringify(document),
    config: await createConfig({ extends: ["recommended"] }),
  });
  return problems.filter(({ severity }) => severity === "error")
    .map(({ ruleId, message, location: [at] }) =>
      `${ruleId}: ${message} ${at?.pointer}`
    );
}

async function types(document: unknown): Promise<string> {
  const { default: generate, astToString } = await import(OPENAPI_TYPESCRIPT);
  return astToString(await generate(document));
}

if (import.meta.main) {
  const input: ToolTask = await new Response(Deno.stdin.readable).json();
  const { task, document } = input;
  const result = task === "validate"
    ? await validate(document, input.cases)
    : await (task === "lint" ? lint : types)(document);
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(result)));
}
