/** An act that all other shards must hear of: answered when the last of them has it, durably. */
import type { ActAlone, ActDone } from "../actors/command.ts";
import type { Credits } from "./messages.ts";
import { type CreditPlace, type PackedCommand, Parked, type TimedPlace } from "./parked.ts";

export class Announcement extends Parked<ActAlone> {
  readonly #place: TimedPlace;
  readonly #outcome: ActDone;
  readonly #heard: Credits[number][] = [];
  #missing: number;

  constructor(command: ActAlone, packed: PackedCommand, place: TimedPlace, outcome: ActDone) {
    super(command, packed);
    this.#place = place;
    this.#outcome = outcome;
    this.#missing = outcome.told?.length ?? 0;
  }

  settle(_peer: number, credit: CreditPlace | undefined): void {
    this.#missing -= 1;
    if (credit !== undefined) this.#heard.push([credit.shard, credit.epoch, credit.seq]);
    if (this.#missing === 0) this.crossed(this.#place, this.#heard, this.#outcome);
  }
}
