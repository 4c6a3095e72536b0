/**
 * Idempotency keys that a shard remembers, for a window of log time. An entry says where the record of the
 * first command with this key stands; its answer, rejections included, is read from there, so that a key
 * costs the same whatever it was used for.
 */

/** A key is known for this long after its record, in log time. */
export const KEY_WINDOW_MS = 24 * 60 * 60 * 1000;

/**
 * At this many keys, about 1 GB, a shard takes no more keyed commands until some are past their window: a key is never
 * dropped early.
 */
export const KEYS_MAX = 4_000_000;

/** `atSecond`, not milliseconds, since a small integer costs no heap of its own. */
export type KeyEntry = Readonly<{
  fingerprint: number;
  atSecond: number;
  epoch: number;
  seq: number;
  index: number;
}>;

export class KeyTable {
  /** In order of log time, since a Map keeps the order of insertion. */
  readonly #entries = new Map<string, KeyEntry>();
  /** A live iterator from the oldest entry on: starting anew would walk over all that was deleted. */
  #oldest = this.#entries.entries();
  #next: readonly [string, KeyEntry] | undefined;

  get size(): number {
    return this.#entries.size;
  }

  get full(): boolean {
    return this.#entries.size >= KEYS_MAX;
  }

  /** What a key was used for, unless its window has passed. `scope` comes from `keyScope`. */
  find(scope: string, nowMs: number): KeyEntry | undefined {
    const entry = this.#entries.get(scope);
    return entry === undefined || isOver(entry, nowMs) ? undefined : entry;
  }

  remember(scope: string, entry: KeyEntry): void {
    // A key that comes again after its window is a new one, and must stand at the end of the order.
    this.#entries.delete(scope);
    this.#entries.set(scope, entry);
  }

  /** Forgets what is past its window, at most `max` entries, so that no batch waits for a million of them. */
  sweep(nowMs: number, max: number): void {
    for (let swept = 0; swept < max; swept++) {
      this.#next ??= this.#oldest.next().value;
      if (this.#next === undefined) {
        // An iterator that has come to its end stays there; by then the table is empty.
        this.#oldest = this.#entries.entries();
        return;
      }
      const [scope, entry] = this.#next;
      if (this.#entries.get(scope) === entry) {
        if (!isOver(entry, nowMs)) return;
        this.#entries.delete(scope);
      }
      this.#next = undefined;
    }
  }

  /** Entries within their window, oldest first. */
  *entries(nowMs: number): Generator<readonly [string, KeyEntry]> {
    for (const pair of this.#entries) if (!isOver(pair[1], nowMs)) yield pair;
  }
}

function isOver(entry: KeyEntry, nowMs: number): boolean {
  return entry.atSecond * 1000 + KEY_WINDOW_MS < nowMs;
}

/** The parts are joined by NUL, which none of them may contain. */
export function keyScope(partner: string, ownerKey: string, key: string): string {
  return `${partner}\0${ownerKey}\0${key}`;
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** When a key that is a UUIDv7 says it was made (RFC 9562, section 5.7), in ms; `undefined` for other keys. */
export function keyMadeAtMs(key: string): number | undefined {
  if (key.length !== 36 || key.charCodeAt(14) !== 55 || !UUID_V7.test(key)) return undefined;
  return Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16);
}
