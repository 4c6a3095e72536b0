/**
 * An operator confirms that the wall clock is right by a file in DATA_DIR; the running server reads and deletes it. The
 * file holds the accepted time, so that a stale file accepts no later clock.
 */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NAME = "clock-accepted";

/** @param nowMs wall clock time, ms since 1970. */
export function acceptClock(dataDir: string, nowMs: number): void {
  const file = join(dataDir, NAME);
  writeFileSync(`${file}.new`, `${nowMs}\n`);
  // The server may read at any moment and must not find a partial file.
  renameSync(`${file}.new`, file);
}

/** Whether the server has not read the file yet. */
export function isAcceptancePending(dataDir: string): boolean {
  return statSync(join(dataDir, NAME), { throwIfNoEntry: false }) !== undefined;
}

export function cancelAcceptance(dataDir: string): void {
  rmSync(join(dataDir, NAME), { force: true });
}

/** Reads and deletes the acceptance. @returns the accepted time, ms since 1970; `undefined` if there is none. */
export function takeAcceptance(dataDir: string): number | undefined {
  if (!isAcceptancePending(dataDir)) return undefined;
  const acceptedMs = Number(readFileSync(join(dataDir, NAME), "utf8"));
  cancelAcceptance(dataDir);
  return Number.isFinite(acceptedMs) ? acceptedMs : undefined;
}
