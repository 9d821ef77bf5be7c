/**
 * Stand-in for `@std/assert` if JSR is not reachable: the assertions that this
 * project uses.
 *
 * @module
 */

import { difference, equal, inspect } from "./equal.ts";

// deno-lint-ignore no-explicit-any -- as in the package
type AnyClass<T> = abstract new (...args: any[]) => T;
type Falsy = false | 0 | 0n | "" | null | undefined;

/** Thrown by every failed assertion. */
export class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/**
 * Throws an {@linkcode AssertionError} with `msg`, if given, before the
 * assertion's own message.
 */
function check(holds: boolean, what: () => string, msg?: string): void {
  if (holds) return;
  throw new AssertionError(msg ? `${what()}: ${msg}` : what());
}

/** Asserts that the value is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/** Asserts that both values are structurally equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  check(
    equal(actual, expected),
    () => `Values are not equal\n${difference(actual, expected)}\n`,
    msg,
  );
}

/** Asserts that the values are not structurally equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  check(
    !equal(actual, expected),
    () => `Expected another value than ${inspect(actual)}`,
    msg,
  );
}

/** Asserts that both are the same value or the same object. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  check(
    Object.is(actual, expected),
    () => `Values are not the same\n${difference(actual, expected)}\n`,
    msg,
  );
}

/** Asserts that the object is an instance of the class. */
// deno-lint-ignore no-explicit-any -- as in the package
export function assertInstanceOf<T extends AnyClass<any>>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  check(
    actual instanceof expectedType,
    () => `Expected a ${expectedType.name}, not ${inspect(actual)}`,
    msg,
  );
}

/**
 * Asserts that both are within the tolerance.
 *
 * @default a ten-millionth of the expected value
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  const allowed = tolerance ??
    (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  check(
    Object.is(actual, expected) || Math.abs(expected - actual) <= allowed,
    () => `Expected ${actual} to be within ${allowed} of ${expected}`,
    msg,
  );
}

export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  check(actual > expected, () => relation(actual, ">", expected), msg);
}

export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  check(actual >= expected, () => relation(actual, ">=", expected), msg);
}

export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  check(actual < expected, () => relation(actual, "<", expected), msg);
}

export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  check(actual <= expected, () => relation(actual, "<=", expected), msg);
}

export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  check(
    expected.test(actual),
    () => `Expected ${inspect(actual)} to match ${expected}`,
    msg,
  );
}

export function assertNotMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  check(
    !expected.test(actual),
    () => `Expected ${inspect(actual)} not to match ${expected}`,
    msg,
  );
}

export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  check(
    actual.includes(expected),
    () => `Expected ${inspect(actual)} to contain ${inspect(expected)}`,
    msg,
  );
}

/** Asserts that the function throws, and returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that the function throws an error of this class and message, and returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: AnyClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  classOrMsg?: AnyClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  try {
    fn();
  } catch (error) {
    return checkError(error, classOrMsg, msgIncludes, msg);
  }
  return check(
    false,
    () => "Expected the function to throw",
    note(classOrMsg, msg),
  );
}

/** Asserts that the promise is rejected, and resolves to the reason. */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
/** Asserts that the promise is rejected with an error of this class and message. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: AnyClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: AnyClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const promise = started(fn, note(classOrMsg, msg));
  try {
    await promise;
  } catch (error) {
    return checkError(error, classOrMsg, msgIncludes, msg);
  }
  return check(
    false,
    () => "Expected the promise to be rejected",
    note(classOrMsg, msg),
  );
}

/** Distinguishes a throw before the first await from a rejection. */
function started(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): PromiseLike<unknown> {
  try {
    return fn();
  } catch (cause) {
    const message = "Expected a rejected promise, but the function threw";
    throw new AssertionError(msg ? `${message}: ${msg}` : message, { cause });
  }
}

function checkError<E extends Error>(
  error: unknown,
  classOrMsg?: AnyClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  if (typeof classOrMsg !== "function") return error;
  check(
    error instanceof classOrMsg,
    () => `Expected a ${classOrMsg.name} to be thrown, not ${inspect(error)}`,
    msg,
  );
  const { message } = error as Error;
  check(
    message.includes(msgIncludes ?? ""),
    () =>
      `Expected the error's message to contain ${inspect(msgIncludes)}, ` +
      `but it is ${inspect(message)}`,
    msg,
  );
  return error;
}

function note(classOrMsg: unknown, msg?: string): string | undefined {
  return typeof classOrMsg === "string" ? classOrMsg : msg;
}

function relation<T>(actual: T, operator: string, expected: T): string {
  return `Expected ${inspect(actual)} ${operator} ${inspect(expected)}`;
}
