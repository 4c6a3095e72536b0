/**
 * What travels between two shards: an array of parts, packed, in order. A channel is a session: it begins with a greeting
 * from either side, and nothing of an earlier session counts any more.
 */
import type { Objection } from "../../actors/ledger/precedence.ts";
import type { CreditRefusal } from "../../actors/records/command.ts";
import type { Leg, Purpose } from "../../actors/records/compound-command.ts";

export const PART = {
  greeting: 0,
  ask: 1,
  answer: 2,
  unpin: 3,
  messages: 4,
  acknowledge: 5,
  ask_legs: 6,
  answer_legs: 7,
  reserved: 8,
  release: 9,
  released: 10,
} as const;

/** May this account be credited? Then it is to be pinned; the pin's number is the asker's own. */
export type Ask = readonly [
  pin: number,
  partner: string,
  account: string,
  amount: number,
  programme: string | null,
];

/** Nothing is against the credit, and the account is pinned. */
export const PINNED = 0;
/** It cannot be said now. */
export const NOT_NOW = 1;

export type PinAnswer = readonly [
  pin: number,
  verdict: typeof PINNED | typeof NOT_NOW | "account_not_found" | CreditRefusal,
  asset: string,
];

/**
 * May all these legs be moved? Then their accounts are to be pinned, or reserved under `id` where something is taken from
 * them; with `isDry` nothing is kept.
 */
export type LegsAsk = Readonly<{
  pin: number;
  partner: string;
  id: string;
  purpose: Purpose;
  isDry: boolean;
  /** That moves them, if one does. */
  programme: string | null;
  legs: readonly Leg[];
}>;

/** Of each leg what is said of it: see `LegReport`. `null`: it cannot be said now. */
export type LegsAnswer = readonly [
  pin: number,
  id: string,
  reports:
    | readonly (readonly [
        asset: string | null,
        objection: Objection | null,
        posted: number,
        held: number,
        seq: number,
      ])[]
    | null,
  isReserved: boolean,
];

export type Part =
  /** Numbers of messages, all durable: sent to the other side, received from it, and acknowledged by it. */
  | readonly [kind: typeof PART.greeting, sent: number, received: number, delivered: number]
  | readonly [kind: typeof PART.ask, asked: readonly Ask[]]
  | readonly [kind: typeof PART.answer, answers: readonly PinAnswer[]]
  /** The pin is not needed. */
  | readonly [kind: typeof PART.unpin, pin: number]
  /** Packed messages in order, logged by `timeMs` at the latest; the pin of each, 0 where it is not known. */
  | readonly [kind: typeof PART.messages, timeMs: number, packed: Uint8Array, pins: readonly number[]]
  /**
   * Messages `first` to `upTo` are durable in batch `epoch-seq`. Of each the accounts after it, those of its legs that are
   * no system accounts: posted, held, seq.
   */
  | readonly [
      kind: typeof PART.acknowledge,
      upTo: number,
      epoch: number,
      seq: number,
      accounts: readonly number[],
      first: number,
    ]
  | readonly [kind: typeof PART.ask_legs, asked: readonly LegsAsk[]]
  | readonly [kind: typeof PART.answer_legs, answers: readonly LegsAnswer[]]
  /** Comes before the greeting: what this side has reserved for transfers of the other. */
  | readonly [kind: typeof PART.reserved, ids: readonly string[]]
  /** The attempt is over and will never be committed. */
  | readonly [kind: typeof PART.release, id: string]
  /** Nothing is reserved for it any more, durably. */
  | readonly [kind: typeof PART.released, id: string];

/** What both sides of the protocol need of the channel that they share. */
export interface Session {
  /** Raised with every new channel: what was meant for an older one must not go out on this one. */
  readonly number: number;
  /** Both sides have greeted. */
  readonly connected: boolean;
  /** Names a question, and what is kept because of it, on this channel and all before it. */
  newPin(): number;
  /** Leaves at the end of this turn, with whatever else there is to say. */
  push(part: Part): void;
  flush(): void;
}
