/**
 * How an operator tells a running server that the wall clock is right: a file in DATA_DIR, which the server takes away once
 * it has done so. It names the time that was accepted, so that one that was left behind accepts nothing later.
 */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NAME = "clock-accepted";

/** @param nowMs what the wall clock shows. */
export function acceptClock(dataDir: string, nowMs: number): void {
  const file = join(dataDir, NAME);
  writeFileSync(`${file}.new`, `${nowMs}\n`);
  // The server may look at any moment, and must not find half of it.
  renameSync(`${file}.new`, file);
}

/** Whether a server has still to look at it. */
export function isAcceptancePending(dataDir: string): boolean {
  return statSync(join(dataDir, NAME), { throwIfNoEntry: false }) !== undefined;
}

export function withdrawAcceptance(dataDir: string): void {
  rmSync(join(dataDir, NAME), { force: true });
}

/** The time that was accepted, once; `undefined` while there is none. */
export function takeAcceptance(dataDir: string): number | undefined {
  if (!isAcceptancePending(dataDir)) return undefined;
  const acceptedMs = Number(readFileSync(join(dataDir, NAME), "utf8"));
  withdrawAcceptance(dataDir);
  return Number.isFinite(acceptedMs) ? acceptedMs : undefined;
}
