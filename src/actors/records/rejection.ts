/**
 * Why a command was refused. A rejection is a deterministic value, logged like any other outcome. The log holds the
 * number, which is never reused for another reason.
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
  customer_erased: 105,
  customer_not_encrypted: 106,
  redemption_too_old: 100,
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
  percent_changed: 65,
  too_many_percent_changes: 66,
  email_taken: 70,
  bad_credentials: 71,
  wallet_not_found: 72,
  too_many_references: 74,
  hold_not_found: 75,
  payment_request_not_found: 76,
  withdrawal_not_found: 77,
  too_many_pending: 79,
  monitor_not_found: 90,
  too_many_monitors: 91,
  webhook_not_found: 92,
  too_many_webhooks: 93,
  wallet_user_not_found: 110,
  bad_reset_token: 111,
  hold_of_payee: 112,
  amount_exceeds_transfer: 113,
  approver_is_requester: 120,
  amount_below_minimum: 121,
  amount_above_maximum: 122,
  daily_limit_exceeded: 123,
} as const satisfies Record<string, number>;

export type Rejection = keyof typeof REJECTIONS;

type Side = "debit" | "credit";

/**
 * The order of precedence when several reasons refuse a posting of a transfer: the first row counts. `same_account` and
 * `asset_mismatch` follow from both sides of the posting, every other reason from one account.
 */
export const PRECEDENCE = [
  ["same_account", "debit"],
  ["account_not_found", "debit"],
  ["account_not_found", "credit"],
  ["managed_account", "debit"],
  ["managed_account", "credit"],
  ["asset_mismatch", "credit"],
  ["account_closed", "debit"],
  ["account_closed", "credit"],
  ["account_frozen", "debit"],
  ["insufficient_funds", "debit"],
  ["ceiling_exceeded", "credit"],
  ["limit_exceeded", "debit"],
  ["limit_exceeded", "credit"],
  ["balance_out_of_range", "debit"],
  ["balance_out_of_range", "credit"],
] as const satisfies readonly (readonly [Rejection, Side])[];

type Reason<S extends Side> = Extract<(typeof PRECEDENCE)[number], readonly [Rejection, S]>[0];

/** Why an account can refuse a debit. */
export type DebitRefusal = Exclude<Reason<"debit">, "same_account" | "account_not_found">;

/** Why an account can refuse a credit. */
export type CreditRefusal = Exclude<Reason<"credit">, "account_not_found" | "asset_mismatch">;

const CODES = new Map<number, Rejection>(
  Object.entries(REJECTIONS).map(([code, number]) => [number, code as Rejection]),
);

/** @throws TypeError for a number that this version does not know. */
export function rejectionOf(number: number): Rejection {
  const code = CODES.get(number);
  if (code === undefined) throw new TypeError(`unknown rejection ${number}`);
  return code;
}

/**
 * Why a command was refused before it was decided. A refusal is not logged, since it changes no state: the idempotency
 * key was used for another request or its window has passed, the request is invalid at this log time (`TimeFault`), or
 * its partner has used up a quota.
 */
export type Refusal =
  | "idempotency_key_reused"
  | "idempotency_key_expired"
  | "validation_failed"
  | "quota_exceeded";

/** A field that is invalid at this log time: its path in the request, and the rule that it breaks. */
export type TimeFault = Readonly<{ path: string; message: string }>;
