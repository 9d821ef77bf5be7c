/**
 * Stand-in for `@std/fs/exists` if JSR is not reachable.
 *
 * @module
 */

/** Returns whether the path exists; symbolic links are followed. */
export async function exists(path: string | URL): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    if (error instanceof Deno.errors.PermissionDenied) return true;
    throw error;
  }
}
