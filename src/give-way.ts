import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";

const NICENESS = 10;

/** Lets this thread give way to those that callers wait for. To Linux, a thread has a priority of its own. */
export function giveWay(): void {
  if (process.platform === "linux")
    setPriority(Number(basename(readlinkSync("/proc/thread-self"))), NICENESS);
}
