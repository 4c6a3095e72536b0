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
import type { Command, Fact, Limit, MessageNumber, Rejected } from "../records/command.ts";
import type { ExpiredTransfer, TransferView } from "../records/compound-command.ts";
import type { LedgerEvent } from "../records/event.ts";
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

/** What an act changes in the rules of an open account of its programme. */
export type AccountChange = Readonly<{
  id: string;
  status?: "open" | "frozen";
  limits?: readonly Limit[];
}>;

/** What a caller says about a revert. `by`: who reverts; `amount`: the part to move back, `null` for all. */
export type RevertTerms = Readonly<{
  kind: "return" | "correction";
  reason: string;
  by: string;
  amount: number | null;
}>;

/**
 * Declares the acts of a programme: by name, the fields that an act has besides the common ones, and its effect. All
 * other types of acts and effects follow from it.
 */
export type ActTable = Readonly<Record<string, Readonly<{ fields: object; effect: JsonValue }>>>;

/** An act without fields of its own. */
export type NoFields = Readonly<Record<never, never>>;

/** The acts of a table, or those with the names `K`. */
export type ActIn<A extends ActTable, K extends keyof A = keyof A> = {
  [Name in K]: Act<A[Name]["effect"]> & Readonly<{ act: Name }> & Readonly<A[Name]["fields"]>;
}[K];

/** Declares the questions that a programme answers: by name, the arguments and the answer, all plain JSON data. */
export type QuestionTable = Readonly<
  Record<string, Readonly<{ args: readonly JsonValue[]; answer: JsonValue }>>
>;

/** The outcome of an accepted act. `N`: the type of the programme's notices. */
export type AcceptedAct<E = JsonValue, N = JsonValue> = Readonly<{
  ok: true;
  /** The result that is logged; `apply` needs it in addition to the act. */
  effect: E;
  opens?: AccountOpening;
  /** Rejected with `account_closed` if the account is closed. */
  changes?: AccountChange;
  /** Id of an account to close. Its balance, holds and reservations must be zero. */
  closes?: string;
  /** Message to all other shards; they receive it in order. The act is answered once all of them have it. */
  notice?: N;
  /** The one shard that gets the notice. Only for a scheduled command, which nobody waits for. */
  noticeTo?: number;
}>;

export type Decision<E = JsonValue, N = JsonValue> = AcceptedAct<E, N> | Rejected;

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
  /** Id of the transfer that has claimed the name; empty if an act without a transfer did. */
  takenBy?: string;
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
  /** The messages that carry the act's notice. */
  told?: readonly MessageNumber[];
}>;

/** What the events of an accepted act are derived from. */
export type EventContext<E = JsonValue> = Readonly<{
  effect: E;
  /** Log time of the record. */
  timeMs: number;
  /** The transfer that the act came with, after the record; `null` without one. */
  transfer: TransferView | ExpiredTransfer | null;
  /** The changes of balances on the record's shard. */
  changes: readonly Change[];
}>;

/** By act: its events; an act without an entry has none. */
export type EventsByAct<A extends ActTable> = {
  readonly [K in keyof A]?: (
    act: ActIn<A, K>,
    context: EventContext<A[K]["effect"]>,
  ) => readonly LedgerEvent[];
};

/** By act: what all gateways must know of it; an act without an entry concerns only its shard. */
export type FactsByAct<A extends ActTable> = {
  readonly [K in keyof A]?: (act: ActIn<A, K>, effect: A[K]["effect"], partner: string) => readonly Fact[];
};

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
export type TransferWithAct<E = JsonValue> = Readonly<{
  id: string;
  /** The effect of its act. */
  effect?: E;
  /** Sequence numbers of its entries, if both are in one record. */
  seqs?: readonly [debit: number, credit: number];
}>;

/** By act: checks all rules of the programme; the rules of the accounts are checked afterwards. Changes nothing. */
export type Decisions<A extends ActTable, N = never> = {
  readonly [K in keyof A]: (act: ActIn<A, K>, context: DecisionContext) => Decision<A[K]["effect"], N>;
};

/** By act: writes an accepted act and its effect into the state. */
export type Changes<A extends ActTable> = {
  readonly [K in keyof A]: (act: ActIn<A, K>, effect: A[K]["effect"], done: ApplyContext) => void;
};

/** By question: answers it. Changes nothing. */
export type Answers<Q extends QuestionTable> = {
  readonly [K in keyof Q]: (partner: string, args: Q[K]["args"], nowMs: number) => Q[K]["answer"];
};

/** A programme as the shard calls it. Acts, effects, notices, questions and snapshot items are JSON here. */
export interface Programme {
  decide(act: Act, context: DecisionContext): Decision;
  apply(act: Act, effect: JsonValue, done: ApplyContext): void;
  /** The part of a transfer's `amount` that a revert with this act may move back. Default: all of it. */
  takeable?(act: Act, partner: string, amount: number): number;
  /** Decides what the notice of another shard does here besides. Changes nothing. `null`: nothing. */
  decideNotice(notice: JsonValue, partner: string): JsonValue;
  /** Applies the notice of an act that another shard has decided. @param effect from `decideNotice` */
  receiveBroadcast(notice: JsonValue, partner: string, timeMs: number, effect?: JsonValue): void;
  /** Shard `to` has made this shard's messages up to number `upTo` durable. */
  delivered?(to: number, upTo: number, timeMs: number): void;
  /** Answers a question. Changes nothing. @param ask its name and arguments */
  answer(partner: string, ask: readonly JsonValue[], nowMs: number): JsonValue;
  /** The whole state as snapshot items. Their order depends only on what was applied; `restore` gets them in it. */
  items(): Iterable<readonly JsonValue[]>;
  restore(item: readonly JsonValue[]): void;
  /** What a new gateway must know. Default: nothing. */
  facts?(): Iterable<Fact>;
  /** The keys that personal data in the state was encrypted with. Default: none. */
  personKeys?(): Iterable<PersonKeysUsed>;
}

