/**
 * Messages between a gateway and a shard, and between the supervisor and a shard. Data messages are packed and carry
 * many requests or replies, so that a thousand of them cost one hand-over between threads. Control messages are rare
 * and are sent as plain objects.
 */

import type { LogPlace } from "../../actors/ledger/limits/claims.ts";
import type { PersonKeysUsed } from "../../actors/programmes/programme.ts";
import type { QuotaName, Quotas } from "../../actors/quotas/default-quotas.ts";
import type { JsonValue } from "../../actors/records/act.ts";
import type { AccountView, Fact, Outcome } from "../../actors/records/command.ts";
import type { Move, Origin } from "../../actors/records/compound-command.ts";
import type { Refusal, TimeFault } from "../../actors/records/rejection.ts";
import { isExhaustion } from "../../errors/exhaustion.ts";
import type { ShardTimes } from "../../tracing/shard-times.ts";
import type { LogErrorCode, LogId } from "../../wal/wal.ts";
import type { ChannelEnd } from "../channels/open-channel.ts";
import type { Recovery } from "../recovery/recover.ts";
import type { JudgedClock } from "./clock/log-clock.ts";
import type { ShardStats } from "./stats.ts";

/** The kinds of requests; a reply's shape depends on the kind. */
export const REQUEST = { command: 0, transfers: 1, query: 2, learned: 3, dry_run: 4, traced: 5 } as const;

/**
 * A gateway's message is an array of requests `[requestId, kind, …]`. The gateway chooses the id; the reply returns
 * it. Commands are packed, because their bytes go into the log unchanged. `learned` has no reply: its id is the
 * number of the facts message that the gateway confirms.
 */
export type UntracedRequest =
  | readonly [requestId: number, kind: typeof REQUEST.command, packed: Uint8Array]
  | readonly [requestId: number, kind: typeof REQUEST.transfers, packed: Uint8Array]
  | readonly [requestId: number, kind: typeof REQUEST.query, partner: string, query: Query]
  | readonly [requestId: number, kind: typeof REQUEST.learned]
  /** One packed command without a key: the reply is the outcome that it would have now. */
  | readonly [requestId: number, kind: typeof REQUEST.dry_run, packed: Uint8Array];

export type Request =
  | UntracedRequest
  /** As `request`. A message with its times and this number is sent before its reply. */
  | readonly [requestId: number, kind: typeof REQUEST.traced, request: UntracedRequest, trace: number];

export type Query =
  | readonly ["account", id: string]
  /** Stops before the account that would exceed `bytesMax` bytes of metadata, unless it is the first. */
  | readonly ["accounts", ids: readonly string[], bytesMax: number]
  | readonly ["system_account", name: string]
  /** The first system accounts after a name that were used on this shard, in order of their names. */
  | readonly ["system_accounts", after: string, limit: number]
  | readonly ["sums", allPartners: boolean]
  /** The reply carries only its position: the newest batch that any earlier reply depends on. */
  | readonly ["position"]
  /** As "position", after expiring this pending transfer if its time has come. */
  | readonly ["transfer", id: string]
  /** The immutable facts of a transfer that is pending here; `null` unless it has this owner, where one is given. */
  | readonly ["origin", id: string, owner: string | null]
  /** The first record of this owner's idempotency key. */
  | readonly ["first", owner: string, key: string]
  /** The transfers that reverted these, for transfers whose reverts have their home here, as far as memory reaches. */
  | readonly ["reverts", ids: readonly string[]]
  /** Log time. */
  | readonly ["time"]
  /** The partner's usage on this shard and its quotas. */
  | readonly ["usage"]
  /** Copies of accounts and slices, packed as in a snapshot: for dry runs of batches. */
  | readonly ["account_copies", of: CopiesOf]
  /** The moves that would release the reservation of another shard's pending transfer. */
  | readonly ["release_moves", id: string]
  /** Logs expiries due on the account by `atMs`; every later record has a later time. */
  | readonly ["tick", atMs: number, account: string]
  /** A query to a programme, answered after the due expiries of its subject. */
  | readonly ["programme", name: string, subject: string | null, ask: readonly JsonValue[]]
  /**
   * Begins a consistent cut. A shard with accounts of the cut stops handling messages of other shards and returns the
   * newest message that it has received from each. Every shard keeps the messages that it has sent until it is
   * captured.
   */
  | readonly ["halt", cut: string, hasAccounts: boolean]
  /**
   * Completes the cut: returns the accounts, and the amounts in transit between them. `received`: for each shard with
   * accounts the newest message that it had received from this shard.
   */
  | readonly [
      "capture",
      cut: string,
      ids: readonly string[],
      received: readonly (readonly [shard: number, upTo: number])[],
    ];

