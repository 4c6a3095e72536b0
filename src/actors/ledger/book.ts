/** One partner's accounts on one shard. */
import { ExactSum } from "../../bounds/exact-sum.ts";
import { sliceBytes } from "../quotas/bytes.ts";
import { type MemoryTotal, PartnerUsage } from "../quotas/usage.ts";
import { type Account, EMPTY_SLICE, type Slice } from "./account.ts";
import { VNODES } from "./routing.ts";

/** Totals of one asset: sum of balances, number of accounts, amounts sent to other shards and received from them. */
export type AssetSum = { sum: bigint; accounts: number; sent: bigint; received: bigint };

export class Book {
  readonly accounts = new Map<string, Account>();
  readonly usage: PartnerUsage;
  /** Slices of system accounts: by account name, then by `asset number * VNODES + vnode`. */
  readonly #slices = new Map<string, Map<number, Slice>>();
  readonly #assets: AssetCodes;
  /** By asset, amounts sent to other shards and received from them. */
  readonly #crossed = new Map<string, { sent: bigint; received: bigint }>();
  #lastName: string | undefined;
  #lastSlices: Map<number, Slice> | undefined;

  /** @param memory counter of the bytes of all partners. */
  constructor(assets: AssetCodes, memory: MemoryTotal) {
    this.#assets = assets;
    this.usage = new PartnerUsage(memory);
  }

  sliceOf(name: string, asset: string, vnode: number): Slice | undefined {
    return this.#slicesOf(name)?.get(this.#assets.numberOf(asset) * VNODES + vnode);
  }

  /** Returns a slice that a record changes, which makes it part of the state. Created on first use. */
  openSlice(name: string, asset: string, vnode: number): Slice {
    const slice = this.sliceWithRoom(name, asset, vnode);
    if (!slice.isUsed) {
      slice.isUsed = true;
      this.usage.count(sliceBytes(name));
    }
    return slice;
  }

  /** Returns a slice to pin or reserve amounts on it. Created on first use, but not as part of the state. */
  sliceWithRoom(name: string, asset: string, vnode: number): Slice {
    let slices = this.#slicesOf(name);
    if (slices === undefined) {
      slices = new Map();
      this.#slices.set(name, slices);
    }
    const key = this.#assets.numberOf(asset) * VNODES + vnode;
    let slice = slices.get(key);
    if (slice === undefined) {
      slice = { ...EMPTY_SLICE };
      slices.set(key, slice);
    }
    return slice;
  }

  /** Caches the last look-up: successive transfers usually use the same system account. */
  #slicesOf(name: string): Map<number, Slice> | undefined {
    if (name === this.#lastName) return this.#lastSlices;
    const slices = this.#slices.get(name);
    if (slices !== undefined) {
      this.#lastName = name;
      this.#lastSlices = slices;
    }
    return slices;
  }

  /** A system account's balances on this shard, by asset; `undefined` if no record on this shard used it. */
  systemAccount(name: string): Map<string, { posted: bigint; held: bigint }> | undefined {
    const slices = this.#slices.get(name);
    if (slices === undefined) return undefined;
    const balances = new Map<string, { posted: bigint; held: bigint }>();
    for (const [key, slice] of slices) {
      if (!slice.isUsed) continue;
      const asset = this.#assets.nameOf(Math.floor(key / VNODES));
      const balance = balances.get(asset) ?? { posted: 0n, held: 0n };
      balance.posted += BigInt(slice.posted);
      balance.held += BigInt(slice.held);
      balances.set(asset, balance);
    }
    return balances.size === 0 ? undefined : balances;
  }

  /** The first system accounts after this name that a record on this shard used, in order of their names. */
  systemAccountsAfter(after: string, limit: number): readonly string[] {
    const first: string[] = [];
    for (const [name, slices] of this.#slices) {
      if (name <= after || (first.length === limit && name >= (first.at(-1) ?? ""))) continue;
      if (!isUsed(slices.values())) continue;
      const place = first.findIndex((each) => each > name);
      first.splice(place === -1 ? first.length : place, 0, name);
      if (first.length > limit) first.pop();
    }
    return first;
  }

  /** Adds to the cross-shard totals. A debit on another shard counts as a negative amount sent to it. */
  countCrossShard(asset: string, sent: number, received: number): void {
    const crossed = this.#crossedOf(asset);
    if (sent !== 0) crossed.sent += BigInt(sent);
    if (received !== 0) crossed.received += BigInt(received);
  }

  /** Sets the cross-shard totals of an image. */
  restoreCrossed(asset: string, sent: bigint, received: bigint): void {
    const crossed = this.#crossedOf(asset);
    crossed.sent = sent;
    crossed.received = received;
  }

  #crossedOf(asset: string): { sent: bigint; received: bigint } {
    let crossed = this.#crossed.get(asset);
    if (crossed === undefined) {
      crossed = { sent: 0n, received: 0n };
      this.#crossed.set(asset, crossed);
    }
    return crossed;
  }

  /** The cross-shard totals by asset, in no particular order. */
  get crossed(): ReadonlyMap<string, Readonly<{ sent: bigint; received: bigint }>> {
    return this.#crossed;
  }

  /** Adds this book's totals to `sums`, by asset. */
  addSums(sums: Map<string, AssetSum>): void {
    const balances = new Map<string, ExactSum>();
    const add = (asset: string, posted: number) => {
      const sum = balances.get(asset) ?? new ExactSum();
      balances.set(asset, sum);
      sum.add(posted);
    };
    const totalOf = (asset: string) => {
      const total = sums.get(asset) ?? { sum: 0n, accounts: 0, sent: 0n, received: 0n };
      sums.set(asset, total);
      return total;
    };
    for (const { asset, posted } of this.accounts.values()) {
      add(asset, posted);
      totalOf(asset).accounts += 1;
    }
    for (const [, asset, , { posted }] of this.#allSlices()) add(asset, posted);
    for (const [asset, { value }] of balances) totalOf(asset).sum += value;
    for (const [asset, { sent, received }] of this.#crossed) {
      const total = totalOf(asset);
      total.sent += sent;
      total.received += received;
    }
  }

  /** Every slice that is part of the state, with its account name, asset and vnode. */
  *slices(): Generator<readonly [name: string, asset: string, vnode: number, slice: Slice]> {
    for (const each of this.#allSlices()) if (each[3].isUsed) yield each;
  }

  *#allSlices(): Generator<readonly [name: string, asset: string, vnode: number, slice: Slice]> {
    for (const [name, slices] of this.#slices)
      for (const [key, slice] of slices)
        yield [name, this.#assets.nameOf(Math.floor(key / VNODES)), key % VNODES, slice];
  }
}

/** Numbers asset codes 0, 1, 2, … and keeps one string object for each code. */
export class AssetCodes {
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(name: string): number {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#names.push(name) - 1;
      this.#numbers.set(name, number);
    }
    return number;
  }

  nameOf(number: number): string {
    const name = this.#names[number];
    if (name === undefined) throw new RangeError(`no asset ${number}`);
    return name;
  }
}

function isUsed(slices: Iterable<Slice>): boolean {
  for (const slice of slices) if (slice.isUsed) return true;
  return false;
}
