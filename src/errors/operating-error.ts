/** A time in a request that must be in the future (or the past) by log time, and is not. Only a shard can decide that. */
export class InvalidTime extends Error {
  /** The dotted path of the field. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.name = "InvalidTime";
    this.path = path;
  }
}

/** The events that follow the given one are not kept any more. `oldest`: the id of the oldest event that is. */
export class EventsExpired extends Error {
  readonly oldest: string | undefined;

  constructor(oldest: string | undefined) {
    super("the events after this one are not kept any more");
    this.name = "EventsExpired";
    this.oldest = oldest;
  }
}

/**
 * The state of the server, not a rule of the ledger, prevents an answer.
 *
 * - `overloaded`, `log_unavailable`: not done, and will not be done later.
 * - `outcome_unknown`: it may have been done; a retry with the same idempotency key gets the outcome.
 * - `archive_damaged`: a read needs a damaged batch of the archive. For a command: it was done, and is not done again.
 * - `statistics_unavailable`: the statistics service has not run yet, or its store cannot be reached.
 * - `not_implemented`: this version cannot do it; not done.
 */
export type OperatingErrorCode =
  | "overloaded"
  | "log_unavailable"
  | "outcome_unknown"
  | "archive_damaged"
  | "statistics_unavailable"
  | "not_implemented";

/** The bound that a partner has reached, for the metric of refusals. */
export type PartnerBound = "queue_share" | "requests_in_flight" | "waiting_requests" | "waiting_bodies";

export class OperatingError extends Error {
  readonly code: OperatingErrorCode;
  /** Set if only this partner is refused. */
  readonly bound: PartnerBound | undefined;

  constructor(
    code: OperatingErrorCode,
    message: string,
    { bound, ...options }: ErrorOptions & Readonly<{ bound?: PartnerBound }> = {},
  ) {
    super(message, options);
    this.name = "OperatingError";
    this.code = code;
    this.bound = bound;
  }
}
