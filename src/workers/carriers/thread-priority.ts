import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";

/**
 * Lowers the priority of this thread below the threads that callers wait for. Only on Linux, where each thread has
 * its own priority.
 *
 * @param niceness 10: a tenth of the core time of a competing thread; 5: a third.
 */
export function lowerThreadPriority(niceness: number): void {
  if (process.platform === "linux")
    setPriority(Number(basename(readlinkSync("/proc/thread-self"))), niceness);
}
