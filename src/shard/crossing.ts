/**
 * A transfer on its way to another shard: from the question whether the credit account takes it until its credit is
 * durable there. Its callers are answered then, or when it is refused.
 */
import type { Rejected, Transfer, TransferPosted, TransferSent } from "../actors/command.ts";
import type { RecordPlace } from "../actors/exchange.ts";
import { assert } from "../assert.ts";
import { type Decided, FIRST, REPLAYED, type Refused } from "./messages.ts";

/** The credit account after its credit, and where that is logged. */
export type CreditPlace = Readonly<{
  shard: number;
  epoch: number;
  seq: number;
  account: Readonly<{ posted: number; held: number; seq: number }>;
}>;

/** Both halves are durable: where its own record stands, and the outcome as a record on one shard would have it. */
export type Crossed = Readonly<{
  at: RecordPlace & Readonly<{ timeMs: number }>;
  credit: CreditPlace;
  outcome: TransferPosted;
  /** The caller had sent it again. */
  repeated: boolean;
}>;

/** Answers a caller; `gate` is the batch of this epoch that the answer has to wait for. */
export type Caller = (result: Decided | Crossed, gate: number) => void;

/** A packed command, within the request that brought it. */
export type PackedCommand = Readonly<{ source: Uint8Array; start: number; end: number }>;

export class Crossing {
  readonly command: Transfer;
  readonly packed: PackedCommand;
  readonly askedAtMs: number;
  readonly #callers: Caller[] = [];
  #outcome: TransferSent | undefined;
  #place: (RecordPlace & Readonly<{ timeMs: number }>) | undefined;

  constructor(command: Transfer, packed: PackedCommand, askedAtMs: number) {
    this.command = command;
    this.packed = packed;
    this.askedAtMs = askedAtMs;
  }

  /** One more who waits for the answer; the first is the one who asked. */
  join(caller: Caller): void {
    this.#callers.push(caller);
  }

  /** It is not done now, and nothing of it is logged. */
  giveBack(refused: Refused): void {
    for (const caller of this.#callers) caller(refused, 0);
  }

  /** Its record says no. Who sent it again meanwhile is told so like any later repeat. */
  reject(outcome: Rejected, { epoch, seq, index }: RecordPlace): void {
    for (const [i, caller] of this.#callers.entries())
      caller(i === 0 ? outcome : [REPLAYED, epoch, seq, index], seq);
  }

  /** It is committed; `outcome` is absent where only its place is remembered, since this shard started anew. */
  sent(place: RecordPlace & Readonly<{ timeMs: number }>, outcome?: TransferSent): void {
    this.#place = place;
    this.#outcome = outcome;
  }

  /** Both halves are durable; `credit` is absent where the other shard did not say more than that. */
  settle(credit: CreditPlace | undefined): void {
    const place = this.#place;
    assert(place !== undefined, "what is settled was sent");
    const { epoch, seq, index } = place;
    if (credit === undefined || this.#outcome === undefined) {
      const isOurs = this.#outcome !== undefined;
      for (const [i, caller] of this.#callers.entries()) {
        const isFirst = isOurs && i === 0;
        caller(isFirst ? [REPLAYED, epoch, seq, index, FIRST] : [REPLAYED, epoch, seq, index], 0);
      }
      return;
    }
    const outcome = wholeOf(this.#outcome, credit);
    for (const [i, caller] of this.#callers.entries())
      caller({ at: place, credit, outcome, repeated: i > 0 }, 0);
  }
}

function wholeOf(sent: TransferSent, { account }: CreditPlace): TransferPosted {
  const { id, debitPosted, debitHeld, debitSeq } = sent;
  const { posted, held, seq } = account;
  return {
    ok: true,
    id,
    debitPosted,
    debitHeld,
    debitSeq,
    creditPosted: posted,
    creditHeld: held,
    creditSeq: seq,
  };
}
