/** Estimates the size of the rows of a page, so that a page is bounded in bytes while its rows are collected. */

/** Bytes of the rows of one page in the answer; a page has at least one row. */
export const PAGE_BYTES_MAX = 1024 * 1024;

/** Estimated bytes without memo and metadata, never far above the real size. */
const FIXED_BYTES = 150;
const POSTING_BYTES = 80;

type Remarks = Readonly<{ memo: string | null; metadata: string | null }>;

export function entryBytes({ memo, metadata }: Remarks): number {
  return FIXED_BYTES + (memo?.length ?? 0) + (metadata?.length ?? 0);
}

export function transferBytes(view: Remarks & Readonly<{ postings: readonly unknown[] }>): number {
  return entryBytes(view) + POSTING_BYTES * view.postings.length;
}
