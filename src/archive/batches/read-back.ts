/**
 * Reads back from the file what was synced, before anybody relies on it; and the whole archive, again and again, a little at
 * a time.
 */
import type { Archive } from "../store.ts";

/** Bytes that are read back from the file before others get a turn: some milliseconds. */
const VERIFY_BYTES = 1024 * 1024;
/** How long `sync` waits until what was synced is read back; what is not is said the next time. */
const VERIFY_MS_MAX = 2_000;
/** The whole archive is scrubbed within this time, unless it is so large that it would need more than the bounds below. */
const SCRUB_PASS_MS = 7 * 24 * 60 * 60 * 1000;
/** One portion of 256 KiB, some milliseconds of a core with nothing else to do: so often at most, and at least. */
const SCRUB_BYTES = 256 * 1024;
const SCRUB_EVERY_MS_MIN = 20;
const SCRUB_EVERY_MS_MAX = 1_000;

export type ReadBackOptions = Readonly<{
  archive: () => Archive;
  /** Runs a portion of work; whatever it throws is handled there. */
  guarded: (work: () => void) => void;
  /** Damaged batches may have been found. */
  onRead: () => void;
}>;

export class ReadBack {
  readonly #options: ReadBackOptions;
  /** Those who wait until what was synced is read back. */
  readonly #syncing = new Set<Readonly<{ timer: NodeJS.Timeout; answer: () => void }>>();
  #verifyTurn: NodeJS.Immediate | undefined;
  #scrubTimer: NodeJS.Timeout | undefined;

  constructor(options: ReadBackOptions) {
    this.#options = options;
  }

  /** Scrubs, until it is paused. */
  begin(): void {
    const { archive, guarded, onRead } = this.#options;
    const everyMs = (SCRUB_PASS_MS * SCRUB_BYTES) / Math.max(1, archive().bytes);
    this.#scrubTimer = setTimeout(
      () => {
        guarded(() => {
          archive().verifier.scrubSome(SCRUB_BYTES);
          onRead();
          this.begin();
        });
      },
      Math.min(SCRUB_EVERY_MS_MAX, Math.max(SCRUB_EVERY_MS_MIN, everyMs)),
    );
  }

  pause(): void {
    clearImmediate(this.#verifyTurn);
    clearTimeout(this.#scrubTimer);
    this.#verifyTurn = undefined;
  }

  close(): void {
    this.pause();
    for (const { timer } of this.#syncing) clearTimeout(timer);
  }

  /** Makes all that is stored survive a power cut, and reads it back. @param then is called once that is done, or after some seconds. */
  sync(then: (verifier: Archive["verifier"]) => void): void {
    const archive = this.#options.archive();
    archive.sync();
    const waiting = {
      timer: setTimeout(() => waiting.answer(), VERIFY_MS_MAX),
      answer: () => {
        clearTimeout(waiting.timer);
        this.#syncing.delete(waiting);
        then(archive.verifier);
      },
    };
    this.#syncing.add(waiting);
    this.#options.guarded(() => this.verify());
  }

  /** One portion of what was synced, read back from the file; what is left follows when others have had their turn. */
  verify(): void {
    const { archive, guarded, onRead } = this.#options;
    const left = archive().verifier.verifySome(VERIFY_BYTES);
    onRead();
    if (left) {
      this.#verifyTurn ??= setImmediate(() => {
        this.#verifyTurn = undefined;
        guarded(() => this.verify());
      });
    } else for (const { answer } of this.#syncing) answer();
  }
}
