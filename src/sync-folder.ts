import { closeSync, fsyncSync, openSync } from "node:fs";

/** Makes the names in a folder survive a power cut: those of new files, and of files that were renamed into place. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
