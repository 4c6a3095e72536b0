/**
 * Items in ascending order of a key, for paging by key and for ranges of keys with a common prefix. Blocks keep the cost
 * of an insertion low.
 */

/** Items per block; a longer block is split in half. */
const BLOCK_MAX = 512;

type Entry<T> = Readonly<{ key: string; item: T }>;

export class SortedIndex<T> {
  /** No block is empty. Keys ascend within each block and from block to block. */
  readonly #blocks: Entry<T>[][] = [];

  /** @param key no other item has it. */
  add(key: string, item: T): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push([{ key, item }]);
      return;
    }
    block.splice(firstFrom(block, key), 0, { key, item });
    if (block.length > BLOCK_MAX) this.#blocks.splice(at + 1, 0, block.splice(BLOCK_MAX / 2));
  }

  remove(key: string): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at] ?? [];
    const index = firstFrom(block, key);
    if (block[index]?.key !== key) return;
    block.splice(index, 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
  }

  /** The items with keys that begin with `prefix`, after the key `after` (`null`: from the first), in order of key. */
  *range(prefix: string, after: string | null): Generator<readonly [key: string, item: T]> {
    const start = after !== null && after > prefix ? after : prefix;
    let at = this.#blockOf(start);
    let from = firstFrom(this.#blocks[at] ?? [], start);
    if (this.#blocks[at]?.[from]?.key === after) from += 1;
    for (; at < this.#blocks.length; at++, from = 0) {
      const block = this.#blocks[at] as readonly Entry<T>[];
      for (let i = from; i < block.length; i++) {
        const { key, item } = block[i] as Entry<T>;
        if (!key.startsWith(prefix)) return;
        yield [key, item];
      }
    }
  }

  /** The index of the last block whose first key is not greater than `key`; 0 if there is none. */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const block = this.#blocks[middle] as readonly Entry<T>[];
      if ((block[0] as Entry<T>).key <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** The index of the first entry in the block whose key is not less than `key`. */
function firstFrom(block: readonly Entry<unknown>[], key: string): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((block[middle] as Entry<unknown>).key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
