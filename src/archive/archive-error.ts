/**
 * - `archive_corrupt`: the archive's database is unusable.
 * - `archive_damaged`: the query needs a batch that is damaged or missing. Other batches can be read.
 * - `index_damaged`: an index file is damaged. The index can be rebuilt from the batches.
 * - `archive_gap`: a shard's next batch does not follow the newest archived one.
 * - `archive_diverged`: the log and the archive hold different batches under the same id.
 * - `bad_cursor`: not a cursor of this archive.
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

/** Whether a single batch is damaged, as opposed to the whole archive. */
export function isDamage(error: unknown): error is ArchiveError {
  return error instanceof ArchiveError && error.code === "archive_damaged";
}

/** Whether a file of the index is damaged. The index can be rebuilt from the batches. */
export function isIndexDamaged(error: unknown): boolean {
  return error instanceof ArchiveError && error.code === "index_damaged";
}
