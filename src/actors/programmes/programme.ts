/**
 * The contract of a programme: what Daybook does for a business beside plain accounts, as loyalty points or vouchers.
 *
 * A programme is state on every shard, changed by acts alone. An act has a *subject* (a member, a customer, …), which
 * names the actor that decides it, and so its shard. What was decided goes into the log as the act's *effect*, and
 * `apply` makes it part of the state: live, in replay, and for snapshots alike. So everything here is pure: time and
 * randomness are handed in. docs/adding-a-programme.md goes through it step by step.
 */
import type { Account } from "../ledger/account.ts";
import type { Expiring } from "../ledger/limits/deadlines.ts";
import type { Act, JsonValue } from "../records/act.ts";
import type { Command, Rejected } from "../records/command.ts";

/**
 * What a command leaves behind that was not there before:
 * - `never`: it ends something, makes it smaller, or is needed so that others can end; no quota and no want of memory
 *   refuses it.
 * - `key`: at most the entry of its idempotency key.
 * - `hold`: a transfer that stays open, whose end will need a key.
 * - `more`: something else that stays, as an account or a voucher.
 */
export type Growth = "never" | "key" | "hold" | "more";

/** An account that an act opens, or opens again. Only its programme moves it. */
export type AccountOpening = Readonly<{ id: string; asset: string }>;

/** What an accepted act comes to. */
export type Effect<E = JsonValue> = Readonly<{
  ok: true;
  /** What `apply` needs beside the act itself. */
  effect: E;
  opens?: AccountOpening;
  /** An empty account that ends with its subject. */
  closes?: string;
  /** What all other shards must know before anybody is answered: they `hear` it, in order. */
  notice?: JsonValue;
}>;

export type Random = (bytes: number) => Uint8Array;

/** Makes of a secret what may stand in the log. `purpose`: what it is for; it opens for nothing else. */
export type Seal = (secret: Uint8Array, purpose: string, random: Random) => string;

/** Where an act is decided, and with what. */
export type DecisionContext = Readonly<{
  partner: string;
  /** The time of the batch that will hold the record. */
  nowMs: number;
  /** Of the transfer that the act comes with; 0 where there is none. */
  amount: number;
  /** The name that the act would take for ever (`claimOfAct`) is taken: it must be rejected. */
  isTaken?: boolean;
}>;

/** What was done, when it is applied. */
export type Done = Readonly<{
  partner: string;
  timeMs: number;
  /** The transfer that the act came with, and what it moved. */
  transfer: string | null;
  amount: number;
}>;

/** Something that ends by itself, at a time. */
export interface ScheduledCommand extends Expiring {
  readonly partner: string;
  /** Whoever asks about one of these must not see it once its time is over. */
  readonly subjects: readonly string[];
  /** Ends it. Decided and logged like any other command, by this shard alone; never refused. */
  command(): Command;
}

/** What a programme has of its shard. */
export type ProgrammeContext = Readonly<{
  shard: number;
  shards: number;
  /** An account of this shard. */
  account: (partner: string, id: string) => Account | undefined;
  /** Secure random bytes, for `decide` alone: what is made of them stands in the effect. */
  random: Random;
  /** For `decide` alone, as `random`; a shard that has none makes no secrets. */
  seal?: Seal | undefined;
  /** Counts what a partner keeps in memory: more of it, or less (negative). What is due counts by itself. */
  countBytes?: (partner: string, bytes: number) => void;
  /** Remembered until it is ended, or taken off. */
  scheduler: Readonly<{ add(item: ScheduledCommand): void; remove(item: ScheduledCommand): void }>;
}>;

/** A question to one subject's shard, or to all. `R` is what it answers: plain data. */
export type Question<R> = Readonly<{
  programme: string;
  /** `null`: it is put to every shard. */
  subject: string | null;
  /** Where it is put, when something else than the subject says so. */
  vnode?: number;
  ask: readonly JsonValue[];
  /** Never there: it carries the type of the answer. */
  answer?: R;
}>;

/** One that is put to one shard. */
export type QuestionTo<R> = Question<R> & Readonly<{ subject: string }>;

/** A transfer that came with an act, as a revert finds it. */
export type TransferWithAct = Readonly<{
  id: string;
  /** What the act has come to. */
  effect?: JsonValue;
  /** Of its entries, where it is one record. */
  seqs?: readonly [debit: number, credit: number];
}>;

export interface Programme<A extends Act = Act, E = JsonValue> {
  /** All rules of the programme; those of the accounts come after. The state stays as it is. */
  decide(act: A, context: DecisionContext): Effect<E> | Rejected;
  apply(act: A, effect: E, done: Done): void;
  /** How much may be moved back of the amount of a transfer, by its revert with this act; where it is not said, all. */
  takeable?(act: A, partner: string, amount: number): number;
  /** What an act on another shard has told all. */
  receiveBroadcast(notice: JsonValue, partner: string, timeMs: number): void;
  /** A read. The state stays as it is. */
  answer(partner: string, ask: readonly JsonValue[], nowMs: number): JsonValue;
  /** The whole state as items, in an order that depends on nothing but what was applied; `restore` takes them in it. */
  items(): Iterable<readonly JsonValue[]>;
  restore(item: readonly JsonValue[]): void;
}
