/**
 * A page of an index run: columns, not rows, so that each is one typed array over the bytes that were read.
 * (All machines that Node 26 runs on are little-endian, and the archive never leaves its machine.)
 */

/** Entries per page: 64 KiB for accounts. Every page of a run but its last is full. */
export const PAGE_ENTRIES = 2048;

/** An entry without figures is key, batch, slot; with figures it also carries seq and amount. */
export type Width = 16 | 32;

export type Page = Readonly<{
  count: number;
  /** Empty in pages without figures. */
  seqs: Float64Array;
  amounts: Float64Array;
  highs: Uint32Array;
  lows: Uint32Array;
  /** Counted from the run's `base`, so that 32 bits last for ever. */
  batches: Uint32Array;
  slots: Uint32Array;
}>;

export function pageOver(buffer: ArrayBuffer, count: number, width: Width): Page {
  const figures = width === 32 ? count : 0;
  const words = 2 * 8 * figures;
  return {
    count,
    seqs: new Float64Array(buffer, 0, figures),
    amounts: new Float64Array(buffer, 8 * figures, figures),
    highs: new Uint32Array(buffer, words, count),
    lows: new Uint32Array(buffer, words + 4 * count, count),
    batches: new Uint32Array(buffer, words + 8 * count, count),
    slots: new Uint32Array(buffer, words + 12 * count, count),
  };
}

/** Negative, zero or positive as the page's entry `at` is before, at or after the key. */
export function compareKey(page: Page, at: number, high: number, low: number): number {
  return (page.highs[at] as number) - high || (page.lows[at] as number) - low;
}

/** What the directory at the end of a run says of each page. */
export type Directory = Readonly<{
  /** Sum of the page's amounts if all its entries have one key and the sum is safe, else NaN. */
  sums: Float64Array;
  seqMaxima: Float64Array;
  firstHighs: Uint32Array;
  firstLows: Uint32Array;
  checksums: Uint32Array;
}>;

export const DIRECTORY_BYTES = 28;

export function directoryOver(buffer: ArrayBuffer, pages: number): Directory {
  return {
    sums: new Float64Array(buffer, 0, pages),
    seqMaxima: new Float64Array(buffer, 8 * pages, pages),
    firstHighs: new Uint32Array(buffer, 16 * pages, pages),
    firstLows: new Uint32Array(buffer, 20 * pages, pages),
    checksums: new Uint32Array(buffer, 24 * pages, pages),
  };
}

/** A run as the database knows it. Its batches lie in [base, base + 2^32). */
export type RunMeta = Readonly<{
  id: number;
  kind: RunKind;
  level: number;
  width: Width;
  entries: number;
  base: number;
  checksum: number;
}>;

export const RUN_KINDS = ["account", "transfer", "partner"] as const;
export type RunKind = (typeof RUN_KINDS)[number];

export function runFileName(id: number): string {
  return `${id}.run`;
}
