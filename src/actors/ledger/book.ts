/** One partner's accounts on one shard. */
import { sliceBytes } from "../quotas/bytes.ts";
import { type KeptTotal, PartnerUsage } from "../quotas/usage.ts";
import { type Account, EMPTY_SLICE, type Slice } from "./account.ts";
import { VNODES } from "./routing.ts";

/** Of one asset: what balances come to, how many accounts there are, and what went to other shards and came from them. */
export type AssetSum = { sum: bigint; accounts: number; sent: bigint; received: bigint };

export class Book {
  readonly accounts = new Map<string, Account>();
  readonly usage: PartnerUsage;
  /** By name, then by asset and vnode. */
  readonly #slices = new Map<string, Map<number, Slice>>();
  readonly #assets: Assets;
  /** By asset, what went to other shards and came from them. */
  readonly #crossed = new Map<string, { sent: bigint; received: bigint }>();
  #lastName: string | undefined;
  #lastSlices: Map<number, Slice> | undefined;

  /** @param kept where the bytes of all partners are counted. */
  constructor(assets: Assets, kept: KeptTotal) {
    this.#assets = assets;
    this.usage = new PartnerUsage(kept);
  }

  sliceOf(name: string, asset: string, vnode: number): Slice | undefined {
    return this.#slicesOf(name)?.get(this.#assets.numberOf(asset) * VNODES + vnode);
  }

  /** The slice, made on its first use: for a record, which makes it part of the state. */
  openSlice(name: string, asset: string, vnode: number): Slice {
    const slice = this.sliceWithRoom(name, asset, vnode);
    if (!slice.isUsed) {
      slice.isUsed = true;
      this.usage.count(sliceBytes(name));
    }
    return slice;
  }

  /** The same to keep room in it, which leaves the state as it is. */
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

  /** Mostly those of the system account before. */
  #slicesOf(name: string): Map<number, Slice> | undefined {
    if (name === this.#lastName) return this.#lastSlices;
    const slices = this.#slices.get(name);
    if (slices !== undefined) {
      this.#lastName = name;
      this.#lastSlices = slices;
    }
    return slices;
  }

  /** A system account's balances on this shard, by asset; `undefined` if it was never used here. */
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

  /** Counts what a transfer has taken to another shard, or brought from one; a debit there counts as negative. */
  cross(asset: string, sent: number, received: number): void {
    const crossed = this.#crossedOf(asset);
    if (sent !== 0) crossed.sent += BigInt(sent);
    if (received !== 0) crossed.received += BigInt(received);
  }

  /** As an image has it. */
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

  /** By asset, in no order. */
  get crossed(): ReadonlyMap<string, Readonly<{ sent: bigint; received: bigint }>> {
    return this.#crossed;
  }

  /**
   * Adds what all balances of this book come to, per asset. Sums are exact at any size: numbers are added up
   * in portions that cannot leave the safe range.
   */
  addSums(sums: Map<string, AssetSum>): void {
    const totalOf = (asset: string) => {
      const total = sums.get(asset) ?? { sum: 0n, accounts: 0, sent: 0n, received: 0n };
      sums.set(asset, total);
      return total;
    };
    const add = (asset: string, posted: number, accounts: number) => {
      const total = totalOf(asset);
      total.sum += BigInt(posted);
      total.accounts += accounts;
    };
    const portions = new Map<string, number>();
    for (const account of this.accounts.values()) {
      const portion = (portions.get(account.asset) ?? 0) + account.posted;
      const whole = !Number.isSafeInteger(portion);
      add(account.asset, whole ? account.posted : 0, 1);
      if (!whole) portions.set(account.asset, portion);
    }
    for (const [asset, portion] of portions) add(asset, portion, 0);
    for (const slices of this.#slices.values()) {
      for (const [key, slice] of slices) add(this.#assets.nameOf(Math.floor(key / VNODES)), slice.posted, 0);
    }
    for (const [asset, { sent, received }] of this.#crossed) {
      const total = totalOf(asset);
      total.sent += sent;
      total.received += received;
    }
  }

  /** Every slice that a record has touched, with its place. */
  *slices(): Generator<readonly [name: string, asset: string, vnode: number, slice: Slice]> {
    for (const [name, slices] of this.#slices) {
      for (const [key, slice] of slices) {
        if (slice.isUsed) yield [name, this.#assets.nameOf(Math.floor(key / VNODES)), key % VNODES, slice];
      }
    }
  }
}

/** Asset codes as small numbers, and each code as one string however often it comes. */
export class Assets {
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
