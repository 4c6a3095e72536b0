import type { TimedRecordPlace } from "../../actors/ledger/exchange.ts";
import type { ActAlone, ActDone } from "../../actors/records/command.ts";
import type { RemotePositions } from "../shard/messages.ts";
import { type CreditPlace, type PackedCommand, PendingReply } from "./pending-reply.ts";

/** An act whose notices all other shards must receive; it is answered when the last one is durable. */
export class NoticeBroadcast extends PendingReply<ActAlone> {
  readonly #place: TimedRecordPlace;
  readonly #outcome: ActDone;
  readonly #delivered: RemotePositions[number][] = [];
  #missing: number;

  constructor(command: ActAlone, packed: PackedCommand, place: TimedRecordPlace, outcome: ActDone) {
    super(command, packed);
    this.#place = place;
    this.#outcome = outcome;
    this.#missing = outcome.told?.length ?? 0;
  }

  settle(_peer: number, credit: CreditPlace | undefined): void {
    this.#missing -= 1;
    if (credit !== undefined) this.#delivered.push([credit.shard, credit.epoch, credit.seq]);
    if (this.#missing === 0) this.complete(this.#place, this.#delivered, this.#outcome);
  }
}
