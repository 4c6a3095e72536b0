/**
 * The interface of a programme: a business feature on top of plain accounts, such as loyalty points or vouchers.
 *
 * Each shard holds a part of a programme's state. Only acts change it. An act has a *subject* (a member, a customer,
 * …); the subject selects the actor, and so the shard, that decides the act. The decision is logged as the act's
 * *effect*. `apply` writes the effect into the state: live, in replay and for snapshots. Everything here is therefore
 * pure; time and randomness are passed in. See docs/adding-a-programme.md.
 */
import type { Account } from "../ledger/account.ts";
import type { Expiring } from "../ledger/limits/deadlines.ts";
import type { Act, JsonValue } from "../records/act.ts";
import type { Command, Rejected } from "../records/command.ts";
import type { ExpiredTransfer, TransferView } from "../records/compound-command.ts";
import type { Change } from "../records/record-views.ts";

/**
 * The memory that a command leaves occupied:
 * - `never`: none that a limit may refuse. It ends or shrinks something, or others need it in order to end; quotas and
 *   low memory never refuse it.
 * - `key`: at most its idempotency key.
 * - `hold`: a transfer that stays open; closing it will take another key.
 * - `more`: something else that stays, such as an account or a voucher.
 */
export type MemoryGrowth = "never" | "key" | "hold" | "more";

/** An account that an act opens or reopens. Only its programme may debit or credit it. */
export type AccountOpening = Readonly<{ id: string; asset: string }>;

/** The outcome of an accepted act. */
export type AcceptedAct<E = JsonValue> = Readonly<{
  ok: true;
  /** The result that is logged; `apply` needs it in addition to the act. */
  effect: E;
  opens?: AccountOpening;
  /** Id of an account to close. Its balance, holds and reservations must be zero. */
  closes?: string;
  /** Message to all other shards; they receive it in order. The act is answered once all of them have it. */
  notice?: JsonValue;
}>;

export type Random = (bytes: number) => Uint8Array;

/** Encrypts a secret for the log. The result can be decrypted only with the same `purpose`. */
export type Seal = (secret: Uint8Array, purpose: string, random: Random) => string;

/** Input of a decision. */
export type DecisionContext = Readonly<{
  partner: string;
  /** Log time of the batch that will contain the record, in ms. */
  nowMs: number;
  /** Amount of the transfer that the act comes with; 0 without a transfer. */
  amount: number;
  /** The account that the transfer credits; missing without a transfer. */
  credit?: string;
  /** Another act has already claimed the name of this one (`claimOfAct`): reject it. */
  isTaken?: boolean;
}>;

/** The accounts that the transfer of an act debits and credits; `null` where the act does not determine the account. */
export type MovedAccounts = Readonly<{ debit: string | null; credit: string | null }>;

/** Facts about an accepted act, for `apply`. */
export type ApplyContext = Readonly<{
  partner: string;
  timeMs: number;
  /** Id of the transfer that the act came with; `null` without one. */
  transfer: string | null;
  /** Amount that the transfer moved; 0 without a transfer. */
  amount: number;
}>;

/** A command that its shard executes on its own at `endsAtMs` (an expiry, a portion of a long job). */
export interface ScheduledCommand extends Expiring {
  readonly partner: string;
  /** The shard executes a due command before it answers any request about one of these subjects. */
  readonly subjects: readonly string[];
  /** Decided and logged like any other command, by this shard alone; never refused. */
  command(): Command;
}

/** The services of its shard that a programme uses. */
export type ProgrammeContext = Readonly<{
  shard: number;
  shards: number;
  /** Looks up an account of this shard. */
  account: (partner: string, id: string) => Account | undefined;
  /** Secure random bytes. For `decide` only: what it derives from them must be in the effect. */
  random: Random;
  /** For `decide` only, like `random`. A shard without it creates no secrets. */
  seal?: Seal | undefined;
  /** Adds to the bytes that a partner occupies in memory (negative: subtracts). The scheduler counts its own items. */
  countBytes?: (partner: string, bytes: number) => void;
  /** A command stays scheduled until it is removed, also after it has come due. */
  scheduler: Readonly<{ add(item: ScheduledCommand): void; remove(item: ScheduledCommand): void }>;
}>;

/** A query to the shard of one subject, or to all shards. `R` is the type of the answer, plain JSON data. */
export type Question<R> = Readonly<{
  programme: string;
  /** `null`: query every shard. */
  subject: string | null;
  /** Selects the shard instead of the subject. */
  vnode?: number;
  ask: readonly JsonValue[];
  /** Never set. It only carries the type of the answer. */
  answer?: R;
}>;

/** A query to one shard. */
export type QuestionTo<R> = Question<R> & Readonly<{ subject: string }>;

/** A transfer that came with an act, as the input of its revert. */
export type TransferWithAct = Readonly<{
  id: string;
  /** The effect of its act. */
  effect?: JsonValue;
  /** Sequence numbers of its entries, if both are in one record. */
  seqs?: readonly [debit: number, credit: number];
}>;

export interface Programme<A extends Act = Act, E = JsonValue> {
  /** Checks all rules of the programme; the rules of the accounts are checked afterwards. Changes nothing. */
  decide(act: A, context: DecisionContext): AcceptedAct<E> | Rejected;
  apply(act: A, effect: E, done: ApplyContext): void;
  /** The part of a transfer's `amount` that a revert with this act may move back. Default: all of it. */
  takeable?(act: A, partner: string, amount: number): number;
  /** Applies the notice of an act that another shard has decided. */
  receiveBroadcast(notice: JsonValue, partner: string, timeMs: number): void;
  /** Answers a query. Changes nothing. */
  answer(partner: string, ask: readonly JsonValue[], nowMs: number): JsonValue;
  /** The whole state as snapshot items. Their order depends only on what was applied; `restore` gets them in it. */
  items(): Iterable<readonly JsonValue[]>;
  restore(item: readonly JsonValue[]): void;
}

/** What the events of an accepted act are derived from. */
export type EventContext = Readonly<{
  effect: JsonValue;
  /** Log time of the record. */
  timeMs: number;
  /** The transfer that the act came with, after the record; `null` without one. */
  transfer: TransferView | ExpiredTransfer | null;
  /** The changes of balances on the record's shard. */
  changes: readonly Change[];
}>;
