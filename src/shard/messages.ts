/**
 * What travels between the gateway and a shard. Data travels packed, many requests or replies in one
 * message, so that a thousand of them cost one hand-over; control messages are rare and plain.
 */
import type { MessagePort } from "node:worker_threads";
import type { AccountView, Fact } from "../actors/command.ts";
import type { LogErrorCode } from "../wal/wal.ts";
import type { ShardFigures } from "./figures.ts";

/** What a request carries; the reply's shape follows it. */
export const REQUEST = { command: 0, transfers: 1, query: 2 } as const;

/**
 * `[number, kind, …]`; the number is the gateway's own and comes back with the reply. Commands come packed, since
 * their bytes go into the log as they are.
 */
export type Request =
  | readonly [no: number, kind: typeof REQUEST.command, packed: Uint8Array]
  | readonly [no: number, kind: typeof REQUEST.transfers, packed: Uint8Array]
  | readonly [no: number, kind: typeof REQUEST.query, partner: string, query: Query];

export type Query =
  | readonly ["account", id: string]
  | readonly ["accounts", ids: readonly string[]]
  | readonly ["system_account", name: string]
  | readonly ["sums", allPartners: boolean]
  /** Nothing but the newest position that everything answered so far is in. */
  | readonly ["position"];

/** What a query finds. Sums are decimal text, since they may leave the safe range. */
export interface QueryResults {
  account: AccountView | null;
  accounts: readonly AccountView[];
  system_account: readonly (readonly [asset: string, posted: string, held: string])[] | null;
  sums: readonly (readonly [asset: string, sum: string, accounts: number])[];
  position: null;
}

/** The key was used before: where the record stands that holds the answer. */
export type Replayed = readonly [typeof REPLAYED, epoch: number, seq: number, index: number];
export const REPLAYED = -1;

/** Refused without a record: the key is used for something else, or expired, or there is no room for it. */
export type Refused = readonly [typeof REFUSED, code: string];
export const REFUSED = -2;

/** In a batch of transfers: an id, the number of a rejection, or one of the two above. */
export type WireItem = string | number | Replayed | Refused;

/** A packed outcome, or one of the two. */
export type CommandReply = Uint8Array | Replayed | Refused;

export type Reply = readonly [no: number, result: unknown];

/**
 * Replies that may leave, since the batch `epoch-seq` that they depend on is durable: of commands, the batch
 * that holds them; of reads, the newest one. Facts come before any reply that tells of them.
 */
export type ReplyGroup = readonly [
  epoch: number,
  seq: number,
  timeMs: number,
  facts: readonly Fact[],
  replies: readonly Reply[],
];

/** From the supervisor. */
export type ToShard =
  /** All streams are claimed: replay, then serve. */
  | Readonly<{ type: "proceed" }>
  /** Answer what is in hand, then end. */
  | Readonly<{ type: "stop" }>
  | Readonly<{ type: "figures" }>
  | Readonly<{ type: "archive"; port: MessagePort }>;

/** From the shard. Packed replies come as bytes instead. */
export type FromShard =
  | Readonly<{ type: "claimed"; epoch: number }>
  | Readonly<{ type: "ready"; facts: readonly Fact[] }>
  /** The log does not answer, or answers again. */
  | Readonly<{ type: "log"; available: boolean; warnings: readonly string[] }>
  | Readonly<{ type: "figures"; figures: ShardFigures }>;

/** Why a shard ended; errors would lose their class and code on the way to another thread. */
export type ShardExit = Readonly<{ reason: "stopped" | "crashed" | LogErrorCode; message: string }>;
