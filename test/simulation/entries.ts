/** The entries of a record: each moves one account, as one side of one posting. */
import type { Credited, LogRecord, TransferPosted, TransferSent } from "../../src/actors/records/command.ts";
import type { Moved, TransferChanged } from "../../src/actors/records/compound-command.ts";

export type Entry = Readonly<{
  /** For a system account: the slice on the record's shard. */
  account: string;
  amount: number;
  posted: number;
  held: number;
  seq: number;
  /** Transfer and part: a pending transfer may be posted in several parts. */
  transfer: string;
  /** Index of the posting in the transfer. */
  posting: number;
}>;

export function entriesOf({ command, outcome }: LogRecord): readonly Entry[] {
  if (!outcome.ok) return [];
  switch (command.op) {
    case "transfer": {
      const { debit, credit, amount } = command;
      const sent = outcome as TransferPosted | TransferSent;
      const { id, debitPosted, debitHeld, debitSeq } = sent;
      const side = { transfer: `${id}/0`, posting: 0 };
      const from = { ...side, account: debit, amount: -amount };
      const debited = { ...from, posted: debitPosted, held: debitHeld, seq: debitSeq };
      if ("to" in sent) return [debited];
      const { creditPosted, creditHeld, creditSeq } = sent;
      const to = { ...side, account: credit, amount };
      return [debited, { ...to, posted: creditPosted, held: creditHeld, seq: creditSeq }];
    }
    case "credit": {
      const { posted, held, seq } = outcome as Credited;
      const { id, credit, amount } = command;
      return [{ account: credit, amount, posted, held, seq, transfer: `${id}/0`, posting: 0 }];
    }
    case "portion":
      return movesOf(outcome as Moved, `${command.transfer.id}/${command.part}`);
    case "compound_transfer":
    case "post_transfer":
    case "revert_transfer": {
      const changed = outcome as TransferChanged;
      return movesOf(changed, `${changed.id}/${changed.part}`);
    }
    default:
      return [];
  }
}

/** Skips moves with amount 0, which only change what is held. */
function movesOf({ moves }: Moved, transfer: string): readonly Entry[] {
  return moves.filter(({ amount }) => amount !== 0).map((move) => ({ ...move, transfer }));
}
