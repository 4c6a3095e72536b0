/** Derives index entries from the packed records of a batch. */
import { claimOf } from "../../actors/ledger/limits/claim-names.ts";
import { historiesOf, mayHaveEvents } from "../../actors/programmes/programmes.ts";
import { readRecord } from "../../actors/records/codec.ts";
import { acceptedOf, type Command, type LogRecord } from "../../actors/records/command.ts";
import { PackReader } from "../../actors/records/pack-reader.ts";
import { OPS, TRANSFER_SENT_OP } from "../../actors/records/record-kinds.ts";
import { RecordScan } from "../../actors/records/record-scan.ts";
import {
  changesOf,
  createsTransfer,
  isHomeRecord,
  transferIdOf,
  versionOf,
} from "../../actors/records/record-views.ts";
import { assert } from "../../errors/assert.ts";
import type { Tail } from "../batches/tail.ts";
import { accountsListing } from "../batches/transfer-lists.ts";
import type { AccountTable } from "../queries/account-table.ts";
import {
  HISTORY_SEEDS,
  type HistoryKind,
  type Key,
  type Keys,
  partnerEventsKey,
  partnerKey,
} from "./key-hash.ts";
import {
  CLAIM,
  CREATED_TRANSFER,
  CREDIT,
  DEBIT,
  HOME_RECORD,
  REMOTE_PART,
  SLOTS_PER_RECORD,
  slotOf,
} from "./slot.ts";

/** `@`, the first byte of every system account's id. */
const AT_SIGN = 64;

const ACCOUNT_OPS: ReadonlySet<number> = new Set([
  OPS.create_account,
  OPS.update_account,
  OPS.set_account_status,
]);

/** Records of compound transfers. They are decoded in full: they are rarer than plain ones and vary in shape. */
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

const decoder = new TextDecoder();

export type Tails = Readonly<{ accounts: Tail; transfers: Tail; partners: Tail }>;

/**
 * Indexes the accepted records of a batch by account, transfer and partner. Hot path: plain transfers are read from
 * their packed bytes without creating objects or strings.
 */
export class BatchIndexer {
  readonly #keys: Keys;
  readonly #tails: Tails;
  readonly #accounts: AccountTable;
  readonly #reader = new PackReader();
  readonly #scan = new RecordScan(this.#reader);
  /** Partners with records that may have events, and their newest batch; only those that `isWatched` chose. */
  readonly #watched = new Map<string, number>();
  isWatched: (partner: string) => boolean = () => false;
  /** The partner of the previous record, which is mostly the same. */
  #partnerBytes: Uint8Array = new Uint8Array(0);
  #partner: Key = { high: 0, low: 0 };
  #isPartnerIndexed = false;
  #areEventsIndexed = false;
  /** Partner keys already indexed for this batch: low halves by high half. */
  readonly #indexedPartners = new Map<number, number[]>();

  constructor(keys: Keys, tails: Tails, accounts: AccountTable) {
    this.#keys = keys;
    this.#tails = tails;
    this.#accounts = accounts;
  }

