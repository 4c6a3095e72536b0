/**
 * A transfer of one posting whose credit account is on another shard, from the pin request until the credit is durable
 * there. `peer-link.ts` shows the protocol.
 */
import type { TimedRecordPlace } from "../../actors/ledger/exchange.ts";
import type { Transfer, TransferSent } from "../../actors/records/command.ts";
import { assert } from "../../errors/assert.ts";
import { type CreditPlace, PendingReply } from "./pending-reply.ts";

export class CrossShardTransfer extends PendingReply<Transfer> {
  #outcome: TransferSent | undefined;
  #place: TimedRecordPlace | undefined;

  /** The transfer is committed, and its credit will be sent. */
  sent(place: TimedRecordPlace, outcome: TransferSent): void {
    this.#place = place;
    this.#outcome = outcome;
  }

  settle(_peer: number, credit: CreditPlace | undefined): void {
    const place = this.#place;
    const sent = this.#outcome;
    assert(place !== undefined && sent !== undefined, "a settled transfer was sent");
    if (credit === undefined) {
      this.answerFromLog(place, true);
      return;
    }
    const { id, debitPosted, debitHeld, debitSeq, effect } = sent;
    const { shard, epoch, seq, accounts } = credit;
    const [creditPosted = 0, creditHeld = 0, creditSeq = 0] = accounts;
    const debit = { ok: true, id, debitPosted, debitHeld, debitSeq } as const;
    const credited = { creditPosted, creditHeld, creditSeq, ...(effect !== undefined && { effect }) };
    this.complete(place, [[shard, epoch, seq]], { ...debit, ...credited });
  }
}