/** Accounts by id, and slices by system account and the account on whose vnode they are. */
export type CopiesOf = readonly [
  accounts: readonly string[],
  slices: readonly (readonly [name: string, counterparty: string])[],
];

type SystemBalances = readonly (readonly [asset: string, posted: string, held: string])[];

/** The result of each query. Sums are decimal text, because they may exceed the safe integers. */
export interface QueryResults {
  account: AccountView | null;
  /** `read`: how many of the ids were looked up. */
  accounts: Readonly<{ found: readonly AccountView[]; read: number }>;
  system_account: SystemBalances | null;
  system_accounts: readonly (readonly [name: string, balances: SystemBalances])[];
  sums: readonly (readonly [asset: string, sum: string, accounts: number, sent: string, received: string])[];
  position: null;
  transfer: null;
  origin: Origin | null;
  first: readonly [epoch: number, seq: number, index: number, fingerprint: number] | null;
  /** Reverts recorded up to `forgotten` are known only to the archive; `null`: this shard remembers all. */
  reverts: Readonly<{ by: readonly (string | null)[]; forgotten: LogPlace | null }>;
  /** Milliseconds since 1970. */
  time: number;
  usage: Readonly<{ used: Quotas; quotas: Quotas }>;
  account_copies: Uint8Array;
  release_moves: readonly Move[];
  /** False: log time has not reached `atMs` yet. */
  tick: boolean;
  programme: JsonValue;
  /** For each other shard, the number of the newest message received from it. `null`: too many cuts at once. */
  halt: readonly (readonly [shard: number, received: number])[] | null;
  /** `null`: the cut took too long and has expired. `accounts` is `null` if they exceed a page. */
  capture: Readonly<{
    accounts: readonly AccountView[] | null;
    inTransit: readonly (readonly [asset: string, amount: string])[];
  }> | null;
}

/**
 * The position of the record that holds the answer, because the idempotency key was used before. With `FIRST` it is the
 * record of this very request, so the answer is not marked as a replay.
 */
export type ReplayedFrom = readonly [
  typeof REPLAYED,
  epoch: number,
  seq: number,
  index: number,
  first?: typeof FIRST,
];
export const REPLAYED = -1;
export const FIRST = 1;

/**
 * The command was certainly not executed, and nothing was logged:
 * - the key belongs to another request or has expired (`Refusal`);
 * - `overloaded`, `heap_full`, `log_unavailable`: retry later;
 * - `not_open`: the transfer is not pending here; the gateway must look up its final state and send the command
 *   again;
 * - `quota_exceeded`, or a time that log time forbids (`TimeFault`);
 * - `ask_archive`: ask the archive whether the command's name is taken, once it holds this shard's log up to
 *   `epoch-seq` (see claims.ts).
 */
export type Refused =
  | readonly [
      typeof REFUSED,
      code:
        | Exclude<Refusal, "validation_failed" | "quota_exceeded">
        | "overloaded"
        | "heap_full"
        | "log_unavailable"
        | "not_open",
    ]
  | OverQuota
  | Invalid
  | AskArchive;
/** See `Exceeded`. */
export type OverQuota = readonly [
  typeof REFUSED,
  code: "quota_exceeded",
  quota: QuotaName,
  used: number,
  allowed: number,
];
/** See `TimeFault`. */
export type Invalid = readonly [
  typeof REFUSED,
  code: "validation_failed",
  path: TimeFault["path"],
  message: TimeFault["message"],
];
export type AskArchive = readonly [typeof REFUSED, code: typeof ASK_ARCHIVE, epoch: number, seq: number];
export const ASK_ARCHIVE = "ask_archive";
export const REFUSED = -2;

/** The result of a command on its shard. */
export type Decided = Outcome | ReplayedFrom | Refused;

/** Positions of the records that a transfer has on other shards. */
export type RemotePositions = readonly (readonly [shard: number, epoch: number, seq: number])[];

/**
 * A cross-shard transfer whose parts are all durable: position and time of its own record, positions of the others,
 * and the outcome as a single-shard record would have it. `repeated`: a retry that arrived while the transfer was in
 * progress.
 */
export type Settled = readonly [
  typeof SETTLED,
  epoch: number,
  seq: number,
  timeMs: number,
  credits: RemotePositions,
  outcome: Uint8Array,
  repeated: boolean,
];
export const SETTLED = -3;

/**
 * Sent first in place of a reply that has to wait (for another shard, an expiry or a confirmation). The reply follows
 * under the same id; later replies need not wait for it.
 */
export const DEFERRED = -4;

