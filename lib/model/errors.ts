/** A kernel file has an invalid format. */
export class KernfsSyntaxError extends SyntaxError {
  override readonly name = "KernfsSyntaxError";
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(`Cannot parse "${path}": ${message}`, options);
    this.path = path;
  }
}

/** A requested container is unknown. */
export class UnknownContainerError extends Error {
  override readonly name = "UnknownContainerError";

  /** `namespace` is the searched runtime, if any. */
  constructor(container: string, namespace?: string) {
    super(
      namespace === undefined
        ? `Unknown container "${container}"`
        : `Unknown ${namespace} container "${container}"`,
    );
  }
}

/** A requested file system is unknown. */
export class UnknownFilesystemError extends Error {
  override readonly name = "UnknownFilesystemError";

  constructor(what: string) {
    super(`Cannot find the file system of ${what}`);
  }
}

/** A call timed out, and may never return. */
export class CallTimeoutError extends Error {
  override readonly name = "CallTimeoutError";

  constructor(what: string) {
    super(`No response from "${what}"`);
  }
}

/** A request is invalid. */
export class BadRequestError extends Error {
  override readonly name = "BadRequestError";
}

/** Deno has no error class for it. */
const ENODEV_REGEXP = /\(os error 19\)/;

/**
 * Whether a cgroup or process is gone: no such path, or ENODEV (cgroup) or
 * ESRCH (process) from an open file.
 */
export function isGone(error: unknown): boolean {
  if (error instanceof Deno.errors.NotFound) return true;
  if (error instanceof Deno.errors.NotADirectory) return true;
  return error instanceof Error &&
    (ENODEV_REGEXP.test(error.message) || /\(os error 3\)/.test(error.message));
}

/** EOPNOTSUPP: pressure files with `psi=0`. */
const EOPNOTSUPP_REGEXP = /\(os error 95\)/;

/** Whether a file is missing, inaccessible or unsupported. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotSupported ||
    (error instanceof Error && EOPNOTSUPP_REGEXP.test(error.message));
}

const EACCES_REGEXP = /Permission denied \(os error 13\)/;

/** Whether access is denied. An error of `fetch()` has the reason in its message or cause. */
export function isPermissionDenied(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error instanceof Deno.errors.PermissionDenied ||
    EACCES_REGEXP.test(error.message) || isPermissionDenied(error.cause);
}

/** Returns the message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
