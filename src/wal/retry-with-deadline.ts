/** Calls a log with a deadline, once or until it answers. */
import { LogError } from "./wal.ts";

const PAUSE_MS_MIN = 5;
const PAUSE_MS_MAX = 500;

/** The clocks of a journal; injected so that a simulation can control them. */
export type JournalTimer = Readonly<{
  /** A clock that never goes back, ms. In a server it includes time for which the machine was suspended. */
  monotonicMs: () => number;
  /** Wall clock, ms since 1970: the time in a claim. */
  timeMs: () => number;
  /** Calls back after `ms` milliseconds; returns a function that cancels. */
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
  /** Why the log does not answer; `undefined` while it does. */
  problem: string | undefined;
  readonly #name: string;
  readonly #deadlineMs: number;
  readonly #timer: JournalTimer;
  readonly #pauseMsMax: number;
  readonly #waits = new Set<() => void>();
  #closed = false;

  /** @param pauseMsMax the longest pause between two attempts. */
  constructor(name: string, deadlineMs: number, timer: JournalTimer, pauseMsMax = PAUSE_MS_MAX) {
    this.#pauseMsMax = pauseMsMax;
    this.#name = name;
    this.#deadlineMs = deadlineMs;
    this.#timer = timer;
  }

  /** Retries with exponential backoff until the log answers or `close` is called. */
  async untilAnswered<T>(call: () => Promise<T>): Promise<T> {
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, this.#pauseMsMax)) {
      try {
        const answer = await this.withDeadline(call);
        this.problem = undefined;
        return answer;
      } catch (error) {
        if (!isUnavailable(error) || this.#closed) throw error;
        this.problem = error.message;
      }
      await this.#pause(pauseMs);
    }
  }

  /** Applies our own deadline to one call, since a client library may never settle its promise. */
  async withDeadline<T>(call: () => Promise<T>): Promise<T> {
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
      return await Promise.race([gaveUp, this.#closed ? gaveUp : call()]);
    } finally {
      cancel();
      this.#waits.delete(interrupt);
    }
  }

  /** Makes every present and future wait fail with `log_unavailable`. */
  close(): void {
    this.#closed = true;
    // Each wait removes itself from the set, which iteration allows.
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
