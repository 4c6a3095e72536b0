/**
 * Events: what a log record means to the partner. They are derived from records (`eventsOf`) and never stored, so an
 * event exists exactly if its record does. Amounts are in minor units, times are ms since 1970 UTC.
 */
import type { AccountView, Rejected } from "./command.ts";
import type { ExpiredTransfer, Posting, TransferView } from "./compound-command.ts";
import type { Crossing } from "./crossing.ts";

/** A credit as its account sees it. `balance` is the posted balance after it. */
export type CreditReceived = Readonly<{
  transfer: string;
  account: string;
  amount: number;
  balance: number;
  counterparty: string;
  memo: string | null;
  metadata: string | null;
}>;

/** A refused request for a transfer. It was logged, but it moved nothing and has no id. */
export type TransferFailed = Readonly<{
  code: Rejected["code"];
  postings: readonly Posting[];
  memo: string | null;
  metadata: string | null;
}>;

/** `number`: how often the total has risen above the threshold. `total` is decimal text: it may exceed 2^53. */
type TotalAboveThreshold = Readonly<{ number: number; total: string; threshold: number }>;

type MemberCrossing = Readonly<{ member: string; balance: number; transfer: string }>;

type VoucherEventData = Readonly<{
  code: string;
  /** A pseudonym if `person` is there: the customer's personal data, encrypted. */
  email: string;
  person?: string;
  offer: string;
  /** Hundredths of a percent, or an amount; `null` if the record does not state it. */
  discount: number | Readonly<{ amount: number; asset: string }> | null;
  expiresAtMs: number | null;
}>;

/** `redemption`: its number; 0 in the records of older versions. `usesLeft`: after it. */
type VoucherUseData = VoucherEventData & Readonly<{ redemption: number; usesLeft: number }>;

type MembershipEventData = Readonly<{ user: string; segment: string }>;

type CreditRequestEventData = Readonly<{
  id: string;
  seller: string;
  amount: number;
  note: string | null;
  status: "pending" | "approved" | "rejected" | "withdrawn";
  decidedBy: string | null;
  reason: string | null;
}>;

type TopupEventData = Readonly<{
  id: string;
  seller: string;
  phone: string;
  amount: number;
  reference: string | null;
  /** The seller's credit after the sale. */
  credit: number;
}>;

/** The amount of an unknown sale stays held. `reason`: why it failed. */
type TopupChangedData = Readonly<{
  id: string;
  seller: string;
  phone: string;
  amount: number;
  reference: string | null;
  reason: string | null;
}>;

/** The operator contradicts the partner's decision. Nothing was moved because of it. */
type TopupConflictData = Readonly<{
  id: string;
  seller: string;
  phone: string;
  amount: number;
  reference: string | null;
  decision: "completed" | "failed";
  decidedBy: string;
  operatorAnswer: "completed" | "failed";
}>;

/** A seller's credit has fallen below its threshold, by this transfer. */
type LowCreditData = Readonly<{ seller: string; credit: number; threshold: number; transfer: string }>;

/** Money that entered or left a wallet. `counterparty` is the other account. */
type WalletMovementData = Readonly<{
  transfer: string;
  wallet: string;
  amount: number;
  balance: number;
  counterparty: string;
  /** Of a return or a correction: the transfer that it takes back, and why. */
  reverts?: string;
  reason?: string;
}>;

type PaymentRequestData = Readonly<{
  id: string;
  payer: string;
  requester: string;
  amount: number;
  memo: string | null;
  status: "pending" | "accepted" | "declined" | "cancelled" | "expired";
}>;

type WithdrawalData = Readonly<{
  id: string;
  wallet: string | null;
  amount: number;
  status: "pending" | "confirmed" | "failed";
  bank: string | null;
  /** Why it failed, if the bank has said so. */
  reason: string | null;
}>;

/** The transfer whose record has crossed; `null` for a debit that is only reserved for a transfer of another shard. */
type MonitorCrossed = Crossing & Readonly<{ transfer: string | null }>;

/** The data of each type of event. */
export interface EventData {
  "transfer.posted": TransferView;
  "transfer.pending": TransferView;
  "transfer.voided": TransferView;
  "transfer.expired": ExpiredTransfer;
  "transfer.reverted": Readonly<{ transfer: string; revertedBy: string; postings: readonly Posting[] }>;
  "transfer.failed": TransferFailed;
  "transfer.received": CreditReceived;
  "account.created": AccountView;
  "account.updated": AccountView;
  "account.frozen": AccountView;
  "account.closed": AccountView;
  "loyalty.member.above_threshold": MemberCrossing;
  "loyalty.member.depleted": MemberCrossing;
  "loyalty.total.above_threshold": TotalAboveThreshold;
  "voucher.issued": VoucherEventData & Readonly<{ usesMax: number }>;
  /** `by`: name of the API key; `null` in the records of older versions. */
  "voucher.redeemed": VoucherUseData & Readonly<{ by: string | null }>;
  "voucher.rolled_back": VoucherUseData;
  "voucher.cancelled": VoucherEventData;
  "voucher.expired": VoucherEventData;
  "segment.member_added": MembershipEventData;
  "segment.member_removed": MembershipEventData;
  "credit_request.created": CreditRequestEventData;
  "credit_request.decided": CreditRequestEventData;
  "topup.completed": TopupEventData;
  "topup.failed": TopupChangedData;
  "topup.unknown": TopupChangedData;
  "topup.conflict": TopupConflictData;
  "seller.low_credit": LowCreditData;
  "wallet.deposited": WalletMovementData;
  "wallet.sent": WalletMovementData;
  "wallet.received": WalletMovementData;
  "payment_request.created": PaymentRequestData;
  "payment_request.decided": PaymentRequestData;
  "withdrawal.created": WithdrawalData;
  "withdrawal.decided": WithdrawalData;
  "monitor.crossed": MonitorCrossed;
}

export type EventType = keyof EventData;

/** `subject` is the id of what the event is about: an account, member, voucher, user, seller or wallet. */
export type EventOf<T extends EventType> = Readonly<{ type: T; subject: string; data: EventData[T] }>;

export type LedgerEvent = { [T in EventType]: EventOf<T> }[EventType];

/**
 * One account's part of its partner's events: those about one of `subjects`. They are in records that changed the
 * account, and in those of acts of the programme about it.
 */
export type AccountEvents = Readonly<{ account: string; programme: string; subjects: readonly string[] }>;

/** Whether the event is about one of these. A payment request is its requester's, too. */
export function isAbout({ subject, data }: LedgerEvent, subjects: readonly string[]): boolean {
  return subjects.includes(subject) || ("requester" in data && subjects.includes(data.requester));
}

export function event<T extends EventType>(type: T, subject: string, data: EventData[T]): EventOf<T> {
  return { type, subject, data };
}
