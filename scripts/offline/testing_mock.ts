/**
 * Stand-in for `@std/testing/mock` where JSR cannot be reached: spies on functions.
 *
 * @module
 */

import { assertEquals, AssertionError } from "./assert.ts";

/** What a spy has seen of one call. */
export interface SpyCall<
  Self = unknown,
  Args extends unknown[] = unknown[],
  Return = unknown,
> {
  /** The arguments. */
  args: Args;
  /** What was returned, unless it threw. */
  returned?: Return;
  /** What was thrown. */
  error?: Error;
  /** The object it was called on. */
  self?: Self;
}

/** A function that remembers its calls. */
export interface Spy<
  Self = unknown,
  Args extends unknown[] = unknown[],
  Return = unknown,
> {
  (this: Self, ...args: Args): Return;
  /** The function behind it. */
  readonly original: (this: Self, ...args: Args) => Return;
  /** The calls so far. */
  readonly calls: SpyCall<Self, Args, Return>[];
}

/** What {@linkcode assertSpyCall} compares. */
export interface ExpectedSpyCall<Args extends unknown[], Return> {
  /** The first arguments, or all of them. */
  args?: [...Args, ...unknown[]];
  /** What was returned. */
  returned?: Return;
}

/** Returns a function that remembers its calls and does nothing. */
export function spy<Args extends unknown[] = unknown[]>(): Spy<
  unknown,
  Args,
  undefined
>;
/** Returns a function that remembers its calls and otherwise does what `func` does. */
export function spy<Self, Args extends unknown[], Return>(
  func: (this: Self, ...args: Args) => Return,
): Spy<Self, Args, Return>;
export function spy<Self, Args extends unknown[], Return>(
  func?: (this: Self, ...args: Args) => Return,
): Spy<Self, Args, Return> {
  const original = func ??
    (() => undefined) as (this: Self, ...args: Args) => Return;
  const calls: SpyCall<Self, Args, Return>[] = [];
  function remember(this: Self, ...args: Args): Return {
    const call: SpyCall<Self, Args, Return> = { args };
    if (this) call.self = this;
    try {
      return call.returned = original.apply(this, args);
    } catch (error) {
      call.error = error as Error;
      throw error;
    } finally {
      calls.push(call);
    }
  }
  return Object.assign(remember, { original, calls });
}

/** Asserts how often the spy was called. */
export function assertSpyCalls<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  expectedCalls: number,
): void {
  if (spy.calls.length === expectedCalls) return;
  throw new AssertionError(
    `Expected ${expectedCalls} calls of the spy, but it had ${spy.calls.length}`,
  );
}

/** Asserts what one call was like; the first is number 0. */
export function assertSpyCall<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  callIndex: number,
  expected?: ExpectedSpyCall<Args, Return>,
): void {
  const call = spy.calls[callIndex];
  if (call === undefined) {
    throw new AssertionError(
      `Expected call ${callIndex} of the spy, but it had ${spy.calls.length}`,
    );
  }
  if (expected?.args) {
    assertEquals<unknown>(call.args, expected.args, "Spy's arguments");
  }
  if (expected && "returned" in expected) {
    assertEquals<unknown>(call.returned, expected.returned, "Spy's result");
  }
}
