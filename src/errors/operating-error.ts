/** A time in a request that is on the wrong side of now: of log time, so that it takes a shard to tell. */
export class InvalidTime extends Error {
  /** Of the field, dotted. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.name = "InvalidTime";
    this.path = path;
  }
}

/**
 * Something about the running of the server, not about the command, kept it from being answered.
 *
 * - `overloaded`, `log_unavailable`: certainly not done, now or later.
 * - `outcome_unknown`: it may have been done; the same idempotency key gets its one outcome.
 * - `archive_damaged`: it needs a batch of the archive that is damaged. Of a command: it was done, and is not done again.
 * - `not_implemented`: this version cannot do it; certainly not done.
 */
export type OperatingErrorCode =
  | "overloaded"
  | "log_unavailable"
  | "outcome_unknown"
  | "archive_damaged"
  | "not_implemented";

export class OperatingError extends Error {
  readonly code: OperatingErrorCode;

  constructor(code: OperatingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "OperatingError";
    this.code = code;
  }
}
