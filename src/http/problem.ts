/** Every error code of the API, with its status. Bodies are RFC 9457 problem details. */
import type { Refusal, Rejection } from "../actors/records/rejection.ts";
import type { OperatingErrorCode } from "../errors/operating-error.ts";

/** Refused before it reached the ledger. */
export type RequestErrorCode =
  | "validation_failed"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "shard_not_found"
  | "voucher_batch_not_found"
  | "delivery_not_found"
  | "topup_not_found"
  | "phone_not_found"
  | "deposit_not_found"
  | "not_correctable"
  | "user_not_found"
  | "report_not_found"
  | "report_expired"
  | "events_expired"
  | "method_not_allowed"
  | "body_too_large"
  | "batch_too_large"
  | "request_timeout"
  | "client_closed_request"
  | "expectation_failed"
  | "headers_too_large"
  | "unsupported_media_type"
  | "rate_limited"
  | "internal_error";

export type ProblemCode = Rejection | Refusal | OperatingErrorCode | RequestErrorCode;

type ProblemKind = Readonly<{ status: number; title: string; retryable: boolean }>;

function kind(status: number, title: string, retryable = false): ProblemKind {
  return { status, title, retryable };
}

/** `retryable`: the same request may succeed later, with no change by the client. */
export const PROBLEMS = {
  validation_failed: kind(400, "The request is not valid."),
  unauthenticated: kind(401, "A valid API key is needed."),
  bad_credentials: kind(401, "The e-mail or the password is wrong."),
  bad_reset_token: kind(401, "The token is wrong, used or too old."),
  forbidden: kind(403, "This key may not do that."),
  not_found: kind(404, "There is nothing at this address."),
  account_not_found: kind(404, "There is no such account."),
  transfer_not_found: kind(404, "There is no such transfer."),
  partner_not_found: kind(404, "There is no such partner."),
  key_not_found: kind(404, "There is no such key."),
  member_not_found: kind(404, "There is no such member."),
  seller_not_found: kind(404, "There is no such seller."),
  monitor_not_found: kind(404, "There is no such monitor."),
  credit_request_not_found: kind(404, "There is no such credit request."),
  topup_not_found: kind(404, "There is no such top-up."),
  phone_not_found: kind(404, "This phone was never charged."),
  segment_not_found: kind(404, "There is no such segment."),
  user_not_found: kind(404, "There is no such user."),
  report_not_found: kind(404, "There is no such report."),
  wallet_not_found: kind(404, "There is no such wallet."),
  wallet_user_not_found: kind(404, "There is no such wallet user."),
  deposit_not_found: kind(404, "There is no such deposit of this bank."),
  hold_not_found: kind(404, "There is no such hold."),
  payment_request_not_found: kind(404, "There is no such payment request."),
  withdrawal_not_found: kind(404, "There is no such withdrawal."),
  shard_not_found: kind(404, "There is no such shard."),
  customer_not_found: kind(404, "There is no such customer."),
  offer_not_found: kind(404, "There is no such offer."),
  voucher_not_found: kind(404, "There is no such voucher of this customer."),
  voucher_batch_not_found: kind(404, "There is no such batch of vouchers."),
  webhook_not_found: kind(404, "There is no such webhook."),
  delivery_not_found: kind(404, "There is no such delivery of this webhook."),
  method_not_allowed: kind(405, "This address does not take this method."),
  request_timeout: kind(408, "The request did not arrive in time.", true),
  client_closed_request: kind(499, "The client has closed the connection before it was answered.", true),
  account_exists: kind(409, "An account with this id exists."),
  partner_exists: kind(409, "A partner with this id exists."),
  member_exists: kind(409, "A member with this id exists."),
  customer_exists: kind(409, "A customer with this e-mail exists."),
  customer_erased: kind(409, "The customer was erased meanwhile; try again with another key."),
  customer_not_encrypted: kind(409, "The customer is from a version that stored e-mails in clear."),
  voucher_already_redeemed: kind(409, "The voucher was redeemed before."),
  voucher_cancelled: kind(409, "The voucher is cancelled."),
  not_redeemed: kind(409, "The voucher is not redeemed."),
  seller_exists: kind(409, "A seller with this id exists."),
  already_decided: kind(409, "It was decided before."),
  approver_is_requester: kind(
    409,
    "A credit request needs the approval of another key than the one that made it.",
  ),
  duplicate_reference: kind(409, "This reference was used before."),
  segment_exists: kind(409, "A segment with this slug exists."),
  user_exists: kind(409, "A user with this id exists."),
  hold_of_payee: kind(
    409,
    "Only the wallet that the hold names may capture it, or void it before it expires.",
  ),
  email_taken: kind(409, "This e-mail has a wallet already."),
  percent_changed: kind(409, "The segment's percentage was changed at the same time."),
  transfer_not_pending: kind(409, "The transfer is not pending."),
  transfer_not_posted: kind(409, "The transfer is not posted."),
  already_reverted: kind(409, "The transfer was reverted before."),
  transfer_expired: kind(410, "The transfer has expired."),
  voucher_expired: kind(410, "The voucher has expired."),
  report_expired: kind(410, "The report's address has expired."),
  events_expired: kind(410, "The events after this one are not kept any more."),
  body_too_large: kind(413, "The body is too large."),
  batch_too_large: kind(413, "The batch has too many items."),
  unsupported_media_type: kind(415, "The body has a type that is not understood here."),
  expectation_failed: kind(417, "This expectation cannot be met."),
  same_account: kind(422, "Debit and credit account are the same."),
  managed_account: kind(422, "This account is moved by its programme only."),
  asset_mismatch: kind(422, "The accounts hold different assets."),
  account_closed: kind(422, "The account is closed."),
  account_frozen: kind(422, "The account is frozen."),
  insufficient_funds: kind(422, "The debit account has too little available."),
  ceiling_exceeded: kind(422, "The credit account would rise above its ceiling."),
  limit_exceeded: kind(422, "A limit of the account would be exceeded."),
  balance_out_of_range: kind(
    422,
    "A balance would leave ±2^52, reserved room counted, or a total ±(2^53−1).",
  ),
  not_correctable: kind(422, "A transfer of this kind cannot be corrected."),
  amount_exceeds_transfer: kind(422, "The amount is more than what the transfer moved."),
  amount_exceeds_pending: kind(422, "The amount is more than what is left of the pending transfer."),
  balance_conflict: kind(422, "The present balance would break this."),
  account_not_empty: kind(422, "The account is not empty."),
  metadata_too_large: kind(422, "The metadata would have more members, or more bytes, than it may."),
  seller_suspended: kind(422, "The seller is suspended."),
  amount_below_minimum: kind(422, "The amount is below the minimum of the seller or of sales to a phone."),
  amount_above_maximum: kind(422, "The amount is above the maximum of the seller or of sales to a phone."),
  daily_limit_exceeded: kind(
    422,
    "A daily limit of the seller or of its sales to the phone would be exceeded.",
  ),
  too_many_pending_requests: kind(422, "The seller has too many requests that wait for a decision."),
  too_many_keys: kind(422, "The partner has as many keys as it may."),
  too_many_monitors: kind(422, "The partner has as many monitors as it may, of the account or in all."),
  too_many_offers: kind(422, "The partner has as many offers as it may."),
  redemption_too_old: kind(409, "Only the latest 100 redemptions of a voucher can be rolled back."),
  too_many_batches: kind(422, "The partner has as many unfinished batches of vouchers as it may."),
  percent_lowered: kind(422, "A segment's percentage could only be raised."),
  too_many_percent_changes: kind(422, "The segment's percentage was changed too often."),
  too_many_segments: kind(422, "The partner has as many segments as it may."),
  too_many_webhooks: kind(422, "The partner, or the server, has as many webhooks as it may."),
  too_many_references: kind(422, "No more references can be kept."),
  too_many_pending: kind(422, "The wallet has as many pending as it may."),
  quota_exceeded: kind(422, "The partner keeps as much as it may; certainly not done.", true),
  idempotency_key_reused: kind(422, "The idempotency key was used for another request."),
  idempotency_key_expired: kind(422, "The idempotency key is too old."),
  rate_limited: kind(429, "Too many failures.", true),
  headers_too_large: kind(431, "The headers are too large."),
  internal_error: kind(500, "Something here is broken."),
  not_implemented: kind(501, "This version cannot do that."),
  overloaded: kind(503, "Too much is waiting; certainly not done.", true),
  log_unavailable: kind(503, "The log cannot be written; certainly not done.", true),
  outcome_unknown: kind(503, "It may have been done; the same idempotency key gets its one outcome.", true),
  archive_damaged: kind(503, "A part of the archive is damaged; the operator can restore it.", true),
  statistics_unavailable: kind(503, "The statistics service has not run yet, or cannot be reached.", true),
} as const satisfies Record<ProblemCode, ProblemKind>;

