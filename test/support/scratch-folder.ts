/** A temporary folder, in memory where the system has such a place. */
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Tests kill processes, not machines: what a killed process has written stays in the page cache, on a disk as
 * in memory. So they need no disk, and thousands of syncs to one that is busy would make them slow.
 */
export function makeScratchFolder(prefix: string): string {
  return mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), `${prefix}-`));
}