/** In place of a read's result: its subject had more due expiries than could be processed in time. */
export const UNANSWERED = -5;

/** One result in a batch of transfers: a transfer id, the number of a rejection, or one of the tuples. */
export type WireItem = string | number | ReplayedFrom | Refused;

/** `Uint8Array`: a packed outcome. */
export type CommandReply = Uint8Array | ReplayedFrom | Refused | Settled;

/** A packed array of `WireItem`. Items decided later are `nil` there, and follow in `later` with their index. */
export type TransfersReply =
  | Uint8Array
  | readonly [
      packed: Uint8Array,
      later: readonly (readonly [index: number, item: WireItem])[],
      credits: RemotePositions,
    ];

export type Reply = readonly [requestId: number, result: unknown];

/** The kinds of messages from a shard to a gateway. */
export const TO_GATEWAY = { welcome: 0, facts: 1, available: 2, replies: 3, times: 4 } as const;

export type ToGateway =
  /** The shard serves from now on. `facts`: all that it knows about partners and API keys. */
  | readonly [kind: typeof TO_GATEWAY.welcome, facts: readonly Fact[]]
  /** New facts, to be confirmed by `learned`. Replies that depend on them wait until all gateways have confirmed. */
  | readonly [kind: typeof TO_GATEWAY.facts, seq: number, facts: readonly Fact[]]
  /** Whether the log answers. */
  | readonly [kind: typeof TO_GATEWAY.available, available: boolean]
  /**
   * Replies whose batch `epoch-seq` is durable: for commands the batch that holds their record, for reads the newest
   * batch that they may have seen.
   */
  | readonly [
      kind: typeof TO_GATEWAY.replies,
      epoch: number,
      seq: number,
      timeMs: number,
      replies: readonly Reply[],
    ]
  /** Of a traced request, whose reply follows. */
  | readonly [kind: typeof TO_GATEWAY.times, trace: number, times: ShardTimes];

/** The other end of one of the shard's channels. */
export type Party =
  /** `follows`: it authenticates nobody, so no reply waits until it knows a fact. */
  | Readonly<{ kind: "gateway"; number: number; follows?: true }>
  | Readonly<{ kind: "shard"; number: number }>
  | Readonly<{ kind: "archive" }>;

/** From the supervisor. */
export type ToShard =
  /** Every shard has inspected its log without errors: claim the stream. */
  | Readonly<{ type: "claim" }>
  /** A new channel to this party; it replaces an older one. */
  | Readonly<{ type: "channel"; party: Party; end: ChannelEnd }>
  /** This gateway has ended. Its number is never used again. */
  | Readonly<{ type: "gateway_gone"; gateway: number }>
  /** All streams are claimed, and the channels to all running shards were sent: replay the rest, then serve. */
  | Readonly<{ type: "proceed" }>
  /** Answer the requests that have arrived, then end. */
  | Readonly<{ type: "stop" }>
  /** Log entries below this are no longer needed. */
  | Readonly<{ type: "trim"; below: LogId }>
  /** The main thread's newest judgement of the wall clock. */
  | Readonly<{ type: "clock"; judged: JudgedClock }>
  | Readonly<{ type: "stats" }>;

/** To the supervisor. */
export type FromShard =
  /** The log is checked and read; the shard waits for `claim`. */
  | Readonly<{ type: "inspected"; personKeys: readonly PersonKeysUsed[] }>
  | Readonly<{ type: "claimed"; epoch: number }>
  /** Progress of the recovery, in one line. */
  | Readonly<{ type: "progress"; message: string }>
  /** A problem that an operator should look into; the shard continues. */
  | Readonly<{ type: "warning"; message: string }>
  | Readonly<{ type: "ready"; recovery: Recovery }>
  /** Whether the log answers, and weak settings of it. */
  | Readonly<{ type: "log"; available: boolean; warnings: readonly string[] }>
  /** The store of the log is nearly full; `null`: it has room again. */
  | Readonly<{ type: "full"; reason: string | null }>
  /** The channel to this party broke and was not replaced in time. */
  | Readonly<{ type: "channel_missed"; party: Party }>
  | Readonly<{ type: "stats"; stats: ShardStats }>;

/**
 * Why a shard ended. Plain data, because errors lose their class and code on the way to another thread. `exhausted`:
 * the machine ran out of file descriptors, memory or disk space (exhaustion.ts); no fault of the shard.
 */
export type ShardExit = Readonly<{
  reason: "stopped" | "crashed" | "exhausted" | LogErrorCode;
  message: string;
}>;

/** The exit of a shard that this error has ended. */
export function crashOf(error: unknown): ShardExit {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { reason: isExhaustion(error) ? "exhausted" : "crashed", message };
}
