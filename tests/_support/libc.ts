import { Libc } from "../../lib/kernfs/libc.ts";

/** Opened here, since a test may not leave a library open. */
export const libc: Libc | undefined = Libc.open();
