import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Room for the next batches and their index. */
const BYTES = 4 * 1024 * 1024;

/** Writes a file in the folder, and removes it. @throws if there is no space for some MiB, or no file descriptor */
export function checkSpace(folder: string): void {
  const path = join(folder, "space-check");
  try {
    writeFileSync(path, new Uint8Array(BYTES), { flush: true });
  } finally {
    rmSync(path, { force: true });
  }
}
