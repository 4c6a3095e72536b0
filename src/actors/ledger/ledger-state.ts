/** The state of one shard. `Ledger` decides on it and changes it; image.ts saves and restores it. */
import { AssertionError, assert } from "../../errors/assert.ts";
import { KeyTable } from "../idempotency/key-table.ts";
import type { HashSeed, ScopeHash } from "../idempotency/scope-hash.ts";
import type { Random, Seal } from "../programmes/programme.ts";
import { Programmes } from "../programmes/programmes.ts";
import { accountBytes } from "../quotas/bytes.ts";
import { type MemoryTotal, NO_USAGE, type PartnerUsage } from "../quotas/usage.ts";
import type { AccountView } from "../records/command.ts";
import { type Account, applyChange } from "./account.ts";
import { AssetCodes, Book } from "./book.ts";
import { Exchange } from "./exchange.ts";
import { Claims } from "./limits/claims.ts";
import type { PartnerState } from "./partner.ts";
import { CompoundState } from "./transfers/compound-state.ts";

export type LedgerSettings = Readonly<{
  /** For tests: smaller bounds and a weaker hash. A replay must use the same ones as the shard that wrote the log. */
  claimsMax?: number;
  keysMax?: number;
  pendingMax?: number;
  keyHash?: ScopeHash;
  /** Needed, like `random`, if programmes decide. */
  seal?: Seal;
}>;

export class LedgerState {
  readonly books = new Map<string, Book>();
  /** By number of the other shard. */
  readonly exchanges = new Map<number, Exchange>();
  readonly partners = new Map<string, PartnerState>();
  readonly keys: KeyTable;
  readonly programmes: Programmes;
  readonly compound: CompoundState;
  readonly claims: Claims;
  operatorKeyHash: string | undefined;
  /** Number of accounts in all books, without system accounts. */
  accounts = 0;
  readonly #assets = new AssetCodes();
  #lastPartner: string | undefined;
  /** Bytes that all partners together keep in memory. */
  readonly kept: MemoryTotal = { bytes: 0 };
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
    const context = { shard, shards, account, random: random ?? noRandom, seal };
    const usageOf = (partner: string) => this.book(partner).usage;
    this.programmes = new Programmes({ ...context, claims: this.claims, usageOf });
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

  /** A partner's book, created on first use. */
  book(partner: string): Book {
    // Usually the same partner as last time, and the same string object (see TextCache), which compares fast.
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

  /** What counts against a partner's quotas. Creates no book. */
  usageOf(partner: string): Readonly<PartnerUsage> {
    return partner === this.#lastPartner
      ? this.#lastBook.usage
      : (this.books.get(partner)?.usage ?? NO_USAGE);
  }

  /** The message exchange with another shard, created on first use. */
  exchange(shard: number): Exchange {
    let exchange = this.exchanges.get(shard);
    if (exchange === undefined) {
      exchange = new Exchange();
      this.exchanges.set(shard, exchange);
    }
    return exchange;
  }

  /** An asset's code as the string object that all accounts of the asset share. */
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
    assert(state !== undefined, "a changed partner exists");
    return state;
  }
}

function seedOf(random: Random): HashSeed {
  const [a = 0, b = 0, c = 0, d = 0] = new Uint32Array(random(16).slice().buffer);
  return [a, b, c, d];
}

function noRandom(): never {
  throw new AssertionError("a ledger without a source of randomness cannot decide this");
}
