import { claimOf } from "../../actors/ledger/limits/claim-names.ts";
import { historiesOf } from "../../actors/programmes/programmes.ts";
import { readRecord } from "../../actors/records/codec.ts";
import type { ActDone, Command } from "../../actors/records/command.ts";
import { PackReader } from "../../actors/records/pack-reader.ts";
import { OPS, TRANSFER_SENT_OP } from "../../actors/records/record-kinds.ts";
import { assert } from "../../errors/assert.ts";
import { listedBy } from "../batches/beginning.ts";
import type { Tail } from "../batches/tail.ts";
import type { AccountTable } from "../queries/account-table.ts";
import { changesOf, isBeginning, isOfHome, transferIdOf, versionOf } from "../queries/posting.ts";
import { HISTORY_SEEDS, type HistoryKind, type Key, type Keys, partnerKey } from "./key-hash.ts";
import { AT_HOME, AWAY, BEGINNING, CLAIM, CREDIT, DEBIT, PLACES, slotOf } from "./slot.ts";

/** What a transfer without an act has of its own: see codec.ts. */
const PLAIN_FIELDS = 7;

/** The first byte of every system account. */
const AT_SIGN = 64;

/** Records of compound transfers: read as a whole, since they are rarer than plain ones and of any shape. */
const COMPOUND_OPS: ReadonlySet<number> = new Set([
  OPS.compound_transfer,
  OPS.post_transfer,
  OPS.void_transfer,
  OPS.revert_transfer,
  OPS.expire_transfer,
  OPS.reserve,
  OPS.release,
  OPS.portion,
]);

export type Tails = Readonly<{ accounts: Tail; transfers: Tail; partners: Tail }>;

