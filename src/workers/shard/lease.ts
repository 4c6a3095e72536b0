/**
 * An owner that has heard nothing from its log for a while may have been replaced. A read may show nothing that the
 * new owner could have changed: so it waits until the log has confirmed us, and a new owner waits one lease.
 */
import { type Journal, LogError } from "../../wal/wal.ts";

export const LEASE_MS = 1000;
/** A log that has said nothing for so long does not answer; one that is slow takes less for an append. */
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

  /** We are certain to own the log. */
  get isOwned(): boolean {
    return this.#age() < LEASE_MS;
  }

  /** Calls `then` once we are certain to own the log: at once while the lease runs. */
  whenOwned(then: () => void): void {
    if (this.isOwned) {
      then();
      return;
    }
    this.#waiting.push(then);
    this.#confirm();
  }

  /** Renews the lease while nothing is written, and tells when the log falls silent or answers again. */
  start(onAvailable: (available: boolean) => void): void {
    let told = true;
    this.#timer = setInterval(() => {
      if (this.#age() > LEASE_MS / 2) this.#confirm();
      const available = this.#journal.available && this.#age() < SILENT_MS;
      if (available !== told) onAvailable(available);
      told = available;
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
          // A log that does not answer is asked again by the timer; the gateway knows by then.
          if (!(error instanceof LogError && error.code === "log_unavailable")) this.#onError(error);
        },
      )
      .catch(this.#onError);
  }

  /** The log's word counts from when it was asked: a process that was halted since then must ask again. */
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
