/** Writes logs as shards would, with consistent balances, seqs, ids and hashes. Independent of the archive. */

import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import { countedTransferId } from "../../src/actors/ledger/transfer-id.ts";
import { creditMessage } from "../../src/actors/ledger/transfers/transfer.ts";
import type {
  AccountView,
  CreateAccount,
  Credit,
  LogRecord,
  SetAccountStatus,
  Transfer,
  TransferSent,
  UpdateAccount,
} from "../../src/actors/records/command.ts";
import { encodeBatch, hashFrame, NO_BATCH } from "../../src/wal/frame.ts";
import type { Batch, Witness } from "../../src/wal/wal.ts";
import { packRecords } from "../support/pack-records.ts";

/** The slice of a system account that plain transfers move. */
const PLAIN_SLICE = 3;
/** Number of shards of the simulated server. */
export const SHARDS = 5;

export type Posting = Readonly<{ partner: string; debit: string; credit: string; amount: number }>;

export type WrittenBatch = Readonly<{ shard: number; batch: Batch; records: readonly LogRecord[] }>;

export function transferOf(
  { partner, debit, credit, amount }: Posting,
  memo: string | null = null,
): Transfer {
  return {
    op: "transfer",
    partner,
    // Lengths that cover every kind of string header.
    key: amount % 2 === 0 ? "k".repeat(amount % 300) : null,
    fingerprint: (amount * 5_000_000) % 0x1_0000_0000,
    debit,
    credit,
    amount,
    memo,
    metadata: amount % 3 === 0 ? `{"n":"${"m".repeat(amount % 37 === 0 ? 70_000 : amount % 300)}"}` : null,
    occurredAtMs: amount % 5 === 0 ? 1_700_000_000_000 : null,
    vnode: PLAIN_SLICE,
  };
}

/** One balance of a shard, changed in place. */
export type Balance = { posted: number; held: number; seq: number };

/** The log of one shard. */
export class LogWriter {
  readonly shard: number;
  #epoch = 1;
  #seq = 0;
  #counter = 0;
  #timeMs: number;
  /** The batch before the next one. */
  #last: Witness = NO_BATCH;
  readonly #balances = new Map<string, Balance>();
  /** Messages sent to each other shard so far. */
  readonly #sent = new Map<number, number>();

  constructor(shard: number, timeMs = 1_000) {
    this.shard = shard;
    this.#timeMs = timeMs;
  }

  /** Starts the next epoch, as a restart does. */
  restart(): void {
    this.#epoch += 1;
    this.#seq = 0;
    this.#counter = 0;
  }

  /** Advances log time. */
  wait(ms: number): void {
    this.#timeMs += ms;
  }

  /** Advances log time to that of a received message. */
  reach(timeMs: number): void {
    this.#timeMs = Math.max(this.#timeMs, timeMs);
  }

  transfer(posting: Posting, memo: string | null = null): LogRecord {
    const command = transferOf(posting, memo);
    const debit = this.#move(posting.partner, posting.debit, -posting.amount);
    const credit = this.#move(posting.partner, posting.credit, posting.amount);
    const vnode = this.shard * 100 + (isSystemAccount(posting.debit) ? 1 : 0);
    return {
      command,
      outcome: {
        ok: true,
        id: this.nextId(vnode),
        debitPosted: debit.posted,
        debitHeld: debit.held,
        debitSeq: debit.seq,
        creditPosted: credit.posted,
        creditHeld: credit.held,
        creditSeq: credit.seq,
      },
    };
  }

  /** The debit of a transfer whose credit is on shard `to`, and the message that goes there. */
  sent(posting: Posting, to: number): { record: LogRecord; credit: Credit } {
    const command = transferOf(posting);
    const debit = this.#move(posting.partner, posting.debit, -posting.amount);
    const no = this.nextNo(to);
    const outcome: TransferSent = {
      ok: true,
      id: this.nextId(this.shard * 100 + 2),
      debitPosted: debit.posted,
      debitHeld: debit.held,
      debitSeq: debit.seq,
      to,
      no,
    };
    return {
      record: { command, outcome },
      credit: creditMessage(command, outcome, this.shard, this.#timeMs),
    };
  }

  /** The credit of a transfer that another shard has sent. */
  credited(command: Credit): LogRecord {
    const after = this.#move(command.partner, command.credit, command.amount);
    return { command, outcome: { ok: true, ...after } };
  }

  delivered(to: number, upTo: number): LogRecord {
    return {
      command: { op: "delivered", partner: "", key: null, fingerprint: 0, to, upTo },
      outcome: { ok: true },
    };
  }

  refused(posting: Posting): LogRecord {
    return {
      command: transferOf(posting),
      outcome: { ok: false, code: "insufficient_funds", subject: posting.debit },
    };
  }

  created(partner: string, id: string): LogRecord {
    const command: CreateAccount = {
      op: "create_account",
      partner,
      key: null,
      fingerprint: 1,
      id,
      asset: "USD/2",
      floor: 0,
      ceiling: null,
      metadata: null,
    };
    return { command, outcome: { ok: true, account: this.#view(partner, id) } };
  }

  /** A later version of an account: with another floor, or another status. */
  changed(partner: string, id: string, floor: number): LogRecord {
    const common = { partner, key: null, fingerprint: 1, id };
    if (floor % 2 === 0) {
      const command: UpdateAccount = { ...common, op: "update_account", floor: -floor };
      return { command, outcome: { ok: true, account: { ...this.#view(partner, id), floor: -floor } } };
    }
    const command: SetAccountStatus = { ...common, op: "set_account_status", action: "freeze" };
    return { command, outcome: { ok: true, account: { ...this.#view(partner, id), status: "frozen" } } };
  }

  batch(records: readonly LogRecord[]): WrittenBatch {
    this.#seq += 1;
    const id = { epoch: this.#epoch, seq: this.#seq };
    const packed = packRecords(records);
    const { id: previousId, hash: previousHash } = this.#last;
    const content = { id, timeMs: this.#timeMs, count: records.length, body: packed };
    const frame = encodeBatch({ ...content, previousId, previousHash, shards: SHARDS });
    this.#last = { id, hash: new Uint8Array(hashFrame(frame)) };
    return { shard: this.shard, batch: { ...content, hash: this.#last.hash }, records };
  }

  get timeMs(): number {
    return this.#timeMs;
  }

  nextId(vnode: number): string {
    return countedTransferId(vnode, this.#epoch, this.#counter++);
  }

  /** The number of the next message to another shard. */
  nextNo(to: number): number {
    const no = (this.#sent.get(to) ?? 0) + 1;
    this.#sent.set(to, no);
    return no;
  }

  /** An account's balance, or that of a system account's slice. */
  balance(partner: string, account: string, vnode: number): Balance {
    const key = `${partner}\0${account}\0${isSystemAccount(account) ? vnode : ""}`;
    const known = this.#balances.get(key) ?? { posted: 0, held: 0, seq: 0 };
    this.#balances.set(key, known);
    return known;
  }

  #move(partner: string, account: string, amount: number): Balance {
    const balance = this.balance(partner, account, PLAIN_SLICE);
    balance.posted += amount;
    balance.seq += 1;
    return { ...balance };
  }

  #view(partner: string, id: string): AccountView {
    return {
      id,
      asset: "USD/2",
      status: "open",
      floor: 0,
      ceiling: null,
      ...this.balance(partner, id, PLAIN_SLICE),
      metadata: null,
      createdAtMs: this.#timeMs,
    };
  }
}
