/** What one shard knows, as plain parts: `Ledger` decides on them, an image (image.ts) copies them. */
import { AssertionError, assert } from "../../errors/assert.ts";
import { KeyTable } from "../idempotency/key-table.ts";
import type { HashSeed, ScopeHash } from "../idempotency/scope-hash.ts";
import type { Random, Seal } from "../programmes/programme.ts";
import { Programmes } from "../programmes/programmes.ts";
import { accountBytes } from "../quotas/bytes.ts";
import { type KeptTotal, NO_USAGE, type PartnerUsage } from "../quotas/usage.ts";
import type { AccountView } from "../records/command.ts";
import { type Account, applyChange } from "./account.ts";
import { Assets, Book } from "./book.ts";
import { Exchange } from "./exchange.ts";
import { Claims } from "./limits/claims.ts";
import type { PartnerState } from "./partner.ts";
import { CompoundState } from "./transfers/compound-state.ts";

export type LedgerSettings = Readonly<{
  /** For tests: bounds that are small, a hash that is weak. All that replay a log must be given the same. */
  claimsMax?: number;
  keysMax?: number;
  pendingMax?: number;
  keyHash?: ScopeHash;
  /** Needed, as `random` is, wherever programmes decide. */
  seal?: Seal;
}>;

export class LedgerState {
  readonly books = new Map<string, Book>();
  /** By the number of the other shard. */
  readonly exchanges = new Map<number, Exchange>();
  readonly partners = new Map<string, PartnerState>();
  readonly keys: KeyTable;
  readonly programmes: Programmes;
  readonly compound: CompoundState;
  readonly claims: Claims;
  operatorKeyHash: string | undefined;
  /** Accounts in all books, system accounts not counted. */
  accounts = 0;
  readonly #assets = new Assets();
  #lastPartner: string | undefined;
  /** What all partners keep in memory. */
  readonly kept: KeptTotal = { bytes: 0 };
  #lastBook = new Book(this.#assets, this.kept);

  constructor(
    shard: number,
    shards: number,
    random: Random | undefined,
    { claimsMax, keysMax, pendingMax, keyHash, seal }: LedgerSettings = {},
  ) {
    this.claims = new Claims(claimsMax);
    this.keys = new KeyTable(random && seedOf(random), {
      ...(keyHash && { hash: keyHash }),
      ...(keysMax !== undefined && { keysMax }),
    });
    const account = (partner: string, id: string) => this.books.get(partner)?.accounts.get(id);
    const surroundings = { shard, shards, account, random: random ?? none, seal };
    const usageOf = (partner: string) => this.book(partner).usage;
    this.programmes = new Programmes({ ...surroundings, claims: this.claims, usageOf });
    this.compound = new CompoundState({
      shard,
      shards,
      programmes: this.programmes,
      claims: this.claims,
      bookOf: (partner) => this.book(partner),
      exchangeWith: (other) => this.exchange(other),
      pendingMax,
    });
  }

  /** A partner's book, made on its first use. */
  book(partner: string): Book {
    // Mostly the one before, known as the same object: see TextCache.
    if (partner === this.#lastPartner) return this.#lastBook;
    let book = this.books.get(partner);
    if (book === undefined) {
      book = new Book(this.#assets, this.kept);
      this.books.set(partner, book);
    }
    this.#lastPartner = partner;
    this.#lastBook = book;
    return book;
  }

  /** What counts against a partner's quotas. Makes no book. */
  usageOf(partner: string): Readonly<PartnerUsage> {
    return partner === this.#lastPartner
      ? this.#lastBook.usage
      : (this.books.get(partner)?.usage ?? NO_USAGE);
  }

  /** What was sent to another shard and received from it. */
  exchange(shard: number): Exchange {
    let exchange = this.exchanges.get(shard);
    if (exchange === undefined) {
      exchange = new Exchange();
      this.exchanges.set(shard, exchange);
    }
    return exchange;
  }

  /** An asset's code as the one string that all of its accounts share. */
  asset(code: string): string {
    return this.#assets.nameOf(this.#assets.numberOf(code));
  }

  addAccount(partner: string, account: Account): void {
    const { accounts, usage } = this.book(partner);
    accounts.set(account.id, account);
    usage.count(accountBytes(account));
    this.accounts += 1;
  }

  changeAccount(partner: string, account: Account, view: AccountView, timeMs: number, batch: number): void {
    const before = accountBytes(account);
    applyChange(account, view, timeMs, batch);
    this.book(partner).usage.count(accountBytes(account) - before);
  }

  partner(id: string): PartnerState {
    const state = this.partners.get(id);
    assert(state !== undefined, "a change concerns a partner that exists");
    return state;
  }
}

function seedOf(random: Random): HashSeed {
  const [a = 0, b = 0, c = 0, d = 0] = new Uint32Array(random(16).slice().buffer);
  return [a, b, c, d];
}

function none(): never {
  throw new AssertionError("a ledger that has no randomness decides nothing");
}