/**
 * Puts what a batch's accepted records did to balances, accounts and transfers into the index. Hot: it reads the packed
 * bytes of a plain transfer as the codec laid them out (see codec.ts) and makes no object or string for it.
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

  /** @returns the number of accepted transfers (a part of one from another shard is none). @throws ArchiveError `archive_corrupt` */
  index(batch: number, shard: number, body: Uint8Array): number {
    const reader = this.#reader;
    reader.start(body);
    this.#noted.clear();
    this.#partnerBytes = new Uint8Array(0);
    const records = reader.array();
    let transfers = 0;
    for (let i = 0; i < records; i++) {
      const start = reader.at;
      const fields = reader.array();
      const op = reader.number();
      if (op === OPS.transfer || op === TRANSFER_SENT_OP) {
        if (this.#indexTransfer(batch, shard, i, start, fields, op === OPS.transfer)) transfers += 1;
      } else if (op === OPS.credit) this.#indexCredit(batch, shard, i, fields);
      else if (op === OPS.create_account) this.#indexAccount(batch, shard, i, fields, true);
      else if (op === OPS.update_account || op === OPS.set_account_status)
        this.#indexAccount(batch, shard, i, fields, false);
      else if (op === OPS.act) this.#indexAct(batch, shard, i, start, fields);
      else if (COMPOUND_OPS.has(op)) {
        if (this.#indexCompound(batch, shard, i, start, fields)) transfers += 1;
      } else reader.skip(fields - 1);
    }
    return transfers;
  }

  /** @param whole has both sides; else the credit is on another shard. */
  #indexTransfer(
    batch: number,
    shard: number,
    index: number,
    start: number,
    fields: number,
    whole: boolean,
  ): boolean {
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
    this.#runAccount(bytes, debitStart, debitEnd, shard);
    accounts.push(hash.high, hash.low, batch, slotOf(index, DEBIT), debitSeq, -amount);
    if (whole) {
      this.#runAccount(bytes, creditStart, creditEnd, shard);
      accounts.push(hash.high, hash.low, batch, slotOf(index, CREDIT), creditSeq, amount);
    } else {
      // As `listedBy` says.
      this.#keys.runAccount(bytes, creditStart, creditEnd, this.#partner, HISTORY_SEEDS.transfers, shard + 1);
      accounts.push(hash.high, hash.low, batch, slotOf(index, BEGINNING), 0, 0);
    }
    this.#keys.runText(bytes, idStart, idEnd);
    transfers.push(hash.high, hash.low, batch, slotOf(index, AT_HOME), 0, 0);
    // Without an act it claims no name.
    if (askedFields > PLAIN_FIELDS)
      this.#indexClaim(batch, index, readRecord(bytes.subarray(start, reader.at)).command);
    return true;
  }

  /** The name that an accepted command takes for ever, if it takes one. */
  #indexClaim(batch: number, index: number, command: Command): void {
    const name = claimOf(command);
    if (name === undefined) return;
    const { high, low } = this.#keys.text(name);
    this.#tails.transfers.push(high, low, batch, slotOf(index, CLAIM), 0, 0);
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
    this.#runAccount(bytes, creditStart, creditEnd, shard);
    this.#tails.accounts.push(hash.high, hash.low, batch, slotOf(index, 0), seq, amount);
    this.#keys.runText(bytes, idStart, idEnd);
    this.#tails.transfers.push(hash.high, hash.low, batch, slotOf(index, AWAY), 0, 0);
  }

  /**
   * What a record of a compound transfer did to balances, and the record itself where it is the home's, or a part.
   *
   * @returns whether a transfer began with it.
   */
  #indexCompound(batch: number, shard: number, index: number, start: number, fields: number): boolean {
    const reader = this.#reader;
    reader.text();
    const partnerStart = reader.textStart;
    const partnerEnd = reader.textEnd;
    reader.skip(fields - 2);
    const record = readRecord(reader.bytes.subarray(start, reader.at));
    if (!record.outcome.ok) return false;

    this.#meetPartner(partnerStart, partnerEnd);
    const { accounts, transfers } = this.#tails;
    const changes = changesOf(record);
    assert(changes.length <= PLACES, "a record changes no more than the balances of its postings");
    for (const [place, { account, amount, seq }] of changes.entries()) {
      const kind = amount === 0 ? "holds" : "entries";
      const { high, low } = this.#keys.account(this.#partner, account, kind, shard);
      accounts.push(high, low, batch, slotOf(index, place), amount === 0 ? 0 : seq, amount);
    }
    for (const [place, account] of listedBy(record).entries()) {
      const { high, low } = this.#keys.account(this.#partner, account, "transfers", shard);
      accounts.push(high, low, batch, slotOf(index, BEGINNING + place), 0, 0);
    }
    const id = transferIdOf(record);
    if (id !== undefined) {
      const { high, low } = this.#keys.text(id);
      transfers.push(high, low, batch, slotOf(index, isOfHome(record) ? AT_HOME : AWAY), 0, 0);
    }
    this.#indexClaim(batch, index, record.command);
    const begins = isBeginning(record);
    if (begins && !this.#partnerIsNoted) this.#notePartner(batch, shard);
    return begins;
  }

  /** An act alone, by its programme and whom it concerns; and a version of the account that it has opened or closed. */
  #indexAct(batch: number, shard: number, index: number, start: number, fields: number): void {
    const reader = this.#reader;
    reader.text();
    const partnerStart = reader.textStart;
    const partnerEnd = reader.textEnd;
    reader.skip(fields - 2);
    const record = readRecord(reader.bytes.subarray(start, reader.at));
    if (record.command.op !== "act" || !record.outcome.ok) return;
    this.#meetPartner(partnerStart, partnerEnd);
    const note = (name: string, kind: HistoryKind) => {
      const { high, low } = this.#keys.account(this.#partner, name, kind, shard);
      this.#tails.accounts.push(high, low, batch, slotOf(index, 0), 0, 0);
    };
    const { effect } = record.outcome as ActDone;
    for (const name of historiesOf(record.command.act, effect)) note(name, "acts");
    this.#indexClaim(batch, index, record.command);
    const account = versionOf(record);
    if (account === undefined) return;
    this.#accounts.add(record.command.partner, account.id);
    note(account.id, "versions");
  }

  /** Hashes the key of an account's entries. */
  #runAccount(bytes: Uint8Array, start: number, end: number, shard: number): void {
    const keyShard = bytes[start] === AT_SIGN ? shard + 1 : 0;
    this.#keys.runAccount(bytes, start, end, this.#partner, HISTORY_SEEDS.entries, keyShard);
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

  /** A version of an account, and its id if it is new. */
  #indexAccount(batch: number, shard: number, index: number, fields: number, isNew: boolean): void {
    const reader = this.#reader;
    const { bytes } = reader;
    reader.text();
    const partnerStart = reader.textStart;
    const partnerEnd = reader.textEnd;
    const partner = isNew ? reader.textNow() : "";
    reader.skip(2);
    let id: string | undefined;
    let idStart = 0;
    let idEnd = 0;
    for (let left = reader.map(); left > 0; left--) {
      reader.text();
      if (id === undefined && reader.textNow() === "id") {
        reader.text();
        id = reader.textNow();
        idStart = reader.textStart;
        idEnd = reader.textEnd;
      } else reader.skip(1);
    }
    const outcomeFields = reader.array();
    const isAccepted = reader.number() === 0;
    reader.skip(outcomeFields - 1 + fields - 6);
    if (!isAccepted || id === undefined) return;

    if (isNew) this.#accounts.add(partner, id);
    this.#meetPartner(partnerStart, partnerEnd);
    this.#keys.runAccount(bytes, idStart, idEnd, this.#partner, HISTORY_SEEDS.versions, shard + 1);
    const { hash } = this.#keys;
    this.#tails.accounts.push(hash.high, hash.low, batch, slotOf(index, 0), 0, 0);
  }
}
