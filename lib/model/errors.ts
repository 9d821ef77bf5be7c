/** A kernel file says something it should not: a known key with a bad value. */
export class KernfsSyntaxError extends SyntaxError {
  override readonly name = "KernfsSyntaxError";
  /** The file at fault. */
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(`Cannot parse "${path}": ${message}`, options);
    this.path = path;
  }
}

/** A container was asked for that is not known. */
export class UnknownContainerError extends Error {
  override readonly name = "UnknownContainerError";

  /** `namespace` is the runtime's whose names were looked through; absent for cgroup names. */
  constructor(container: string, namespace?: string) {
    super(
      namespace === undefined
        ? `Unknown container "${container}"`
        : `Unknown ${namespace} container "${container}"`,
    );
  }
}

/** A file system was asked for that is not known. */
export class UnknownFilesystemError extends Error {
  override readonly name = "UnknownFilesystemError";

  constructor(what: string) {
    super(`Cannot find the file system of ${what}`);
  }
}

/** A call has not been answered in time, and may never be. */
export class HungError extends Error {
  override readonly name = "HungError";

  constructor(what: string) {
    super(`No answer from "${what}"`);
  }
}

/** A request cannot be met as it was put: a parameter out of its form. */
export class BadRequestError extends Error {
  override readonly name = "BadRequestError";
}

/** The end of `Deno`'s message for an errno that has no class of its own. */
const ENODEV_REGEXP = /\(os error 19\)/;

/**
 * Whether an error says that the cgroup or process is no more: its directory
 * is not there, or a file of it that is still open answers ENODEV (a cgroup)
 * or ESRCH (a process).
 */
export function isGone(error: unknown): boolean {
  if (error instanceof Deno.errors.NotFound) return true;
  if (error instanceof Deno.errors.NotADirectory) return true;
  return error instanceof Error &&
    (ENODEV_REGEXP.test(error.message) || /\(os error 3\)/.test(error.message));
}

/** `Deno`'s message for EOPNOTSUPP: pressure files of a kernel booted with `psi=0`. */
const EOPNOTSUPP_REGEXP = /\(os error 95\)/;

/** Whether an error says that a file is not to be had here: there is none, we may not read it, or the kernel does not have what it tells. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotSupported ||
    (error instanceof Error && EOPNOTSUPP_REGEXP.test(error.message));
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
