/**
 * Everything that one shard knows: the books of all partners, the partners and keys that live here, and the
 * idempotency keys. Pure: time, ids and places are handed in, and the state is a function of the log alone.
 */
import { assert, unreachable } from "../assert.ts";
import {
  type Account,
  applyChange,
  decideCreate,
  decideStatus,
  decideUpdate,
  openAccount,
  refusalOfCredit,
} from "./account.ts";
import { type AssetSum, Assets, Book } from "./book.ts";
import type {
  AccountChanged,
  Command,
  Credit,
  Credited,
  Fact,
  KeyCreated,
  Outcome,
  PartnerChanged,
  Recorded,
  Rejected,
  RemoteCredit,
  Transfer,
  TransferPosted,
  TransferSent,
} from "./command.ts";
import { CompoundState } from "./compound-state.ts";
import { Exchange } from "./exchange.ts";
import { type PlainCommand, scopeOf } from "./home.ts";
import { KEY_WINDOW_MS, type KeyEntry, KeyTable, keyMadeAtMs } from "./key-table.ts";
import {
  decideCreateKey,
  decideCreatePartner,
  decideRevokeKey,
  decideUpdatePartner,
  firstKeys,
  type PartnerState,
} from "./partner.ts";
import type { Refusal } from "./rejection.ts";
import type { HashSeed } from "./scope-hash.ts";
import {
  applyCredit,
  applySend,
  applyTransfer,
  creditOf,
  decideCredit,
  decideSend,
  decideTransfer,
} from "./transfer.ts";

/** Where a record stands, and when it was logged. */
export type Place = Readonly<{ epoch: number; seq: number; index: number; timeMs: number }>;

/** What is known of a command's key before it is decided: nothing, its first record, or a reason to refuse. */
export type KeyState =
  | undefined
  | Readonly<{ first: KeyEntry }>
  | Readonly<{ refused: Refusal | "overloaded" }>;

export class Ledger {
  readonly #shard: number;
  /** By the number of the other shard. */
  readonly #exchanges = new Map<number, Exchange>();
  readonly keys: KeyTable;
  readonly #books = new Map<string, Book>();
  readonly #partners = new Map<string, PartnerState>();
  readonly #assets = new Assets();
  #lastPartner: string | undefined;
  #lastBook = new Book(this.#assets);
  #operatorKeyHash: string | undefined;
  #accounts = 0;

  readonly compound: CompoundState;

  /** @param keySeed secret and random wherever others choose the keys. */
  constructor(shard: number, shards = 1, keySeed?: HashSeed) {
    this.#shard = shard;
    this.keys = new KeyTable(keySeed);
    this.compound = new CompoundState({
      shard,
      shards,
      bookOf: (partner) => this.#book(partner),
      exchangeWith: (other) => this.exchange(other),
    });
  }

  /** Accounts on this shard, system accounts not counted. */
  get accounts(): number {
    return this.#accounts;
  }

  /** What an idempotency key says about its command, at this log time. */
  lookUpKey(command: Command, nowMs: number): KeyState {
    const { key } = command;
    if (key === null) return undefined;
    const first = this.keys.find(scopeOf(command, key), nowMs);
    if (first !== undefined) {
      return first.fingerprint === command.fingerprint ? { first } : { refused: "idempotency_key_reused" };
    }
    const madeAtMs = keyMadeAtMs(key);
    if (madeAtMs !== undefined && madeAtMs + KEY_WINDOW_MS < nowMs) {
      return { refused: "idempotency_key_expired" };
    }
    return this.keys.full ? { refused: "overloaded" } : undefined;
  }

  /** What was sent to another shard and received from it. */
  exchange(shard: number): Exchange {
    let exchange = this.#exchanges.get(shard);
    if (exchange === undefined) {
      exchange = new Exchange();
      this.#exchanges.set(shard, exchange);
    }
    return exchange;
  }

