/**
 * What can be asked of a ledger, and what can be decided. The gateway builds commands from validated
 * requests; a shard decides them; both go into the log together.
 *
 * Amounts are integers in minor units, times are milliseconds since 1970 UTC, metadata is canonical JSON text.
 */
import type { Act, JsonValue } from "./act.ts";
import type { CommandHeader } from "./command-header.ts";
import type { CompoundAccepted, CompoundCommand } from "./compound-command.ts";
import type { Rejection } from "./rejection.ts";

/** One posting that happens at once: the hot one. `CompoundTransfer` is the other kind. */
export interface Transfer extends CommandHeader {
  readonly op: "transfer";
  readonly debit: string;
  readonly credit: string;
  readonly amount: number;
  readonly memo: string | null;
  readonly metadata: string | null;
  readonly occurredAtMs: number | null;
  /** Its home (`homeVnodeOf`), which is also where the slice of a system account is. */
  readonly vnode: number;
  /** What a programme has to do with it. */
  readonly act?: Act;
}

/**
 * A transfer's credit on another shard than its debit: the debit shard's message to the credit account's. The debit is
 * durable by then, so it is never refused. `fingerprint` is 0, and `key` is not the caller's: that stays at home.
 */
export interface Credit extends CommandHeader {
  readonly op: "credit";
  readonly debit: string;
  readonly credit: string;
  readonly amount: number;
  readonly memo: string | null;
  readonly metadata: string | null;
  readonly occurredAtMs: number | null;
  /** Of the transfer, as its own record has them. */
  readonly id: string;
  readonly createdAtMs: number;
  /** The sending shard, and the number of the message on its way to this one: 1, 2, 3, … without gaps. */
  readonly from: number;
  readonly no: number;
}

/** Messages to shard `to` up to number `upTo` are durable there: they need not be sent again. */
export interface Delivered extends CommandHeader {
  readonly op: "delivered";
  readonly to: number;
  readonly upTo: number;
}

/** A programme's act that moves no money. */
export interface ActAlone extends CommandHeader {
  readonly op: "act";
  readonly act: Act;
}

/** What an act on another shard has told all: never refused. */
export interface Broadcast extends CommandHeader {
  readonly op: "notice";
  readonly programme: string;
  readonly notice: JsonValue;
  /** The sending shard, and the number of the message on its way to this one: 1, 2, 3, … without gaps. */
  readonly from: number;
  readonly no: number;
  /** When the act was logged. */
  readonly sentAtMs: number;
}

/** At most `maxAmount` in all, and `maxCount` debits (or credits), within `windowS` seconds of log time; `null` = any. */
export type Limit = Readonly<{
  windowS: number;
  direction: "debit" | "credit";
  maxAmount: number | null;
  maxCount: number | null;
}>;

export interface CreateAccount extends CommandHeader {
  readonly op: "create_account";
  readonly id: string;
  readonly asset: string;
  readonly floor: number | null;
  readonly ceiling: number | null;
  readonly metadata: string | null;
  /** None when absent, as in the oldest records. */
  readonly limits?: readonly Limit[];
}

/** A field left out stays as it is. `metadata` is a JSON merge patch (RFC 7396) of strings and nulls. */
export interface UpdateAccount extends CommandHeader {
  readonly op: "update_account";
  readonly id: string;
  readonly floor?: number | null;
  readonly ceiling?: number | null;
  readonly metadata?: string;
  /** All of them; a window that was limited before in the same direction goes on counting. */
  readonly limits?: readonly Limit[];
}

export interface SetAccountStatus extends CommandHeader {
  readonly op: "set_account_status";
  readonly id: string;
  readonly action: "freeze" | "unfreeze" | "close";
}

export const PARTNER_ROLES = ["partner", "read", "bank", "seller"] as const;
export type PartnerRole = (typeof PARTNER_ROLES)[number];

/** `keyHash` is the SHA-256 of the API key in hex; the key itself is shown once and never stored. */
export interface CreatePartner extends CommandHeader {
  readonly op: "create_partner";
  readonly name: string;
  /** Absent for `house`, which exists from the first start without a key of its own. */
  readonly firstKey?: NewKey;
}

export interface UpdatePartner extends CommandHeader {
  readonly op: "update_partner";
  readonly name?: string;
  readonly status?: PartnerStatus;
}

export interface CreateKey extends CommandHeader {
  readonly op: "create_key";
  readonly newKey: NewKey;
}

export interface RevokeKey extends CommandHeader {
  readonly op: "revoke_key";
  readonly keyId: string;
}

/** Belongs to no partner (`partner` is empty). */
export interface SetOperatorKey extends CommandHeader {
  readonly op: "set_operator_key";
  readonly keyHash: string;
}

