import { OPS, TRANSFER_SENT_OP } from "../actors/codec.ts";
import { PackReader } from "../actors/pack-reader.ts";
import type { AccountTable } from "./account-table.ts";
import { type Key, type Keys, partnerKey } from "./key-hash.ts";
import type { Tail } from "./tail.ts";

/** The first byte of every system account. */
const AT_SIGN = 64;

/**
 * Sides of a posting, as the lowest bit of a slot. In the index of transfers the debit side stands for the home's record,
 * whole or not, and the credit side for a credit with a record of its own.
 */
export const DEBIT_SIDE = 0;
export const CREDIT_SIDE = 1;

export type Tails = Readonly<{ accounts: Tail; transfers: Tail; partners: Tail }>;

/**
 * Puts a batch's accepted transfers and new accounts into the index. Hot: it reads the packed bytes as the
 * codec laid them out (see codec.ts) and makes no object or string for a transfer.
 */
export class BatchIndexer {
  readonly #keys: Keys;
  readonly #tails: Tails;
  readonly #accounts: AccountTable;
  readonly #reader = new PackReader();
  /** The partner of the record before: mostly the same one. */
  #partnerBytes: Uint8Array = new Uint8Array(0);
  #partner: Key = { high: 0, low: 0 };
  #partnerIsNoted = false;
  /** Partners that already have an entry for this batch, since it holds transfers of theirs. */
  readonly #noted = new Map<number, number[]>();

  constructor(keys: Keys, tails: Tails, accounts: AccountTable) {
    this.#keys = keys;
    this.#tails = tails;
    this.#accounts = accounts;
  }

  /** @returns the number of accepted transfers (a credit from another shard is none). @throws ArchiveError `archive_corrupt` */
  index(batch: number, shard: number, body: Uint8Array): number {
    const reader = this.#reader;
    reader.start(body);
    this.#noted.clear();
    this.#partnerBytes = new Uint8Array(0);
    const records = reader.array();
    let transfers = 0;
    for (let i = 0; i < records; i++) {
      const fields = reader.array();
      const op = reader.number();
      if (op === OPS.transfer || op === TRANSFER_SENT_OP) {
        if (this.#indexTransfer(batch, shard, i, fields, op === OPS.transfer)) transfers += 1;
      } else if (op === OPS.credit) this.#indexCredit(batch, shard, i, fields);
      else if (op === OPS.create_account) this.#indexAccount(fields);
      else reader.skip(fields - 1);
    }
    return transfers;
  }

  /** @param whole has both sides; else the credit is on another shard. */
  #indexTransfer(batch: number, shard: number, index: number, fields: number, whole: boolean): boolean {
    const reader = this.#reader;
    const bytes = reader.bytes;
    reader.text();
    const partnerStart = reader.textStart;
    const partnerEnd = reader.textEnd;
    reader.skip(2);
    const askedFields = reader.array();
    reader.text();
    const debitStart = reader.textStart;
    const debitEnd = reader.textEnd;
    reader.text();
    const creditStart = reader.textStart;
    const creditEnd = reader.textEnd;
    const amount = reader.number();
    reader.skip(askedFields - 3);
    const outcomeFields = reader.array();
    if (reader.number() !== 0) {
      reader.skip(outcomeFields - 1 + fields - 6);
      return false;
    }
    reader.text();
    const idStart = reader.textStart;
    const idEnd = reader.textEnd;
    reader.skip(2);
    const debitSeq = reader.number();
    if (whole) reader.skip(2);
    const creditSeq = whole ? reader.number() : 0;
    reader.skip(outcomeFields - (whole ? 8 : 5) + fields - 6);

    this.#meetPartner(partnerStart, partnerEnd);
    if (!this.#partnerIsNoted) this.#notePartner(batch, shard);
    const { hash } = this.#keys;
    const { accounts, transfers } = this.#tails;
    const slot = index * 2;
    this.#runAccount(bytes, debitStart, debitEnd, shard);
    accounts.push(hash.high, hash.low, batch, slot + DEBIT_SIDE, debitSeq, -amount);
    if (whole) {
      this.#runAccount(bytes, creditStart, creditEnd, shard);
      accounts.push(hash.high, hash.low, batch, slot + CREDIT_SIDE, creditSeq, amount);
    }
    this.#keys.runText(bytes, idStart, idEnd);
    transfers.push(hash.high, hash.low, batch, slot + DEBIT_SIDE, 0, 0);
    return true;
  }

  /** The credit of a transfer whose home is another shard: an entry of its account, and the transfer's second half. */
  #indexCredit(batch: number, shard: number, index: number, fields: number): void {
    const reader = this.#reader;
    const bytes = reader.bytes;
    reader.text();
    const partnerStart = reader.textStart;
    const partnerEnd = reader.textEnd;
    reader.skip(2);
    const askedFields = reader.array();
    reader.skip(1);
    reader.text();
    const creditStart = reader.textStart;
    const creditEnd = reader.textEnd;
    const amount = reader.number();
    reader.skip(3);
    reader.text();
    const idStart = reader.textStart;
    const idEnd = reader.textEnd;
    reader.skip(askedFields - 7);
    const outcomeFields = reader.array();
    if (reader.number() !== 0) {
      reader.skip(outcomeFields - 1 + fields - 6);
      return;
    }
    reader.skip(2);
    const seq = reader.number();
    reader.skip(outcomeFields - 4 + fields - 6);

    this.#meetPartner(partnerStart, partnerEnd);
    const { hash } = this.#keys;
    const slot = index * 2 + CREDIT_SIDE;
    this.#runAccount(bytes, creditStart, creditEnd, shard);
    this.#tails.accounts.push(hash.high, hash.low, batch, slot, seq, amount);
    this.#keys.runText(bytes, idStart, idEnd);
    this.#tails.transfers.push(hash.high, hash.low, batch, slot, 0, 0);
  }

