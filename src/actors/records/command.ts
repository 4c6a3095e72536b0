/**
 * The commands that a ledger takes, and the outcome of each. The gateway builds commands from validated requests, a
 * shard decides them, and one log record holds the command with its outcome.
 *
 * Amounts are integers in minor units, times are milliseconds since 1970 UTC, metadata is canonical JSON text.
 */

import { assert } from "../../errors/assert.ts";
import type { Act, JsonValue } from "./act.ts";
import type { CommandHeader } from "./command-header.ts";
import type { CompoundAccepted, CompoundCommand } from "./compound-command.ts";
import type { Crossed } from "./crossing.ts";
import type { CreditRefusal, Rejection } from "./rejection.ts";
import type { TransferDetails } from "./transfer-details.ts";

/** A transfer of one posting that posts at once: the hot path. `CompoundTransfer` covers all other shapes. */
export interface Transfer extends CommandHeader, TransferDetails {
  readonly op: "transfer";
  readonly debit: string;
  readonly credit: string;
  readonly amount: number;
  /** The vnode that decides the transfer (`homeVnodeOf`). A system account's leg is on this vnode's slice. */
  readonly vnode: number;
  /** A programme's act that is decided and logged together with the transfer. */
  readonly act?: Act;
}

/**
 * The credit of a cross-shard transfer: a message from the debit's shard to the credit's. Its debit is durable already,
 * so the credit is never refused. `fingerprint` is 0 and `key` is null: the debit's record holds the caller's key.
 */
export interface Credit extends CommandHeader, TransferDetails {
  readonly op: "credit";
  readonly debit: string;
  readonly credit: string;
  readonly amount: number;
  /** The transfer's id and creation time, as in the debit's record. */
  readonly id: string;
  readonly createdAtMs: number;
  /** The sending shard, and the message's sequence number from that shard to this one: 1, 2, 3, … without gaps. */
  readonly from: number;
  readonly no: number;
}

/** Acknowledgement: messages to shard `to` up to sequence number `upTo` are durable there and need no resend. */
export interface Delivered extends CommandHeader {
  readonly op: "delivered";
  readonly to: number;
  readonly upTo: number;
}

/** A programme's act that moves no money. */
export interface ActAlone<A extends Act = Act> extends CommandHeader {
  readonly op: "act";
  readonly act: A;
}

/** @param header `keyless(partner)` for a command that no caller has sent. */
export function actAlone<A extends Act>(header: CommandHeader, act: A): ActAlone<A> {
  const { partner, key, fingerprint } = header;
  return { op: "act", partner, key, fingerprint, act };
}

/** A notice that an act on another shard broadcasts to all shards. Never refused. */
export interface Broadcast extends CommandHeader {
  readonly op: "notice";
  readonly programme: string;
  readonly notice: JsonValue;
  /** The sending shard, and the message's sequence number from that shard to this one: 1, 2, 3, … without gaps. */
  readonly from: number;
  readonly no: number;
  /** Log time of the act. */
  readonly sentAtMs: number;
}

/** Velocity limit: at most `maxAmount` in sum and `maxCount` entries per `windowS` seconds of log time; `null`: any. */
export type Limit = Readonly<{
  windowS: number;
  direction: "debit" | "credit";
  maxAmount: number | null;
  maxCount: number | null;
}>;

/** What the partner determines about an account. */
export interface AccountRules {
  readonly floor: number | null;
  readonly ceiling: number | null;
  readonly metadata: string | null;
  /** Absent in the oldest records: no limits. */
  readonly limits?: readonly Limit[];
}

export interface CreateAccount extends CommandHeader, AccountRules {
  readonly op: "create_account";
  readonly id: string;
  readonly asset: string;
}

/**
 * An absent field is left unchanged. `limits` replaces all of them; a limit with the window and direction of an
 * existing one keeps that one's counts.
 */
export interface UpdateAccount extends CommandHeader, Partial<Omit<AccountRules, "metadata">> {
  readonly op: "update_account";
  readonly id: string;
  /** A JSON merge patch (RFC 7396) of strings and nulls. */
  readonly metadata?: string;
}

export interface SetAccountStatus extends CommandHeader {
  readonly op: "set_account_status";
  readonly id: string;
  readonly action: "freeze" | "unfreeze" | "close";
}

export interface CreatePartner extends CommandHeader {
  readonly op: "create_partner";
  readonly name: string;
  /** Absent for the tenant of a programme: it is created at the first start, without a key. */
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

/** Belongs to no partner: `partner` is empty. `keyHash` is the SHA-256 of the API key in hex. */
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
  /** `partner`, `read` (reads only), or a role of a programme. */
  role: string;
  name: string;
  prefix: string;
  /** SHA-256 of the API key in hex. The key itself is shown once and never stored. */
  hash: string;
  /** The scope: the one thing that the key is limited to. Named after the first role that has one. */
  seller?: string;
}>;
export type PartnerKey = NewKey & Readonly<{ partner: string; createdAtMs: number }>;
export type Partner = Readonly<{ id: string; name: string; status: PartnerStatus; createdAtMs: number }>;

