/**
 * Why a command was refused. A rejection is a value: deterministic, and in the log like any other outcome.
 * The number is what the log holds and is never given to another reason; the order within a command is
 * the order of precedence that `decide` follows.
 */
export const REJECTIONS = {
  same_account: 1,
  account_not_found: 2,
  managed_account: 3,
  asset_mismatch: 4,
  account_closed: 5,
  account_frozen: 6,
  insufficient_funds: 7,
  ceiling_exceeded: 8,
  limit_exceeded: 9,
  balance_out_of_range: 10,
  transfer_not_found: 11,
  transfer_not_pending: 12,
  transfer_expired: 13,
  transfer_not_posted: 14,
  already_reverted: 15,
  amount_exceeds_pending: 16,
  account_exists: 20,
  balance_conflict: 21,
  account_not_empty: 22,
  metadata_too_large: 23,
  partner_exists: 30,
  partner_not_found: 31,
  key_not_found: 32,
  too_many_keys: 33,
  member_exists: 40,
  member_not_found: 41,
  customer_exists: 50,
  customer_not_found: 51,
  offer_not_found: 52,
  voucher_not_found: 53,
  voucher_already_redeemed: 54,
  voucher_expired: 55,
  voucher_cancelled: 56,
  not_redeemed: 57,
  too_many_offers: 58,
  too_many_batches: 59,
  seller_exists: 80,
  seller_not_found: 81,
  seller_suspended: 82,
  credit_request_not_found: 83,
  already_decided: 84,
  duplicate_reference: 85,
  too_many_pending_requests: 86,
  segment_exists: 60,
  segment_not_found: 61,
  user_exists: 62,
  percent_lowered: 63,
  too_many_segments: 64,
  email_taken: 70,
  bad_credentials: 71,
  wallet_not_found: 72,
  too_many_references: 74,
  hold_not_found: 75,
  payment_request_not_found: 76,
  withdrawal_not_found: 77,
  too_many_pending: 79,
} as const satisfies Record<string, number>;

export type Rejection = keyof typeof REJECTIONS;

const CODES = new Map<number, Rejection>(
  Object.entries(REJECTIONS).map(([code, number]) => [number, code as Rejection]),
);

/** @throws TypeError a number that no version has given out: the log is not ours. */
export function rejectionOf(number: number): Rejection {
  const code = CODES.get(number);
  if (code === undefined) throw new TypeError(`unknown rejection ${number}`);
  return code;
}

/**
 * Refused without a trace in the log, because nothing of it could change the state: the key was used for
 * something else, its window has passed, the request is invalid by log time (`TimeFault`), or its partner keeps as much as
 * it may.
 */
export type Refusal =
  | "idempotency_key_reused"
  | "idempotency_key_expired"
  | "validation_failed"
  | "quota_exceeded";

/** A field that is invalid by log time: its path in the request, and the rule. */
export type TimeFault = Readonly<{ path: string; message: string }>;
