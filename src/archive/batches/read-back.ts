/** Schedules the verifier: reads back synced batches before the log may be trimmed, and scrubs the whole archive. */
import type { Archive } from "../store.ts";

/** Bytes read back per turn of the event loop: a few milliseconds. */
const VERIFY_BYTES = 1024 * 1024;
/** How long `sync` waits for the read-back. Batches verified later are reported by the next `sync`. */
const VERIFY_MS_MAX = 2_000;
/** Target duration of a scrub pass. Very large archives take longer, because of the bounds below. */
const SCRUB_PASS_MS = 7 * 24 * 60 * 60 * 1000;
/** Scrub 256 KiB at a time, a few milliseconds of work, at least every second and at most every 20 ms. */
const SCRUB_BYTES = 256 * 1024;
const SCRUB_EVERY_MS_MIN = 20;
const SCRUB_EVERY_MS_MAX = 1_000;

export type ReadBackOptions = Readonly<{
  archive: () => Archive;
  /** Runs work and handles its errors. */
  guarded: (work: () => void) => void;
  /** Called after each read: damage may have been found. */
  onRead: () => void;
}>;

export class ReadBack {
  readonly #options: ReadBackOptions;
  /** Callers of `sync` that wait for the read-back. */
  readonly #syncing = new Set<Readonly<{ timer: NodeJS.Timeout; answer: () => void }>>();
  #verifyTurn: NodeJS.Immediate | undefined;
  #scrubTimer: NodeJS.Timeout | undefined;

  constructor(options: ReadBackOptions) {
    this.#options = options;
  }

  /** Scrubs until `pause`. */
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

  /** Makes all stored batches durable and reads them back. @param then called when done, or after two seconds. */
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

  /** Reads back synced batches for one turn; the rest follows in later turns. */
  verify(): void {
    const { archive, guarded, onRead } = this.#options;
    const hasMore = archive().verifier.verifySome(VERIFY_BYTES);
    onRead();
    if (hasMore) {
      this.#verifyTurn ??= setImmediate(() => {
        this.#verifyTurn = undefined;
        guarded(() => this.verify());
      });
    } else for (const { answer } of this.#syncing) answer();
  }
}
