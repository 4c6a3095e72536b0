/** A temporary folder, in memory if the system has such a place. */
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Tests kill processes, not machines, so data that a killed process has written stays in the page cache. So they need
 * no disk, and thousands of syncs to a busy one would make them slow.
 */
export function makeScratchFolder(prefix: string): string {
  return mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), `${prefix}-`));
}
