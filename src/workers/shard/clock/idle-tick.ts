import type { Executor } from "../executor.ts";
import type { GroupCommit } from "../group-commit.ts";
import type { LogClock } from "./log-clock.ts";

/** The longest time between two records. */
const IDLE_MS = 60_000;

/** Logs a tick when the log is idle, so that the last time in the log (and in its witness file) is never old. */
export class IdleTick {
  readonly #clock: LogClock;
  readonly #commit: GroupCommit;
  readonly #executor: Executor;
  /** Log time when the shard began to serve. */
  #beganMs = 0;

  constructor(clock: LogClock, commit: GroupCommit, executor: Executor) {
    this.#clock = clock;
    this.#commit = commit;
    this.#executor = executor;
  }

  begin(): void {
    this.#beganMs = this.#clock.now();
  }

  check(): void {
    if (!this.#commit.idle) return;
    const sinceMs = Math.max(this.#beganMs, this.#commit.recordedMs);
    if (this.#clock.now() - sinceMs >= IDLE_MS) this.#executor.tickAfter(sinceMs);
  }
}
