/** Waiting for a log: one question within a deadline, or the same question until there is an answer. */
import { LogError } from "./wal.ts";

const PAUSE_MS_MIN = 5;
const PAUSE_MS_MAX = 500;

/** The clocks that a journal needs; handed in so that a simulation can own them. */
export type JournalTimer = Readonly<{
  /** A clock that never goes back. In a server it counts the time in which the machine was suspended, too. */
  monotonicMs: () => number;
  /** The clock on the wall, for the time in a claim. */
  timeMs: () => number;
  /** Calls back after `ms` milliseconds; what it returns cancels. */
  after: (ms: number, callback: () => void) => () => void;
}>;

export const systemTimer: JournalTimer = {
  monotonicMs: () => performance.now(),
  timeMs: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

export class RetryWithDeadline {
  /** Why the log does not answer at present; `undefined` while it does. */
  problem: string | undefined;
  readonly #name: string;
  readonly #deadlineMs: number;
  readonly #timer: JournalTimer;
  readonly #waits = new Set<() => void>();
  #closed = false;

  constructor(name: string, deadlineMs: number, timer: JournalTimer) {
    this.#name = name;
    this.#deadlineMs = deadlineMs;
    this.#timer = timer;
  }

  /** Tries again, ever more slowly, until the log says something or `close` is called. */
  async untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
      try {
        const answer = await this.bounded(ask);
        this.problem = undefined;
        return answer;
      } catch (error) {
        if (!isUnavailable(error) || this.#closed) throw error;
        this.problem = error.message;
      }
      await this.#pause(pauseMs);
    }
  }

  /** An answer within our own deadline, since a client library may never settle a promise. */
  async bounded<T>(ask: () => Promise<T>): Promise<T> {
    const { promise: gaveUp, reject } = Promise.withResolvers<never>();
    const giveUp = (reason: string): void =>
      reject(new LogError("log_unavailable", `${this.#name}: ${reason}`));
    const interrupt = (): void => giveUp("the journal was closed");
    const cancel = this.#timer.after(this.#deadlineMs, () =>
      giveUp(`no answer within ${this.#deadlineMs} ms`),
    );
    this.#waits.add(interrupt);
    try {
      if (this.#closed) interrupt();
      return await Promise.race([gaveUp, this.#closed ? gaveUp : ask()]);
    } finally {
      cancel();
      this.#waits.delete(interrupt);
    }
  }

  /** Ends every wait, now and later. */
  close(): void {
    this.#closed = true;
    // Each one takes itself out of the set, which iteration allows.
    for (const interrupt of this.#waits) interrupt();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.#waits.delete(wake);
        resolve();
      };
      const cancel = this.#timer.after(ms, wake);
      this.#waits.add(wake);
    });
  }
}

export function isUnavailable(error: unknown): error is LogError {
  return error instanceof LogError && error.code === "log_unavailable";
}