  #runAccount(bytes: Uint8Array, start: number, end: number, shard: number): void {
    this.#keys.runAccount(bytes, start, end, this.#partner, bytes[start] === AT_SIGN ? shard + 1 : 0);
  }

  /** Hashes the partner unless it is the one before. */
  #meetPartner(start: number, end: number): void {
    const { bytes } = this.#reader;
    const known = this.#partnerBytes;
    if (known.length === end - start && known.length > 0) {
      let same = 0;
      while (same < known.length && known[same] === bytes[start + same]) same += 1;
      if (same === known.length) return;
    }
    this.#partnerBytes = bytes.subarray(start, end);
    this.#keys.runText(bytes, start, end);
    this.#partner = { high: this.#keys.hash.high, low: this.#keys.hash.low };
    this.#partnerIsNoted = false;
  }

  /** Notes, once per batch, that it holds transfers of the partner. */
  #notePartner(batch: number, shard: number): void {
    this.#partnerIsNoted = true;
    const { high, low } = partnerKey(this.#partner, shard);
    const lows = this.#noted.get(high);
    if (lows?.includes(low) === true) return;
    if (lows === undefined) this.#noted.set(high, [low]);
    else lows.push(low);
    this.#tails.partners.push(high, low, batch, 0, 0, 0);
  }

  #indexAccount(fields: number): void {
    const reader = this.#reader;
    reader.text();
    const partner = reader.textNow();
    reader.skip(2);
    let id: string | undefined;
    for (let left = reader.map(); left > 0; left--) {
      reader.text();
      if (id === undefined && reader.textNow() === "id") {
        reader.text();
        id = reader.textNow();
      } else reader.skip(1);
    }
    const outcomeFields = reader.array();
    const isAccepted = reader.number() === 0;
    reader.skip(outcomeFields - 1 + fields - 6);
    if (isAccepted && id !== undefined) this.#accounts.add(partner, id);
  }
}
