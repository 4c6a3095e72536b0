import { toWireCommand } from "../actors/codec.ts";
import type { AccountTable } from "./account-table.ts";
import { BodyScanner } from "./body-scanner.ts";
import { type Key, type Keys, partnerKey } from "./key-hash.ts";
import type { Tail } from "./tail.ts";

/** The number that stands for a transfer in the log, asked of the codec, which alone gives numbers out. */
const TRANSFER = toWireCommand({
  op: "transfer",
  partner: "",
  key: null,
  fingerprint: 0,
  debit: "",
  credit: "",
  amount: 1,
  memo: null,
  metadata: null,
  occurredAtMs: null,
  vnode: 0,
})[0];

const CREATE_ACCOUNT = toWireCommand({
  op: "create_account",
  partner: "",
  key: null,
  fingerprint: 0,
  id: "",
  asset: "",
  floor: null,
  ceiling: null,
  metadata: null,
})[0];

/** The first byte of every system account. */
const AT_SIGN = 64;

/** Sides of a posting, as the lowest bit of a slot. */
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
  readonly #scanner = new BodyScanner();
  /** The partner of the record before: mostly the same one. */
  #partnerBytes: Uint8Array = new Uint8Array(0);
  #partner: Key = { high: 0, low: 0 };
  /** Partners that already have an entry for this batch. */
  readonly #noted = new Map<number, number[]>();

  constructor(keys: Keys, tails: Tails, accounts: AccountTable) {
    this.#keys = keys;
    this.#tails = tails;
    this.#accounts = accounts;
  }

  /** @returns the number of accepted transfers. @throws ArchiveError `archive_corrupt` */
  index(batch: number, shard: number, body: Uint8Array): number {
    const scanner = this.#scanner;
    scanner.start(body);
    this.#noted.clear();
    this.#partnerBytes = new Uint8Array(0);
    const records = scanner.array();
    let transfers = 0;
    for (let i = 0; i < records; i++) {
      const fields = scanner.array();
      const op = scanner.number();
      if (op === TRANSFER) {
        if (this.#indexTransfer(batch, shard, i, fields)) transfers += 1;
      } else if (op === CREATE_ACCOUNT) this.#indexAccount(fields);
      else scanner.skip(fields - 1);
    }
    return transfers;
  }

  #indexTransfer(batch: number, shard: number, index: number, fields: number): boolean {
    const scanner = this.#scanner;
    const bytes = scanner.bytes;
    scanner.text();
    const partnerStart = scanner.textStart;
    const partnerEnd = scanner.textEnd;
    scanner.skip(2);
    const askedFields = scanner.array();
    scanner.text();
    const debitStart = scanner.textStart;
    const debitEnd = scanner.textEnd;
    scanner.text();
    const creditStart = scanner.textStart;
    const creditEnd = scanner.textEnd;
    const amount = scanner.number();
    scanner.skip(askedFields - 3);
    const outcomeFields = scanner.array();
    if (scanner.number() !== 0) {
      scanner.skip(outcomeFields - 1 + fields - 6);
      return false;
    }
    scanner.text();
    const idStart = scanner.textStart;
    const idEnd = scanner.textEnd;
    scanner.skip(2);
    const debitSeq = scanner.number();
    scanner.skip(2);
    const creditSeq = scanner.number();
    scanner.skip(outcomeFields - 8 + fields - 6);

    this.#meetPartner(batch, shard, partnerStart, partnerEnd);
    const { hash } = this.#keys;
    const { accounts, transfers } = this.#tails;
    const slot = index * 2;
    this.#runAccount(bytes, debitStart, debitEnd, shard);
    accounts.push(hash.high, hash.low, batch, slot + DEBIT_SIDE, debitSeq, -amount);
    this.#runAccount(bytes, creditStart, creditEnd, shard);
    accounts.push(hash.high, hash.low, batch, slot + CREDIT_SIDE, creditSeq, amount);
    this.#keys.runText(bytes, idStart, idEnd);
    transfers.push(hash.high, hash.low, batch, slot, 0, 0);
    return true;
  }

  #runAccount(bytes: Uint8Array, start: number, end: number, shard: number): void {
    this.#keys.runAccount(bytes, start, end, this.#partner, bytes[start] === AT_SIGN ? shard + 1 : 0);
  }

  /** Hashes the partner unless it is the one before, and notes it once per batch. */
  #meetPartner(batch: number, shard: number, start: number, end: number): void {
    const { bytes } = this.#scanner;
    const known = this.#partnerBytes;
    if (known.length === end - start && known.length > 0) {
      let same = 0;
      while (same < known.length && known[same] === bytes[start + same]) same += 1;
      if (same === known.length) return;
    }
    this.#partnerBytes = bytes.subarray(start, end);
    this.#keys.runText(bytes, start, end);
    this.#partner = { high: this.#keys.hash.high, low: this.#keys.hash.low };
    const { high, low } = partnerKey(this.#partner, shard);
    const lows = this.#noted.get(high);
    if (lows?.includes(low) === true) return;
    if (lows === undefined) this.#noted.set(high, [low]);
    else lows.push(low);
    this.#tails.partners.push(high, low, batch, 0, 0, 0);
  }

  #indexAccount(fields: number): void {
    const scanner = this.#scanner;
    scanner.text();
    const partner = scanner.textNow();
    scanner.skip(2);
    let id: string | undefined;
    for (let left = scanner.map(); left > 0; left--) {
      scanner.text();
      if (id === undefined && scanner.textNow() === "id") {
        scanner.text();
        id = scanner.textNow();
      } else scanner.skip(1);
    }
    const outcomeFields = scanner.array();
    const isAccepted = scanner.number() === 0;
    scanner.skip(outcomeFields - 1 + fields - 6);
    if (isAccepted && id !== undefined) this.#accounts.add(partner, id);
  }
}
