/** Faults of a call: kernel errors, wrong data, or hanging. */
export type Fault = Errno | "short" | "garbage" | "eof" | "hang";

/** Errors of the kernel. */
export type Errno = "EACCES" | "EIO" | "EMFILE" | "ENODEV" | "ENOSPC";

export const ERRNOS: readonly Errno[] = [
  "EACCES",
  "EIO",
  "EMFILE",
  "ENODEV",
  "ENOSPC",
];

/** Duration of a fault: a number of calls, or until it is healed. */
export type Times = 1 | 3 | "until healed";

export const TIMES: readonly Times[] = [1, 3, "until healed"];

const MESSAGES: Readonly<Record<Errno, string>> = {
  EACCES: "Permission denied (os error 13)",
  EIO: "Input/output error (os error 5)",
  EMFILE: "Too many open files (os error 24)",
  ENODEV: "No such device (os error 19)",
  ENOSPC: "No space left on device (os error 28)",
};

/** Returns the error as Deno 2.6 to 2.9 throw it. */
export function errorOf(fault: Errno): Error {
  const message = MESSAGES[fault];
  return fault === "EACCES"
    ? new Deno.errors.PermissionDenied(message)
    : new Error(message);
}

/** Returns whether it is an error of the kernel. */
export function isErrno(fault: Fault): fault is Errno {
  return fault in MESSAGES;
}
