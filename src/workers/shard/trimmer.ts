import { type Journal, LogError, type LogId } from "../../wal/wal.ts";

/** Between two portions, in which appends have the log to themselves. */
const PAUSE_MS = 25;

/** Drops what nobody needs any more from the beginning of the log, in small portions. */
export class Trimmer {
  readonly #journal: Pick<Journal, "trim">;
  readonly #onError: (error: unknown) => void;
  #below: LogId | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param onError told of all but a log that is away: after the next snapshot it is asked again, for more. */
  constructor(journal: Pick<Journal, "trim">, onError: (error: unknown) => void) {
    this.#journal = journal;
    this.#onError = onError;
  }

  trim(below: LogId): void {
    this.#below = below;
    this.#timer ??= setTimeout(() => void this.#next(), PAUSE_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#below = undefined;
  }

  async #next(): Promise<void> {
    let more = false;
    try {
      if (this.#below !== undefined) more = await this.#journal.trim(this.#below);
    } catch (error) {
      if (!(error instanceof LogError && error.code === "log_unavailable")) this.#onError(error);
    }
    this.#timer = undefined;
    if (more && this.#below !== undefined) this.trim(this.#below);
  }
}