export type FieldError = Readonly<{ path: string; message: string }>;

/** May be thrown anywhere in a route; the endpoint turns it into an answer. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(
    code: ProblemCode,
    detail?: string,
    more: { errors?: readonly FieldError[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    // Nobody reads its stack, and recording one costs more than the rest of a refusal.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(detail ?? PROBLEMS[code].title);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = "Problem";
    this.code = code;
    this.errors = more.errors;
    this.headers = more.headers;
  }
}

/** A 400 about one field. `path` is dotted; empty for the whole body. */
export function invalid(path: string, message: string): Problem {
  const shown = shownPath(path);
  return new Problem("validation_failed", shown === "" ? message : `${shown}: ${message}`, {
    errors: [{ path: shown, message }],
  });
}

const PATH_LENGTH_MAX = 200;

/** Shortens a path for an answer: a field name may be as long as a body. */
export function shownPath(path: string): string {
  return path.length <= PATH_LENGTH_MAX ? path : `${path.slice(0, PATH_LENGTH_MAX)}…`;
}

/** The JSON of a problem. `more`: further members, for example `reasons`. */
export function problemBody(
  code: ProblemCode,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
): string {
  const { status, title, retryable } = PROBLEMS[code];
  return JSON.stringify({ type: `/problems/${code}`, title, status, code, detail, retryable, ...more });
}

const RETRY_AFTER_S = "1";
/** Longer, because an operator must act first. */
const RETRY_AFTER_REPAIR_S = "60";

export function problemHeaders(code: ProblemCode): Readonly<Record<string, string>> {
  if (code === "archive_damaged" || code === "statistics_unavailable")
    return { "Retry-After": RETRY_AFTER_REPAIR_S };
  if (PROBLEMS[code].status === 503) return { "Retry-After": RETRY_AFTER_S };
  if (code === "unauthenticated") return { "WWW-Authenticate": 'Bearer realm="daybook"' };
  return {};
}

const ABSOLUTE_PATH = /(?:\/[\w.@+-]+){2,}\/?|[A-Z]:\\\S+/g;

/** A reason without stack traces and file paths: endpoints that need no key answer with it. */
export function publicReason(reason: string): string {
  const [first = ""] = reason.split("\n", 1);
  return first.replace(ABSOLUTE_PATH, "…");
}

/** Only the list that issued a cursor can validate it. */
export function isBadCursor(failure: unknown): boolean {
  return failure instanceof Error && "code" in failure && failure.code === "bad_cursor";
}
