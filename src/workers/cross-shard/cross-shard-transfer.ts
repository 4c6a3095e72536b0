/**
 * A transfer of one posting on its way to another shard: from the question whether the credit account takes it until its
 * credit is durable there.
 */
import type { Transfer, TransferSent } from "../../actors/records/command.ts";
import { assert } from "../../errors/assert.ts";
import { type CreditPlace, PendingReply, type TimedPlace } from "./pending-reply.ts";

export class CrossShardTransfer extends PendingReply<Transfer> {
  #outcome: TransferSent | undefined;
  #place: TimedPlace | undefined;

  /** It is committed. */
  sent(place: TimedPlace, outcome: TransferSent): void {
    this.#place = place;
    this.#outcome = outcome;
  }

  settle(_peer: number, credit: CreditPlace | undefined): void {
    const place = this.#place;
    const sent = this.#outcome;
    assert(place !== undefined && sent !== undefined, "what is settled was sent");
    if (credit === undefined) {
      this.recall(place, true);
      return;
    }
    const { id, debitPosted, debitHeld, debitSeq, effect } = sent;
    const { shard, epoch, seq, accounts } = credit;
    const [creditPosted = 0, creditHeld = 0, creditSeq = 0] = accounts;
    const debit = { ok: true, id, debitPosted, debitHeld, debitSeq } as const;
    const there = { creditPosted, creditHeld, creditSeq, ...(effect !== undefined && { effect }) };
    this.crossed(place, [[shard, epoch, seq]], { ...debit, ...there });
  }
}
