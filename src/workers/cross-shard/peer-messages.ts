/**
 * Messages between two shards: each is a packed array of parts, handled in order. A channel is a session. It begins
 * with a greeting from each side; parts of an earlier session are ignored.
 */
import type { Objection } from "../../actors/ledger/precedence.ts";
import type { Leg, Purpose } from "../../actors/records/compound-command.ts";
import type { CreditRefusal } from "../../actors/records/rejection.ts";

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

/** Asks to pin an account for a credit. The requesting shard chooses the pin's number. */
export type PinRequest = readonly [
  pin: number,
  partner: string,
  account: string,
  amount: number,
  programme: string | null,
];

/** The credit is possible, and the account is pinned. */
export const PINNED = 0;
/** The shard cannot answer now; retry later. */
export const NOT_NOW = 1;

export type PinAnswer = readonly [
  pin: number,
  verdict: typeof PINNED | typeof NOT_NOW | "account_not_found" | CreditRefusal,
  asset: string,
];

/**
 * Asks whether all these legs can be moved. If so, accounts that are credited are pinned, and accounts that are
 * debited get a logged reservation under `id`. With `isDry` nothing is pinned or reserved.
 */
export type PrepareRequest = Readonly<{
  pin: number;
  partner: string;
  id: string;
  purpose: Purpose;
  isDry: boolean;
  /** The programme whose act moves them, if any. */
  programme: string | null;
  legs: readonly Leg[];
}>;

/** One report for each leg: see `LegReport`. `reports` is null: the shard cannot answer now. */
export type PrepareAnswer = readonly [
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
  /** Newest durable messages, by number: sent to the other side, received from it, and acknowledged by it. */
  | readonly [kind: typeof PART.greeting, sent: number, received: number, delivered: number]
  | readonly [kind: typeof PART.ask, asked: readonly PinRequest[]]
  | readonly [kind: typeof PART.answer, answers: readonly PinAnswer[]]
  /** The pin is not needed any more. */
  | readonly [kind: typeof PART.unpin, pin: number]
  /** Packed messages in order, logged at `timeMs` or earlier, and the pin of each; 0: none or unknown. */
  | readonly [kind: typeof PART.messages, timeMs: number, packed: Uint8Array, pins: readonly number[]]
  /**
   * Messages `first` to `upTo` are durable in batch `epoch-seq`. `accounts`: `posted, held, seq` after the message
   * for each of its accounts, system accounts excluded.
   */
  | readonly [
      kind: typeof PART.acknowledge,
      upTo: number,
      epoch: number,
      seq: number,
      accounts: readonly number[],
      first: number,
    ]
  | readonly [kind: typeof PART.ask_legs, asked: readonly PrepareRequest[]]
  | readonly [kind: typeof PART.answer_legs, answers: readonly PrepareAnswer[]]
  /** Sent before the greeting: ids of this side's reservations for transfers of the other side. */
  | readonly [kind: typeof PART.reserved, ids: readonly string[]]
  /** The attempt will never be committed: release its reservation. */
  | readonly [kind: typeof PART.release, id: string]
  /** The release is durable. */
  | readonly [kind: typeof PART.released, id: string];

/** The channel as the two sides of the protocol use it. */
export interface Session {
  /** Increases with every new channel. A delayed send compares it, so that it does not leave on a later channel. */
  readonly number: number;
  /** Both sides have greeted. */
  readonly connected: boolean;
  /** A number for a request and its pins; unique over all sessions of this run. */
  newPin(): number;
  /** Sends the part at the end of this turn, together with others. */
  push(part: Part): void;
  flush(): void;
}