export type Command =
  | Transfer
  | Credit
  | Delivered
  | ActAlone
  | Broadcast
  | CompoundCommand
  | CreateAccount
  | UpdateAccount
  | SetAccountStatus
  | CreatePartner
  | UpdatePartner
  | CreateKey
  | RevokeKey
  | SetOperatorKey;

export type PartnerStatus = "active" | "suspended";
export type AccountStatus = "open" | "frozen" | "closed";

export type NewKey = Readonly<{
  id: string;
  role: PartnerRole;
  name: string;
  prefix: string;
  hash: string;
  /** Of a key of role `seller`: whose it is. */
  seller?: string;
}>;
export type PartnerKey = NewKey & Readonly<{ partner: string; createdAtMs: number }>;
export type Partner = Readonly<{ id: string; name: string; status: PartnerStatus; createdAtMs: number }>;

/** An account as it stands after a command, or as a read found it. */
export type AccountView = Readonly<{
  id: string;
  asset: string;
  status: AccountStatus;
  floor: number | null;
  ceiling: number | null;
  posted: number;
  held: number;
  seq: number;
  metadata: string | null;
  createdAtMs: number;
  /** None when absent, as in the oldest records. */
  limits?: readonly Limit[];
  /** The programme that alone may move it, where there is one. */
  programme?: string;
}>;

/** Both sides of the one posting as they stand after it; a system account's figures are its slice's. */
export type TransferPosted = Readonly<{
  ok: true;
  id: string;
  debitPosted: number;
  debitHeld: number;
  debitSeq: number;
  creditPosted: number;
  creditHeld: number;
  creditSeq: number;
  /** Of the act that came with it. */
  effect?: JsonValue;
}>;

/**
 * The debit side of a transfer whose credit is on shard `to`: message `no` on the way there. This record is the commit:
 * once it is durable the credit will follow, whatever happens.
 */
export type TransferSent = Readonly<{
  ok: true;
  id: string;
  debitPosted: number;
  debitHeld: number;
  debitSeq: number;
  to: number;
  no: number;
  effect?: JsonValue;
}>;

/** The credit account as it stands after the credit. */
export type Credited = Readonly<{ ok: true; posted: number; held: number; seq: number }>;

export type AccountChanged = Readonly<{ ok: true; account: AccountView }>;
export type PartnerChanged = Readonly<{ ok: true; partner: Partner }>;
export type KeyCreated = Readonly<{ ok: true; key: PartnerKey }>;
export type Done = Readonly<{ ok: true }>;

/** What an act alone has come to: `account` was opened or closed by it, and `told` are messages with its notice. */
export type ActDone = Readonly<{
  ok: true;
  effect: JsonValue;
  account?: AccountView;
  notice?: JsonValue;
  told?: readonly Readonly<{ to: number; no: number }>[];
}>;

/** `subject` names the account, partner or key that the reason speaks of, where there can be a doubt. */
export type Rejected = Readonly<{ ok: false; code: Rejection; subject: string | null }>;

/** What a command of each kind comes to when it is accepted. */
export interface Accepted extends CompoundAccepted {
  transfer: TransferPosted;
  credit: Credited;
  delivered: Done;
  act: ActDone;
  notice: Done;
  create_account: AccountChanged;
  update_account: AccountChanged;
  set_account_status: AccountChanged;
  create_partner: PartnerChanged;
  update_partner: PartnerChanged;
  create_key: KeyCreated;
  revoke_key: Done;
  set_operator_key: Done;
}

export type Outcome<C extends Command = Command> = Accepted[C["op"]] | Rejected;

/** What a record holds: of a transfer to another shard its debit alone, since the credit has a record of its own. */
export type Recorded = Outcome | TransferSent;

/** What stands in the log: asked and decided, together. */
export type LogRecord = Readonly<{ command: Command; outcome: Recorded }>;

/** What every gateway must know at once: who may come in. Sent by the partner's home shard. */
export type Fact =
  | Readonly<{ fact: "partner"; partner: Partner }>
  | Readonly<{ fact: "key"; key: PartnerKey }>
  | Readonly<{ fact: "key_revoked"; keyId: string }>
  | Readonly<{ fact: "operator_key"; hash: string }>;

/** What a debit account may have against a debit. */
export type DebitRefusal = Extract<
  Rejection,
  | "managed_account"
  | "account_closed"
  | "account_frozen"
  | "insufficient_funds"
  | "limit_exceeded"
  | "balance_out_of_range"
>;

/** What a credit account may have against a credit. */
export type CreditRefusal = Extract<
  Rejection,
  "managed_account" | "account_closed" | "ceiling_exceeded" | "limit_exceeded" | "balance_out_of_range"
>;

/** What another shard says of the credit account of a transfer. `null`: there is no such account. */
export type RemoteCredit = Readonly<{ asset: string; refusal: CreditRefusal | null }> | null;

export function reject(code: Rejection, subject: string | null = null): Rejected {
  return { ok: false, code, subject };
}