/** Keys of persons: those of one store, up to a number. */
export type PersonKeysUsed = Readonly<{ store: string; upTo: number }>;

/** The typed parts of a programme, as JSON calls them. `D`: what its decisions return. */
type JsonTables<D> = Readonly<{
  decisions: Readonly<Record<string, (act: Act, context: DecisionContext) => D>>;
  changes: Readonly<Record<string, (act: Act, effect: JsonValue, done: ApplyContext) => void>>;
  answers: Readonly<
    Record<string, (partner: string, args: readonly JsonValue[], nowMs: number) => JsonValue>
  >;
  effectOfNotice(notice: JsonValue, partner: string): JsonValue;
  receive(notice: JsonValue, partner: string, timeMs: number, effect: JsonValue): void;
  restoreItem(item: readonly JsonValue[]): void;
}>;

/**
 * Calls the typed parts of a programme. `A`: its acts, `Q`: its questions, `N`: its notices, `I`: its snapshot items,
 * `E`: the effects of its notices.
 */
export abstract class TypedProgramme<
  A extends ActTable,
  Q extends QuestionTable,
  N extends JsonValue,
  I extends readonly JsonValue[],
  E extends JsonValue = null,
> implements Programme
{
  protected abstract readonly decisions: Decisions<A, N>;
  protected abstract readonly changes: Changes<A>;
  protected abstract readonly answers: Answers<Q>;

  abstract items(): Iterable<I>;
  protected abstract restoreItem(item: I): void;

  protected effectOfNotice(_notice: N, _partner: string): E | null {
    return null;
  }

  protected receive(_notice: N, _partner: string, _timeMs: number, _effect: E | null): void {
    throw new TypeError("the programme has no notices");
  }

  /**
   * The one cast of the programmes. All JSON that a programme gets was written from these types, by this version or an
   * older one: acts and questions by the functions in its `acts.ts`, the rest by the programme itself.
   */
  get #json(): JsonTables<Decision<A[keyof A]["effect"], N>> {
    return this as unknown as JsonTables<Decision<A[keyof A]["effect"], N>>;
  }

  decide(act: ActIn<A>, context: DecisionContext): Decision<A[keyof A]["effect"], N> {
    return entryOf(this.#json.decisions, "act", act.act)(act, context);
  }

  apply(act: ActIn<A>, effect: A[keyof A]["effect"], done: ApplyContext): void {
    entryOf(this.#json.changes, "act", act.act)(act, effect, done);
  }

  decideNotice(notice: JsonValue, partner: string): JsonValue {
    return this.#json.effectOfNotice(notice, partner);
  }

  receiveBroadcast(notice: JsonValue, partner: string, timeMs: number, effect: JsonValue = null): void {
    this.#json.receive(notice, partner, timeMs, effect);
  }

  answer(partner: string, [name, ...args]: readonly JsonValue[], nowMs: number): JsonValue {
    return entryOf(this.#json.answers, "query", typeof name === "string" ? name : "")(partner, args, nowMs);
  }

  restore(item: readonly JsonValue[]): void {
    this.#json.restoreItem(item);
  }
}

/** @throws TypeError for a name of a newer version */
function entryOf<T>(table: Readonly<Record<string, T>>, kind: string, name: string): T {
  const entry = Object.hasOwn(table, name) ? table[name] : undefined;
  if (entry === undefined) throw new TypeError(`unknown ${kind} ${name}`);
  return entry;
}

/**
 * Builds the acts of a programme.
 *
 * @returns a function of an act's name, its subject, and its own fields in the order in which the log gets them.
 */
export function actsOf<A extends ActTable>(programme: string) {
  return <K extends keyof A & string>(
    act: K,
    subject: string,
    fields: Readonly<A[K]["fields"]> & Pick<Act, "vnode" | "aliasOwner">,
  ): ActIn<A, K> => {
    const built: Act = { programme, act, subject, ...fields };
    // TypeScript does not see that these are the fields of `ActIn`.
    return built as ActIn<A, K>;
  };
}

/** Builds the questions to a programme. @returns a function; its `subject` is `null` for a question to every shard */
export function questionsOf<Q extends QuestionTable>(programme: string) {
  return <K extends keyof Q & string, S extends string | null>(
    name: K,
    subject: S,
    args: Q[K]["args"],
    place: Readonly<{ vnode?: number }> = {},
  ): Question<Q[K]["answer"]> & Readonly<{ subject: S }> => ({
    programme,
    subject,
    ...place,
    ask: [name, ...args],
  });
}