  /**
   * Indexes a batch.
   *
   * @returns the number of accepted transfers whose home is this shard.
   * @throws PackError: the records are malformed.
   */
  index(batch: number, shard: number, body: Uint8Array): number {
    const reader = this.#reader;
    reader.start(body);
    this.#indexedPartners.clear();
    this.#partnerBytes = new Uint8Array(0);
    const records = reader.array();
    let transfers = 0;
    for (let i = 0; i < records; i++) {
      const start = reader.at;
      const values = reader.array();
      const op = reader.number();
      if (op === OPS.transfer || op === TRANSFER_SENT_OP) {
        if (this.#indexTransfer(batch, shard, i, start, values, op === OPS.transfer)) transfers += 1;
      } else if (op === OPS.credit) this.#indexCredit(batch, shard, i, values);
      else if (ACCOUNT_OPS.has(op)) this.#indexAccount(batch, shard, i, this.#read(start, values));
      else if (op === OPS.act) {
        const record = this.#read(start, values);
        this.#indexAct(batch, shard, i, record);
        if (record.command.op === "act" && !mayHaveEvents(record.command.act)) continue;
      } else if (COMPOUND_OPS.has(op)) {
        if (this.#indexCompound(batch, shard, i, this.#read(start, values))) transfers += 1;
      } else if (op === OPS.notice) this.#scan.partner(values);
      else {
        reader.skip(values - 1);
        continue;
      }
      this.#indexEvents(batch, shard);
    }
    return transfers;
  }

  /** Decodes the record at byte `start`, of which `op` was read. Its partner's bytes are in `#scan`. */
  #read(start: number, values: number): LogRecord {
    this.#scan.partner(values);
    return readRecord(this.#reader.bytes.subarray(start, this.#reader.at));
  }

  /**
   * @param isLocal both accounts are on this shard; otherwise the credit is on another one.
   * @returns whether the transfer was accepted.
   */
  #indexTransfer(
    batch: number,
    shard: number,
    index: number,
    start: number,
    values: number,
    isLocal: boolean,
  ): boolean {
    const scan = this.#scan;
    if (!scan.transfer(values, isLocal)) return false;
    const { bytes, at: end } = this.#reader;
    this.#setPartner(scan.partnerStart, scan.partnerEnd);
    if (!this.#isPartnerIndexed) this.#indexPartner(batch, shard);
    const { hash } = this.#keys;
    const { accounts, transfers } = this.#tails;
    this.#hashAccount(bytes, scan.debitStart, scan.debitEnd, shard);
    accounts.push(hash.high, hash.low, batch, slotOf(index, DEBIT), scan.debitSeq, -scan.amount);
    if (isLocal) {
      this.#hashAccount(bytes, scan.creditStart, scan.creditEnd, shard);
      accounts.push(hash.high, hash.low, batch, slotOf(index, CREDIT), scan.creditSeq, scan.amount);
    } else this.#listForCredit(bytes.subarray(scan.creditStart, scan.creditEnd), batch, shard, index);
    this.#keys.hashText(bytes, scan.idStart, scan.idEnd);
    transfers.push(hash.high, hash.low, batch, slotOf(index, HOME_RECORD), 0, 0);
    // Only a transfer with an act can claim a name.
    if (scan.hasAct) this.#indexClaim(batch, index, readRecord(bytes.subarray(start, end)).command);
    return true;
  }

  /** The credit's account has no entry on this shard, so lists the transfer for it: see `listedBy`. */
  #listForCredit(account: Uint8Array, batch: number, shard: number, index: number): void {
    const seed = HISTORY_SEEDS.transfers;
    this.#keys.hashAccount(account, 0, account.length, this.#partner, seed, shard + 1);
    const { hash } = this.#keys;
    this.#tails.accounts.push(hash.high, hash.low, batch, slotOf(index, CREATED_TRANSFER), 0, 0);
  }

  /** Indexes the name that an accepted command claims permanently, if any. */
  #indexClaim(batch: number, index: number, command: Command): void {
    const name = claimOf(command);
    if (name === undefined) return;
    const { high, low } = this.#keys.text(name);
    this.#tails.transfers.push(high, low, batch, slotOf(index, CLAIM), 0, 0);
  }