  /** What the shard of a transfer's debit needs to know of its credit account, which lives here. */
  remoteCredit(partner: string, id: string, amount: number, nowMs: number): RemoteCredit {
    const account = this.account(partner, id);
    if (account === undefined) return null;
    const refusal = refusalOfCredit(account, account.posted + amount, amount, 1, nowMs) ?? null;
    return { asset: account.asset, refusal };
  }

  /** Decides a transfer whose credit account lives on shard `to`, with what that shard has said of it. */
  decideSend(
    command: Transfer,
    remote: RemoteCredit,
    to: number,
    nowMs: number,
    newTransferId: (vnode: number) => string,
  ): TransferSent | Rejected {
    const message = { to, no: this.exchange(to).sent + 1 };
    return decideSend(this.#book(command.partner), command, remote, message, nowMs, newTransferId);
  }

  /** A credit that another shard has committed. */
  decideCredit(command: Credit): Credited {
    return decideCredit(this.#book(command.partner), command);
  }

  /**
   * Decides a command that no key has decided already.
   *
   * @param nowMs the time of the batch that will hold the record.
   * @param newTransferId gives an accepted transfer its id.
   */
  decide(
    command: PlainCommand,
    nowMs: number,
    newTransferId: (vnode: number) => string,
  ): Outcome<PlainCommand> {
    switch (command.op) {
      case "transfer":
        return decideTransfer(this.#book(command.partner), command, nowMs, newTransferId);
      case "credit":
        return this.decideCredit(command);
      case "create_account":
        return decideCreate(this.account(command.partner, command.id), command, nowMs);
      case "update_account":
        return decideUpdate(this.account(command.partner, command.id), command);
      case "set_account_status":
        return decideStatus(this.account(command.partner, command.id), command);
      case "create_partner":
        return decideCreatePartner(this.#partners.get(command.partner), command, nowMs);
      case "update_partner":
        return decideUpdatePartner(this.#partners.get(command.partner), command);
      case "create_key":
        return decideCreateKey(this.#partners.get(command.partner), command, nowMs);
      case "revoke_key":
        return decideRevokeKey(this.#partners.get(command.partner), command);
      case "set_operator_key":
      case "delivered":
        return { ok: true };
      default:
        return unreachable(command);
    }
  }

  /**
   * Makes an outcome part of the state: the same whether it was just decided or is read from the log.
   *
   * @param batch the batch that a read of what changes here must wait for; 0 when it is durable already.
   */
  apply(command: Command, outcome: Recorded, place: Place, batch: number): void {
    const { key } = command;
    if (key !== null) {
      this.keys.remember(scopeOf(command, key), {
        fingerprint: command.fingerprint,
        atSecond: Math.floor(place.timeMs / 1000),
        epoch: place.epoch,
        seq: place.seq,
        index: place.index,
      });
    }
    if (outcome.ok) this.#applyAccepted(command, outcome, place, batch);
  }

  #applyAccepted(command: Command, outcome: Recorded, place: Place, batch: number): void {
    switch (command.op) {
      case "transfer": {
        const book = this.#book(command.partner);
        if ("to" in outcome) {
          applySend(book, command, outcome, place.timeMs, batch);
          this.exchange(outcome.to).send(creditOf(command, outcome, this.#shard, place.timeMs), place);
        } else applyTransfer(book, command, outcome as TransferPosted, place.timeMs, batch);
        return;
      }
      case "credit":
        applyCredit(this.#book(command.partner), command, outcome as Credited, place.timeMs, batch);
        this.exchange(command.from).receive(command.no);
        return;
      case "delivered":
        this.exchange(command.to).forget(command.upTo);
        return;
      case "create_account":
        this.#openAccount(command.partner, outcome as AccountChanged, batch);
        return;
      case "update_account":
      case "set_account_status": {
        const account = this.account(command.partner, command.id);
        assert(account !== undefined, "a change concerns an account that exists");
        applyChange(account, (outcome as AccountChanged).account, place.timeMs, batch);
        return;
      }
      case "create_partner": {
        const { partner } = outcome as PartnerChanged;
        this.#partners.set(partner.id, { partner, keys: firstKeys(command, partner.createdAtMs) });
        return;
      }
      case "update_partner":
        this.#partner(command.partner).partner = (outcome as PartnerChanged).partner;
        return;
      case "create_key": {
        const { key } = outcome as KeyCreated;
        this.#partner(command.partner).keys.set(key.id, key);
        return;
      }
      case "revoke_key":
        this.#partner(command.partner).keys.delete(command.keyId);
        return;
      case "set_operator_key":
        this.#operatorKeyHash = command.keyHash;
        return;
      default:
        this.compound.apply(command, outcome as Parameters<CompoundState["apply"]>[1], place, batch);
    }
  }

  account(partner: string, id: string): Account | undefined {
    return this.#books.get(partner)?.accounts.get(id);
  }

  /** A system account's balances on this shard, by asset. */
  systemAccount(partner: string, name: string): Map<string, { posted: bigint; held: bigint }> | undefined {
    return this.#books.get(partner)?.systemAccount(name);
  }

  /** What all balances here come to, per asset: of one partner, or of all when none is named. */
  sums(partner: string | undefined): Map<string, AssetSum> {
    const sums = new Map<string, AssetSum>();
    if (partner !== undefined) this.#books.get(partner)?.addSums(sums);
    else for (const book of this.#books.values()) book.addSums(sums);
    return sums;
  }

  /** All that a gateway must know before it lets anybody in. */
  facts(): readonly Fact[] {
    const facts: Fact[] = [];
    for (const { partner, keys } of this.#partners.values()) {
      facts.push({ fact: "partner", partner });
      for (const key of keys.values()) facts.push({ fact: "key", key });
    }
    if (this.#operatorKeyHash !== undefined) {
      facts.push({ fact: "operator_key", hash: this.#operatorKeyHash });
    }
    return facts;
  }

  /**
   * The whole state as plain lines in a fixed order, for comparing two states (I9). Keys past their window
   * at `nowMs` are not part of it.
   */
  *lines(nowMs: number): Generator<string> {
    for (const [partner, book] of sorted(this.#books)) {
      for (const [, { batch: _batch, pinned: _pinned, pins: _pins, ...account }] of sorted(book.accounts)) {
        yield JSON.stringify(["account", partner, account]);
      }
      const slices = [...book.slices()].map(([name, asset, vnode, { batch: _batch, ...slice }]) =>
        JSON.stringify(["slice", partner, name, asset, vnode, slice]),
      );
      yield* slices.toSorted();
      for (const [asset, { sent, received }] of sorted(book.crossed)) {
        yield JSON.stringify(["crossed", partner, asset, `${sent}`, `${received}`]);
      }
    }
    for (const [shard, exchange] of [...this.#exchanges].toSorted(([a], [b]) => a - b)) {
      yield JSON.stringify(["exchange", shard, exchange.forgotten, exchange.kept, exchange.received]);
    }
    for (const [, { partner, keys }] of sorted(this.#partners)) {
      yield JSON.stringify(["partner", partner, [...keys.values()]]);
    }
    yield* this.compound.lines();
    yield JSON.stringify(["operator_key", this.#operatorKeyHash ?? null]);
    for (const pair of this.keys.entries(nowMs)) yield JSON.stringify(["key", ...pair]);
  }

  #book(partner: string): Book {
    // Mostly the one before, known as the same object: see TextCache.
    if (partner === this.#lastPartner) return this.#lastBook;
    let book = this.#books.get(partner);
    if (book === undefined) {
      book = new Book(this.#assets);
      this.#books.set(partner, book);
    }
    this.#lastPartner = partner;
    this.#lastBook = book;
    return book;
  }

  #openAccount(partner: string, { account }: AccountChanged, batch: number): void {
    const asset = this.#assets.nameOf(this.#assets.numberOf(account.asset));
    this.#book(partner).accounts.set(account.id, openAccount(account, asset, batch));
    this.#accounts += 1;
  }

  #partner(id: string): PartnerState {
    const state = this.#partners.get(id);
    assert(state !== undefined, "a change concerns a partner that exists");
    return state;
  }
}

function sorted<V>(map: ReadonlyMap<string, V>): [string, V][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
