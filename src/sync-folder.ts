import { closeSync, fsyncSync, openSync } from "node:fs";

/** Makes the names of files that were created in a folder, or renamed into it, survive a power cut. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
