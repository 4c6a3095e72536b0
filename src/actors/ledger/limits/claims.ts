/**
 * Claims: names that can be taken only once, for ever. Examples are the revert of a transfer, a bank's reference, a
 * seller's reference. A shard remembers the newest claims; the archive has all of them.
 *
 * A name must never be taken twice, although a shard forgets old claims. So a command carries the archive's answer
 * about its name (`Seen`), valid up to a position P of this shard's log, and the shard decides it only if it still
 * remembers every name taken after P. Otherwise the gateway must ask the archive again. `Seen` is logged with the
 * command, so a replay needs no archive. The bound is on the number of claims: a claim beyond it evicts the oldest,
 * so eviction follows from the log alone.
 */
import { assert } from "../../../errors/assert.ts";
import type { Seen } from "../../records/act.ts";

/** At about 200 bytes each, 100 MB. Enough for minutes of only reverts, while the archive is seconds behind. */
const CLAIMS_MAX = 500_000;

/** Position of a batch in a shard's log; 0-0 is before the first. */
export type LogPlace = Readonly<{ epoch: number; seq: number }>;

const LOG_START: LogPlace = { epoch: 0, seq: 0 };

export type Claim = LogPlace & Readonly<{ by: string }>;

export class Claims {
  readonly #max: number;
  /** By name, in log order. */
  readonly #taken = new Map<string, Claim>();
  #forgotten: LogPlace = LOG_START;
  /** Log position of the image that is being restored. */
  #imagePlace: LogPlace = LOG_START;

  /** @param max number of claims to remember. A replay must use the same bound as the shard that wrote the log. */
  constructor(max = CLAIMS_MAX) {
    this.#max = max;
  }

  get size(): number {
    return this.#taken.size;
  }

  /** Every claim after this log position is remembered; 0-0 if none was forgotten. */
  get forgotten(): LogPlace {
    return this.#forgotten;
  }

  /** Id of the transfer that took the name (may be empty), known to this shard or to the archive; else `undefined`. */
  takenBy(name: string, seen?: Seen): string | undefined {
    return this.#taken.get(name)?.by ?? seen?.by ?? undefined;
  }

  /** Whether the name may have been taken by a claim that this shard has forgotten and `seen` does not cover. */
  isUncertain(name: string, seen?: Seen): boolean {
    if (this.takenBy(name, seen) !== undefined) return false;
    return comparePlaces(seen ?? LOG_START, this.#forgotten) < 0;
  }

  take(name: string, by: string, { epoch, seq }: LogPlace): void {
    assert(!this.#taken.has(name), "a name is taken once");
    this.#taken.set(name, { by, epoch, seq });
    if (this.#taken.size <= this.#max) return;
    const [oldest, place] = this.#taken.entries().next().value as [string, Claim];
    this.#taken.delete(oldest);
    this.#forgotten = { epoch: place.epoch, seq: place.seq };
  }

  /** Begins to restore an image that was taken at this log position. */
  beginRestore(place: LogPlace): void {
    this.#imagePlace = place;
  }

  restoreForgotten(place: LogPlace): void {
    this.#forgotten = place;
  }

  /** @param place absent in images of older versions: then the image's position, since no claim in it is later. */
  restore(name: string, by: string, place: LogPlace = this.#imagePlace): void {
    this.take(name, by, place);
  }

  /** All remembered claims, in log order. */
  all(): Iterable<readonly [name: string, claim: Claim]> {
    return this.#taken;
  }
}

function comparePlaces(a: LogPlace, b: LogPlace): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}
