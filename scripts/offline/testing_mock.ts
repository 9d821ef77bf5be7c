/**
 * Stand-in for `@std/testing/mock` if JSR is not reachable: spies on functions.
 *
 * @module
 */

// deno-lint-ignore-file no-explicit-any -- the defaults of the package's type parameters

import { AssertionError } from "./assert.ts";

/** A recorded call. */
export interface SpyCall<
  Self = any,
  Args extends unknown[] = any[],
  Return = any,
> {
  args: Args;
  /** Absent if the function threw. */
  returned?: Return;
  error?: Error;
  /** `this` of the call. */
  self?: Self;
}

/** A function that records its calls. */
export interface Spy<
  Self = any,
  Args extends unknown[] = any[],
  Return = any,
> {
  (this: Self, ...args: Args): Return;
  /** Oldest first. */
  calls: SpyCall<Self, Args, Return>[];
}

/** Returns a function that records its calls and returns `undefined`. */
export function spy<
  Self = any,
  Args extends unknown[] = any[],
  Return = undefined,
>(): Spy<Self, Args, Return>;
/** Returns a function that records its calls and calls `func`. */
export function spy<Self, Args extends unknown[], Return>(
  func: (this: Self, ...args: Args) => Return,
): Spy<Self, Args, Return>;
export function spy<Self, Args extends unknown[], Return>(
  func = (() => undefined) as (this: Self, ...args: Args) => Return,
): Spy<Self, Args, Return> {
  const calls: SpyCall<Self, Args, Return>[] = [];
  function record(this: Self, ...args: Args): Return {
    const call: SpyCall<Self, Args, Return> = { args };
    if (this) call.self = this;
    try {
      return call.returned = func.apply(this, args);
    } catch (error) {
      call.error = error as Error;
      throw error;
    } finally {
      calls.push(call);
    }
  }
  return Object.assign(record, { calls });
}

/** Asserts the number of calls of the spy. */
export function assertSpyCalls<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  expectedCalls: number,
): void {
  if (spy.calls.length === expectedCalls) return;
  throw new AssertionError(
    `Expected ${expectedCalls} calls of the spy, but it had ${spy.calls.length}`,
  );
}
