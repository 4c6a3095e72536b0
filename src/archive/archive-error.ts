/**
 * - `archive_corrupt`: the archive's database cannot be used.
 * - `archive_damaged`: what was asked for is in a batch that is damaged or gone; all others can be read.
 * - `index_damaged`: a file of the index is damaged; the index can be built anew from the batches.
 * - `archive_gap`: a shard's log skipped something that the archive never saw.
 * - `archive_diverged`: the log holds another batch than the archive under the same id.
 * - `bad_cursor`: not a cursor that this archive gave out.
 */
export type ArchiveErrorCode =
  | "archive_corrupt"
  | "archive_damaged"
  | "index_damaged"
  | "archive_gap"
  | "archive_diverged"
  | "bad_cursor";

export class ArchiveError extends Error {
  readonly code: ArchiveErrorCode;

  constructor(code: ArchiveErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ArchiveError";
    this.code = code;
  }
}

/** Whether it is one batch that is damaged, and not the archive. */
export function isDamage(error: unknown): error is ArchiveError {
  return error instanceof ArchiveError && error.code === "archive_damaged";
}
