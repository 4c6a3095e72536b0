/**
 * What travels between two shards: an array of parts, packed, in order. A channel is a session: it begins with a greeting
 * from either side, and nothing of an earlier session counts any more.
 */
import type { CreditRefusal } from "../actors/command.ts";

export const PART = { greeting: 0, ask: 1, answer: 2, unpin: 3, credits: 4, acknowledge: 5 } as const;

/** May this account be credited? Then it is to be pinned; the pin's number is the asker's own. */
export type Ask = readonly [pin: number, partner: string, account: string, amount: number];

/** Nothing is against the credit, and the account is pinned. */
export const PINNED = 0;
/** It cannot be said now. */
export const NOT_NOW = 1;

export type PinAnswer = readonly [
  pin: number,
  verdict: typeof PINNED | typeof NOT_NOW | "account_not_found" | CreditRefusal,
  asset: string,
];

export type Part =
  /** Numbers of messages, all durable: sent to the other side, received from it, and acknowledged by it. */
  | readonly [kind: typeof PART.greeting, sent: number, received: number, delivered: number]
  | readonly [kind: typeof PART.ask, asked: readonly Ask[]]
  | readonly [kind: typeof PART.answer, answers: readonly PinAnswer[]]
  /** The pin is not needed. */
  | readonly [kind: typeof PART.unpin, pin: number]
  /** Packed `Credit` commands in order, logged by `timeMs` at the latest; the pin of each, 0 where it is not known. */
  | readonly [kind: typeof PART.credits, timeMs: number, packed: Uint8Array, pins: readonly number[]]
  /**
   * Credits up to `upTo` are durable in batch `epoch-seq`. Of each that was not acknowledged before, the account after it:
   * posted, held, seq.
   */
  | readonly [
      kind: typeof PART.acknowledge,
      upTo: number,
      epoch: number,
      seq: number,
      accounts: readonly number[],
    ];

/** What both sides of the protocol need of the channel that they share. */
export interface Session {
  /** Raised with every new channel: what was meant for an older one must not go out on this one. */
  readonly number: number;
  /** Both sides have greeted. */
  readonly connected: boolean;
  /** Leaves at the end of this turn, with whatever else there is to say. */
  push(part: Part): void;
  flush(): void;
}
