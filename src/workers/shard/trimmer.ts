import { type Journal, LogError, type LogId } from "../../wal/wal.ts";

/** Pause between two portions, so that appends are not delayed. */
const PAUSE_MS = 25;

/** Trims the beginning of the log, in small portions. */
export class Trimmer {
  readonly #journal: Pick<Journal, "trim">;
  readonly #onError: (error: unknown) => void;
  #below: LogId | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param onError not called for an unavailable log: the next snapshot requests a trim again. */
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
