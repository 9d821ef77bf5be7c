/** Sends a signal, and SIGKILL if the process runs `graceMs` later; waits until it has ended. */
export async function endProcess(
  child: Deno.ChildProcess,
  signal: Deno.Signal,
  graceMs: number,
): Promise<Deno.CommandStatus> {
  kill(child, signal);
  const timer = setTimeout(() => kill(child, "SIGKILL"), graceMs);
  try {
    return await child.status;
  } finally {
    clearTimeout(timer);
  }
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // The process has already ended.
  }
}
