/** Estimates the size of the rows of a page, so that a page is bounded in bytes while its rows are collected. */

/** Bytes of the rows of one page in the answer; a page has at least one row. */
export const PAGE_BYTES_MAX = 1024 * 1024;

/** Estimated bytes without the texts, never far above the real size. */
const FIXED_BYTES = 150;
const POSTING_BYTES = 80;

/** @param texts the row's texts of callers, such as its memo. */
export function rowBytes(texts: readonly (string | null)[], postings = 0): number {
  let bytes = FIXED_BYTES + POSTING_BYTES * postings;
  for (const text of texts) bytes += text?.length ?? 0;
  return bytes;
}
