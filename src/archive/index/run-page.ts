/**
 * A page of an index run. It is stored by column, so that each column is a typed array over the bytes read. Numbers
 * are in the machine's byte order: Node 26 runs on little-endian machines only.
 */

/** Entries per page (64 KiB for accounts). Only the last page of a run may have fewer. */
export const PAGE_ENTRIES = 2048;

/** Bytes per entry: 16 for key, batch and slot; 32 with seq and amount. */
export type Width = 16 | 32;

export type Page = Readonly<{
  count: number;
  /** Empty if the width is 16, as are `amounts`. */
  seqs: Float64Array;
  amounts: Float64Array;
  highs: Uint32Array;
  lows: Uint32Array;
  /** Batch numbers relative to the run's `base`, so that 32 bits suffice. */
  batches: Uint32Array;
  slots: Uint32Array;
}>;

export function pageOver(buffer: ArrayBuffer, count: number, width: Width): Page {
  const amounts = width === 32 ? count : 0;
  const words = 2 * 8 * amounts;
  return {
    count,
    seqs: new Float64Array(buffer, 0, amounts),
    amounts: new Float64Array(buffer, 8 * amounts, amounts),
    highs: new Uint32Array(buffer, words, count),
    lows: new Uint32Array(buffer, words + 4 * count, count),
    batches: new Uint32Array(buffer, words + 8 * count, count),
    slots: new Uint32Array(buffer, words + 12 * count, count),
  };
}

/** Negative, zero or positive: the page's entry `at` is before, at or after the key. */
export function compareKey(page: Page, at: number, high: number, low: number): number {
  return (page.highs[at] as number) - high || (page.lows[at] as number) - low;
}

/** The directory at the end of a run: one value per page in each column. */
export type Directory = Readonly<{
  /** Sum of the page's amounts if all entries have the same key and the sum is a safe integer, else NaN. */
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

/** A run as stored in the database. Its batch numbers lie in [base, base + 2^32). */
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
