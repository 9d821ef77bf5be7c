/**
 * Stand-in for `@std/testing/bdd` where JSR cannot be reached: every outermost `describe` is a
 * test, and what it holds are its steps.
 *
 * @module
 */

type Step = (t: Deno.TestContext) => void | Promise<void>;
type Hook = () => void | Promise<void>;

interface Suite {
  readonly parent: Suite | undefined;
  readonly steps: Deno.TestStepDefinition[];
  readonly beforeAll: Hook[];
  readonly afterAll: Hook[];
  readonly beforeEach: Hook[];
  readonly afterEach: Hook[];
}

let current: Suite | undefined;

/** Groups the tests that `fn` makes. */
export function describe(name: string, fn: () => void): void {
  define(name, fn, false);
}
/** Groups tests that do not run. */
describe.ignore = function ignore(name: string, fn: () => void): void {
  define(name, fn, true);
};

/** Makes a test; within `describe` it is a step of the group. */
export function it(name: string, fn: Step): void {
  add({ name, fn: wrap(current, fn) });
}
/** Makes a test that does not run. */
it.ignore = function ignore(name: string, fn: Step): void {
  add({ name, fn, ignore: true });
};

/** Runs the function before the first test of the group. */
export function beforeAll(fn: Hook): void {
  group("beforeAll").beforeAll.push(fn);
}

/** Runs the function after the last test of the group. */
export function afterAll(fn: Hook): void {
  group("afterAll").afterAll.push(fn);
}

/** Runs the function before each test of the group and of the groups within. */
export function beforeEach(fn: Hook): void {
  group("beforeEach").beforeEach.push(fn);
}

/** Runs the function after each test of the group and of the groups within. */
export function afterEach(fn: Hook): void {
  group("afterEach").afterEach.push(fn);
}

function define(name: string, fn: () => void, ignore: boolean): void {
  const suite: Suite = {
    parent: current,
    steps: [],
    beforeAll: [],
    afterAll: [],
    beforeEach: [],
    afterEach: [],
  };
  current = suite;
  try {
    fn();
  } finally {
    current = suite.parent;
  }
  add({ name, ignore, fn: (t) => runSuite(suite, t) });
}

function add(step: Deno.TestStepDefinition): void {
  if (current === undefined) Deno.test(step as Deno.TestDefinition);
  else current.steps.push(step);
}

function group(name: string): Suite {
  if (current !== undefined) return current;
  throw new Error(`Cannot call "${name}" outside of "describe"`);
}

async function runSuite(suite: Suite, t: Deno.TestContext): Promise<void> {
  try {
    for (const hook of suite.beforeAll) await hook();
    for (const step of suite.steps) await t.step(step);
  } finally {
    for (const hook of suite.afterAll) await hook();
  }
}

function wrap(innermost: Suite | undefined, fn: Step): Step {
  const suites: Suite[] = [];
  for (let suite = innermost; suite !== undefined; suite = suite.parent) {
    suites.unshift(suite);
  }
  return async (t) => {
    try {
      for (const suite of suites) {
        for (const hook of suite.beforeEach) await hook();
      }
      await fn(t);
    } finally {
      for (const suite of suites.toReversed()) {
        for (const hook of suite.afterEach) await hook();
      }
    }
  };
}
