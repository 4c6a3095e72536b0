import type { Random } from "./actors/programmes/programme.ts";

/** Secure random bytes. */
export const randomBytes: Random = (bytes) => crypto.getRandomValues(new Uint8Array(bytes));