  /** Indexes the credit of a transfer from another shard, by account and transfer. */
  #indexCredit(batch: number, shard: number, index: number, values: number): void {
    const scan = this.#scan;
    if (!scan.credit(values)) return;
    const { bytes } = this.#reader;
    this.#setPartner(scan.partnerStart, scan.partnerEnd);
    const { hash } = this.#keys;
    this.#hashAccount(bytes, scan.creditStart, scan.creditEnd, shard);
    this.#tails.accounts.push(hash.high, hash.low, batch, slotOf(index, 0), scan.creditSeq, scan.amount);
    this.#keys.hashText(bytes, scan.idStart, scan.idEnd);
    this.#tails.transfers.push(hash.high, hash.low, batch, slotOf(index, REMOTE_PART), 0, 0);
  }

  /**
   * Indexes a record of a compound transfer: by the accounts whose balances it changed, by the accounts in whose
   * lists it creates a transfer, and by transfer.
   *
   * @returns whether it created a transfer.
   */
  #indexCompound(batch: number, shard: number, index: number, record: LogRecord): boolean {
    if (!record.outcome.ok) return false;
    this.#setPartner(this.#scan.partnerStart, this.#scan.partnerEnd);
    const { accounts, transfers } = this.#tails;
    const changes = changesOf(record);
    assert(changes.length <= SLOTS_PER_RECORD, "a record changes at most the balances of its postings");
    for (const [ordinal, { account, amount, seq }] of changes.entries()) {
      const kind = amount === 0 ? "holds" : "entries";
      const { high, low } = this.#keys.account(this.#partner, account, kind, shard);
      accounts.push(high, low, batch, slotOf(index, ordinal), amount === 0 ? 0 : seq, amount);
    }
    for (const [ordinal, account] of accountsListing(record).entries()) {
      const { high, low } = this.#keys.account(this.#partner, account, "transfers", shard);
      accounts.push(high, low, batch, slotOf(index, CREATED_TRANSFER + ordinal), 0, 0);
    }
    const id = transferIdOf(record);
    if (id !== undefined) {
      const { high, low } = this.#keys.text(id);
      transfers.push(high, low, batch, slotOf(index, isHomeRecord(record) ? HOME_RECORD : REMOTE_PART), 0, 0);
    }
    this.#indexClaim(batch, index, record.command);
    const creates = createsTransfer(record);
    if (creates && !this.#isPartnerIndexed) this.#indexPartner(batch, shard);
    return creates;
  }

  /** Indexes an act without a transfer: by programme, by subjects, and by the account that it opened or closed. */
  #indexAct(batch: number, shard: number, index: number, record: LogRecord): void {
    const { command, outcome } = record;
    if (command.op !== "act" || !outcome.ok) return;
    this.#setPartner(this.#scan.partnerStart, this.#scan.partnerEnd);
    const { effect } = acceptedOf(command, outcome);
    for (const name of historiesOf(command.act, effect)) this.#pushHistory(batch, shard, index, name, "acts");
    this.#indexClaim(batch, index, command);
    this.#indexVersion(batch, shard, index, record);
  }

  /** Indexes a version of an account by its id. */
  #indexAccount(batch: number, shard: number, index: number, record: LogRecord): void {
    if (!record.outcome.ok) return;
    this.#setPartner(this.#scan.partnerStart, this.#scan.partnerEnd);
    this.#indexVersion(batch, shard, index, record);
  }

  /** Indexes the account that the record opened or changed, if any, and lists its id. */
  #indexVersion(batch: number, shard: number, index: number, record: LogRecord): void {
    const account = versionOf(record);
    if (account === undefined) return;
    const { op, partner } = record.command;
    if (op === "create_account" || op === "act") this.#accounts.add(partner, account.id);
    this.#pushHistory(batch, shard, index, account.id, "versions");
  }

  #pushHistory(batch: number, shard: number, index: number, name: string, kind: HistoryKind): void {
    const { high, low } = this.#keys.account(this.#partner, name, kind, shard);
    this.#tails.accounts.push(high, low, batch, slotOf(index, 0), 0, 0);
  }

  /** Hashes the key of an account's entries into `#keys.hash`. */
  #hashAccount(bytes: Uint8Array, start: number, end: number, shard: number): void {
    const keyShard = bytes[start] === AT_SIGN ? shard + 1 : 0;
    this.#keys.hashAccount(bytes, start, end, this.#partner, HISTORY_SEEDS.entries, keyShard);
  }

  /** Sets the record's partner. Hashes it only if it is not the previous one. */
  #setPartner(start: number, end: number): void {
    const { bytes } = this.#reader;
    const known = this.#partnerBytes;
    if (known.length === end - start && known.length > 0) {
      let same = 0;
      while (same < known.length && known[same] === bytes[start + same]) same += 1;
      if (same === known.length) return;
    }
    this.#partnerBytes = bytes.subarray(start, end);
    this.#keys.hashText(bytes, start, end);
    this.#partner = { high: this.#keys.hash.high, low: this.#keys.hash.low };
    this.#isPartnerIndexed = false;
    this.#areEventsIndexed = false;
  }

  /** Indexes, once per batch, that the batch holds transfers of the partner. */
  #indexPartner(batch: number, shard: number): void {
    this.#isPartnerIndexed = true;
    this.#pushPartner(partnerKey(this.#partner, shard), batch);
  }

  /** Indexes, once per batch, that the batch holds records of the partner that may have events. */
  #indexEvents(batch: number, shard: number): void {
    this.#setPartner(this.#scan.partnerStart, this.#scan.partnerEnd);
    if (this.#areEventsIndexed) return;
    this.#areEventsIndexed = true;
    const partner = decoder.decode(this.#partnerBytes);
    if (this.isWatched(partner)) this.#watched.set(partner, batch);
    this.#pushPartner(partnerEventsKey(this.#partner, shard), batch);
  }

  #pushPartner({ high, low }: Key, batch: number): void {
    const lows = this.#indexedPartners.get(high);
    if (lows?.includes(low) === true) return;
    if (lows === undefined) this.#indexedPartners.set(high, [low]);
    else lows.push(low);
    this.#tails.partners.push(high, low, batch, 0, 0, 0);
  }

  /** The watched partners in the batches since the last call, each with its newest batch. */
  takeWatched(): ReadonlyMap<string, number> {
    const watched = new Map(this.#watched);
    this.#watched.clear();
    return watched;
  }
}
