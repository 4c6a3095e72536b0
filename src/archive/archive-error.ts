/**
 * - `archive_corrupt`: what is stored does not match its own checksum, or the index names what is not there.
 * - `archive_gap`: a shard's log skipped something that the archive never saw.
 * - `archive_diverged`: the log holds another batch than the archive under the same id.
 * - `bad_cursor`: not a cursor that this archive gave out.
 */
export type ArchiveErrorCode = "archive_corrupt" | "archive_gap" | "archive_diverged" | "bad_cursor";

export class ArchiveError extends Error {
  readonly code: ArchiveErrorCode;

  constructor(code: ArchiveErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ArchiveError";
    this.code = code;
  }
}
