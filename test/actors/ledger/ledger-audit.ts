/** Checks invariants of a log, record by record, without the ledger's code. */
import type {
  Credited,
  LogRecord,
  TransferPosted,
  TransferSent,
} from "../../../src/actors/records/command.ts";
import type {
  Move,
  Moved,
  TransferChanged,
  TransferExpired,
} from "../../../src/actors/records/compound-command.ts";

/** A balance after a record; with amount 0 only `held` changed. */
type Entry = Readonly<{ balance: string; amount: number; posted: number; held: number; seq: number }>;

type Bounds = Readonly<{ floor: number | null; ceiling: number | null }>;

export class LedgerAudit {
  readonly problems: string[] = [];
  readonly #assets = new Map<string, string>();
  readonly #bounds = new Map<string, Bounds>();
  /** Posted and seq of every account and slice, after the last record. */
  readonly #balances = new Map<string, Readonly<{ posted: number; seq: number }>>();
  /** Amount not yet posted of each pending transfer. */
  readonly #remaining = new Map<string, number>();
  readonly #reverted = new Set<string>();

  /** Checks the next record. The log must contain the creation of all its accounts. */
  follow(record: LogRecord): void {
    const { command, outcome } = record;
    if (!outcome.ok) return;
    if ("account" in outcome && outcome.account !== undefined) {
      const balance = `${command.partner} ${outcome.account.id}`;
      this.#assets.set(balance, outcome.account.asset);
      this.#bounds.set(balance, outcome.account);
    }
    for (const entry of this.#entriesOf(record)) this.#enter(entry);
    if ("transfer" in outcome) this.#followTransfer(record, outcome);
  }

  #enter({ balance, amount, posted, held, seq }: Entry): void {
    const before = this.#balances.get(balance) ?? { posted: 0, seq: 0 };
    if (posted !== before.posted + amount || seq !== before.seq + Math.sign(Math.abs(amount)))
      this.problems.push(
        `I4: ${balance} has ${posted} (${seq}) after ${amount} on ${before.posted} (${before.seq})`,
      );
    this.#balances.set(balance, { posted, seq });
    const { floor, ceiling } = this.#bounds.get(balance) ?? NO_BOUNDS;
    if (amount <= 0 && floor !== null && posted - held < floor)
      this.problems.push(
        `I2: ${balance} has ${posted}, of which ${held} are held, and its floor is ${floor}`,
      );
    if (amount > 0 && ceiling !== null && posted > ceiling)
      this.problems.push(`I2: ${balance} has ${posted}, and its ceiling is ${ceiling}`);
  }

  #followTransfer({ command }: LogRecord, { id, transfer, part }: TransferChanged | TransferExpired): void {
    const total = transfer.postings.reduce((sum, { amount }) => sum + amount, 0);
    if (command.op === "compound_transfer" || command.op === "revert_transfer") {
      if (transfer.status === "pending") this.#remaining.set(id, total);
      if (command.op === "compound_transfer") return;
      if (this.#reverted.has(command.id)) this.problems.push(`${command.id} is reverted twice`);
      this.#reverted.add(command.id);
      return;
    }
    const remaining = this.#remaining.get(id);
    if (remaining === undefined)
      this.problems.push(`I10: ${id} is resolved, and is not pending (part ${part})`);
    if (transfer.postedAmount > total)
      this.problems.push(`I10: ${transfer.postedAmount} of ${total} is posted`);
    if (transfer.status === "pending") this.#remaining.set(id, total - transfer.postedAmount);
    else this.#remaining.delete(id);
  }

  #entriesOf({ command, outcome }: LogRecord): readonly Entry[] {
    const { partner } = command;
    switch (command.op) {
      case "transfer": {
        const { debit, credit, amount, vnode } = command;
        const asset =
          this.#assets.get(`${partner} ${debit}`) ?? this.#assets.get(`${partner} ${credit}`) ?? "";
        const sent = outcome as TransferPosted | TransferSent;
        const from = { balance: balanceOf(partner, { account: debit, asset, vnode }), amount: -amount };
        const debited = { ...from, posted: sent.debitPosted, held: sent.debitHeld, seq: sent.debitSeq };
        if ("to" in sent) return [debited];
        const to = { balance: balanceOf(partner, { account: credit, asset, vnode }), amount };
        return [debited, { ...to, posted: sent.creditPosted, held: sent.creditHeld, seq: sent.creditSeq }];
      }
      case "credit": {
        const { posted, held, seq } = outcome as Credited;
        return [{ balance: `${partner} ${command.credit}`, amount: command.amount, posted, held, seq }];
      }
      default: {
        const moves = "moves" in outcome ? (outcome as Moved).moves : [];
        return moves.map((move) => ({ ...move, balance: balanceOf(partner, move) }));
      }
    }
  }
}

const NO_BOUNDS: Bounds = { floor: null, ceiling: null };

/** A unique name of a balance: of an account, or of one slice of a system account. */
export function balanceOf(
  partner: string,
  { account, asset, vnode }: Pick<Move, "account" | "asset" | "vnode">,
): string {
  return account.startsWith("@") ? `${partner} ${account} ${asset} ${vnode}` : `${partner} ${account}`;
}
