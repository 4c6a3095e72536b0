/** When a shard was down, as seen from outside. */
import { setTimeout } from "node:timers/promises";
import { nowMs } from "./operation.ts";
import type { Subject } from "./subject.ts";

export type Outage = Readonly<{
  /** The kill, or the first sign of a crash whose moment is not known outside. */
  downMs: number;
  upMs: number;
}>;

const LOOK_MS = 2;
const AWAY_MS_MAX = 60_000;

/** @returns when /readyz first is not 200. @throws Error if that does not happen in time */
export async function untilDown(subject: Subject, isTooLate: () => boolean): Promise<number> {
  return untilReadiness(subject, false, isTooLate);
}

/** @returns when /readyz is 200 again. @throws Error if that does not happen in time */
export async function untilUp(subject: Subject): Promise<number> {
  const endMs = nowMs() + AWAY_MS_MAX;
  return untilReadiness(subject, true, () => nowMs() > endMs);
}

async function untilReadiness(subject: Subject, wanted: boolean, isTooLate: () => boolean): Promise<number> {
  while ((await subject.ready()) !== wanted) {
    if (isTooLate()) throw new Error(wanted ? "the shard does not come back" : "the shard does not go down");
    await setTimeout(LOOK_MS);
  }
  return nowMs();
}
