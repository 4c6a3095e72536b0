/**
 * Names that can be taken once and for ever: the revert of a transfer, a bank's reference, a seller's reference. A shard
 * remembers the newest of them; what it has forgotten the archive knows.
 *
 * A name must never be taken twice, whatever is forgotten and whenever. So a command carries what the archive said of its
 * name (`Seen`), as of a position P of this shard's log, and is decided only while this shard still remembers every name
 * that was taken after P. Otherwise the gateway has to ask the archive again. `Seen` is logged with the command: a replay
 * needs no archive. What is forgotten follows from the log alone: the oldest name leaves when one too many comes.
 */
import { assert } from "../../../errors/assert.ts";
import type { Seen } from "../../records/act.ts";

/** At about 200 bytes each some 100 MB: minutes of nothing but reverts, where the archive is seconds behind. */
const CLAIMS_MAX = 500_000;

/** The place of a batch in a shard's log; 0-0 is before all of them. */
export type LogPlace = Readonly<{ epoch: number; seq: number }>;

/** Before all batches. */
const NOWHERE: LogPlace = { epoch: 0, seq: 0 };

export type Claim = LogPlace & Readonly<{ by: string }>;

export class Claims {
  readonly #max: number;
  /** By name, in the order of the log. */
  readonly #taken = new Map<string, Claim>();
  #forgotten: LogPlace = NOWHERE;
  /** Of the image that is restored. */
  #imagePlace: LogPlace = NOWHERE;

  /** @param max names that are remembered. A replay must be given the same bound as the shard. */
  constructor(max = CLAIMS_MAX) {
    this.#max = max;
  }

  get size(): number {
    return this.#taken.size;
  }

  /** Every name that was taken after this place is remembered; 0-0 while nothing was forgotten. */
  get forgotten(): LogPlace {
    return this.#forgotten;
  }

  /** Who has taken the name, as this shard remembers or else as the archive has said. */
  takenBy(name: string, seen?: Seen): string | undefined {
    return this.#taken.get(name)?.by ?? seen?.by ?? undefined;
  }

  /** Whether the name may have been taken by somebody whom this shard has forgotten and `seen` does not include. */
  isUncertain(name: string, seen?: Seen): boolean {
    if (this.takenBy(name, seen) !== undefined) return false;
    return comparePlaces(seen ?? NOWHERE, this.#forgotten) < 0;
  }

  take(name: string, by: string, { epoch, seq }: LogPlace): void {
    assert(!this.#taken.has(name), "a name is taken once");
    this.#taken.set(name, { by, epoch, seq });
    if (this.#taken.size <= this.#max) return;
    const [oldest, place] = this.#taken.entries().next().value as [string, Claim];
    this.#taken.delete(oldest);
    this.#forgotten = { epoch: place.epoch, seq: place.seq };
  }

  /** An image of the state at this place in the log is restored. */
  beginRestore(place: LogPlace): void {
    this.#imagePlace = place;
  }

  restoreForgotten(place: LogPlace): void {
    this.#forgotten = place;
  }

  /** @param place absent in images of older versions: then the image's own will do, as no name was taken later. */
  restore(name: string, by: string, place: LogPlace = this.#imagePlace): void {
    this.take(name, by, place);
  }

  /** In the order of the log. */
  all(): Iterable<readonly [name: string, claim: Claim]> {
    return this.#taken;
  }
}

function comparePlaces(a: LogPlace, b: LogPlace): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}