/** An account's state after a command, or at the time of a read. */
export interface AccountView extends AccountRules {
  readonly id: string;
  readonly asset: string;
  readonly status: AccountStatus;
  readonly posted: number;
  readonly held: number;
  readonly seq: number;
  readonly createdAtMs: number;
  /** For a managed account: the one programme that may debit or credit it. */
  readonly programme?: string;
}

/** Both balances after the posting. For a system account they are those of its slice on the transfer's vnode. */
export type TransferPosted = Readonly<{
  ok: true;
  id: string;
  debitPosted: number;
  debitHeld: number;
  debitSeq: number;
  creditPosted: number;
  creditHeld: number;
  creditSeq: number;
  /** The effect of the transfer's act. */
  effect?: JsonValue;
}> &
  Crossed;

/**
 * The debit of a transfer whose credit is message `no` to shard `to`. This record is the commit: once it is durable,
 * the credit is delivered, after any crash or restart of either shard.
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
}> &
  Crossed;

/** The credit account's balance after the credit. */
export type Credited = Readonly<{ ok: true; posted: number; held: number; seq: number }> & Crossed;

export type AccountChanged = Readonly<{ ok: true; account: AccountView }>;
export type PartnerChanged = Readonly<{ ok: true; partner: Partner }>;
export type KeyCreated = Readonly<{ ok: true; key: PartnerKey }>;
export type Done = Readonly<{ ok: true }>;

/** Outcome of an `ActAlone`. `account` was opened or closed by it; `told` lists the messages that carry its notice. */
export type ActDone = Readonly<{
  ok: true;
  effect: JsonValue;
  account?: AccountView;
  notice?: JsonValue;
  told?: readonly MessageNumber[];
}>;

/** A message to shard `to`, and its sequence number. */
export type MessageNumber = Readonly<{ to: number; no: number }>;

/** Outcome of a notice. `effect`: what the receiving shard has decided because of it. */
export type NoticeTaken = Readonly<{ ok: true; effect?: JsonValue }>;

/** `subject` is the id of the account, partner, key or other thing that `code` is about; `null` where there is none. */
export type Rejected = Readonly<{ ok: false; code: Rejection; subject: string | null }>;

/** The outcome of each kind of command when it is accepted. */
export interface Accepted extends CompoundAccepted {
  transfer: TransferPosted;
  credit: Credited;
  delivered: Done;
  act: ActDone;
  notice: NoticeTaken;
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

/** The outcome in the log. A cross-shard transfer's record holds only its debit: the credit has its own record. */
export type Recorded = Outcome | TransferSent;

/** The outcome of an accepted command of type `C` in the log. */
export type RecordedAs<C extends Command> = Accepted[C["op"]] | (C extends Transfer ? TransferSent : never);

export type LogRecord = Readonly<{ command: Command; outcome: Recorded }>;

/**
 * The outcome of an accepted command, in the type that the command determines. A record keeps the two side by side,
 * so that narrowing the command narrows the outcome only through this function.
 */
export function acceptedOf<C extends Command>(_command: C, outcome: Recorded): RecordedAs<C> {
  assert(outcome.ok, "only an accepted command has changed something");
  return outcome as RecordedAs<C>; // whoever decides a command, or reads its record, pairs it with its own outcome
}

/**
 * A change that the shard which decided it sends to every gateway. Gateways authenticate with partners and API keys and
 * destroy the keys of erased persons; the delivery of webhooks looks at a webhook again.
 */
export type Fact =
  | Readonly<{ fact: "partner"; partner: Partner }>
  | Readonly<{ fact: "key"; key: PartnerKey }>
  | Readonly<{ fact: "key_revoked"; keyId: string }>
  | Readonly<{ fact: "operator_key"; hash: string }>
  | Readonly<{ fact: "webhook"; partner: string; webhook: string }>
  /** The key of a person must be destroyed. Told again at each start, since the keys may come from a copy. */
  | Readonly<{ fact: "person_erased"; key: string }>
  /** Some customers of the partner were created by a version that did not encrypt personal data. */
  | Readonly<{ fact: "clear_customers"; partner: string }>;

/** Another shard's answer about a transfer's credit account; `null` if there is no such account. */
export type RemoteCredit = Readonly<{ asset: string; refusal: CreditRefusal | null }> | null;

export function reject(code: Rejection, subject: string | null = null): Rejected {
  return { ok: false, code, subject };
}
