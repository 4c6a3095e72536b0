/**
 * The sales per phone, for lookup by phone and for paging in ascending order. Blocks keep the cost of an insertion
 * low.
 */
import type { PhoneView } from "./acts.ts";

export type Phone = { readonly phone: string; total: number; topups: number };

/** Phones per block; a longer block is split in half. */
const BLOCK_MAX = 512;
/** Approximate size in memory. */
const PHONE_BYTES = 140;

export class PhoneBook {
  readonly #countBytes: (bytes: number) => void;
  readonly #byName = new Map<string, Phone>();
  /** No block is empty. Phones ascend within each block and from block to block. */
  readonly #blocks: Phone[][] = [];

  /** @param countBytes adds to the bytes that the partner occupies in memory. */
  constructor(countBytes: (bytes: number) => void = () => {}) {
    this.#countBytes = countBytes;
  }

  find(phone: string): Phone | undefined {
    return this.#byName.get(phone);
  }

  /** Adds to the totals of a phone (negative values for a revert). Creates the phone if it is unknown. */
  count(phone: string, amount: number, topups: number): void {
    const known = this.find(phone);
    if (known === undefined) this.#insert({ phone, total: amount, topups });
    else {
      known.total += amount;
      known.topups += topups;
    }
  }

  /** Up to `limit` phones after `after`, in ascending order; `null`: from the first. */
  page(limit: number, after: string | null): readonly PhoneView[] {
    const rows: PhoneView[] = [];
    let at = after === null ? 0 : this.#blockOf(after);
    let from = after === null ? 0 : firstFrom(this.#blocks[at] ?? [], after);
    if (this.#blocks[at]?.[from]?.phone === after) from += 1;
    for (; at < this.#blocks.length && rows.length < limit; at++, from = 0)
      for (const { phone, total, topups } of (this.#blocks[at] as Phone[]).slice(
        from,
        from + limit - rows.length,
      ))
        rows.push({ phone, total, topups });
    return rows;
  }

  *all(): Generator<Phone> {
    for (const block of this.#blocks) yield* block;
  }

  #insert(added: Phone): void {
    this.#byName.set(added.phone, added);
    this.#countBytes(PHONE_BYTES);
    const at = this.#blockOf(added.phone);
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push([added]);
      return;
    }
    block.splice(firstFrom(block, added.phone), 0, added);
    if (block.length > BLOCK_MAX) this.#blocks.splice(at + 1, 0, block.splice(BLOCK_MAX / 2));
  }

  /** The index of the last block whose first phone is not greater than `phone`; 0 if there is none. */
  #blockOf(phone: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const block = this.#blocks[middle] as readonly Phone[];
      if ((block[0] as Phone).phone <= phone) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** The index of the first phone in the block that is not less than `phone`. */
function firstFrom(block: readonly Phone[], phone: string): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((block[middle] as Phone).phone < phone) low = middle + 1;
    else high = middle;
  }
  return low;
}
