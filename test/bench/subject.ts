/** A server under load: Daybook, a bare echo, or another ledger. */
import type { CpuTimes } from "./process-tree.ts";

export interface Subject {
  /** Where it listens. Another one after a restart. */
  readonly url: string;
  /** The credentials of callers. */
  readonly token: string;
  cpuTimes(): CpuTimes;
  /** Resolves when no work of the last run is left. */
  settle(): Promise<void>;
  /** @throws Error if its books do not balance. */
  check(): Promise<void>;
  stop(): Promise<void>;
}
