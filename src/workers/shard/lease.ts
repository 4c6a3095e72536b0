/**
 * The read lease. Another server may have claimed our log since its last answer, and its writes would make our reads
 * stale. So a read needs an answer of the log that is younger than one lease, and a new owner waits one lease before it
 * serves.
 */
import { type Journal, LogError } from "../../wal/wal.ts";

export const LEASE_MS = 1000;
/** After this time without an answer the log counts as unavailable. An append to a slow log takes less. */
const SILENT_MS = 5 * LEASE_MS;

export class Lease {
  readonly #journal: Pick<Journal, "exchangeAgeMs" | "available" | "confirmOwner">;
  readonly #onError: (error: unknown) => void;
  #waiting: (() => void)[] = [];
  #confirming = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    journal: Pick<Journal, "exchangeAgeMs" | "available" | "confirmOwner">,
    onError: (error: unknown) => void,
  ) {
    this.#journal = journal;
    this.#onError = onError;
  }

  /** Whether we are certain to own the log. */
  get isOwned(): boolean {
    return this.#age() < LEASE_MS;
  }

  /** Calls `then` once we are certain to own the log: immediately while the lease is valid. */
  whenOwned(then: () => void): void {
    if (this.isOwned) {
      then();
      return;
    }
    this.#waiting.push(then);
    this.#confirm();
  }

  /** Renews the lease while nothing is appended, and reports each change of the log's availability. */
  start(onAvailable: (available: boolean) => void): void {
    let reported = true;
    this.#timer = setInterval(() => {
      if (this.#age() > LEASE_MS / 2) this.#confirm();
      const available = this.#journal.available && this.#age() < SILENT_MS;
      if (available !== reported) onAvailable(available);
      reported = available;
    }, LEASE_MS / 4);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
  }

  #age(): number {
    return this.#journal.exchangeAgeMs;
  }

  #confirm(): void {
    if (this.#confirming) return;
    this.#confirming = true;
    this.#journal
      .confirmOwner()
      .finally(() => {
        this.#confirming = false;
      })
      .then(
        () => this.#release(),
        (error: unknown) => {
          // The timer asks an unavailable log again; gateways are informed by `start`.
          if (!(error instanceof LogError && error.code === "log_unavailable")) this.#onError(error);
        },
      )
      .catch(this.#onError);
  }

  /** The lease runs from the moment of the question: a process that was paused since then must ask again. */
  #release(): void {
    if (this.#waiting.length === 0) return;
    if (!this.isOwned) {
      this.#confirm();
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const then of waiting) then();
  }
}
