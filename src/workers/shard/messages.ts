/**
 * What travels between a gateway and a shard, over a channel of their own, and between the supervisor and a shard. Data
 * travels packed, many requests or replies in one message, so that a thousand of them cost one hand-over; control
 * messages are rare and plain.
 */
import type { LogPlace } from "../../actors/ledger/limits/claims.ts";
import type { QuotaName, Quotas } from "../../actors/quotas/default-quotas.ts";
import type { JsonValue } from "../../actors/records/act.ts";
import type { AccountView, Fact, Outcome } from "../../actors/records/command.ts";
import type { Move, Origin } from "../../actors/records/compound-command.ts";
import type { Refusal, TimeFault } from "../../actors/records/rejection.ts";
import { isExhaustion } from "../../errors/exhaustion.ts";
import type { LogErrorCode, LogId } from "../../wal/wal.ts";
import type { ChannelEnd } from "../channels/open-channel.ts";
import type { Recovery } from "../recovery/recover.ts";
import type { JudgedClock } from "./clock/log-clock.ts";
import type { ShardStats } from "./stats.ts";

/** What a request carries; the reply's shape follows it. */
export const REQUEST = { command: 0, transfers: 1, query: 2, learned: 3, dry_run: 4 } as const;

/**
 * A gateway's message is an array of `[number, kind, …]`; the number is the gateway's own and comes back with the reply.
 * Commands come packed, since their bytes go into the log as they are. `learned` has no reply: its number is that of the
 * facts that the gateway now knows.
 */
export type Request =
  | readonly [no: number, kind: typeof REQUEST.command, packed: Uint8Array]
  | readonly [no: number, kind: typeof REQUEST.transfers, packed: Uint8Array]
  | readonly [no: number, kind: typeof REQUEST.query, partner: string, query: Query]
  | readonly [no: number, kind: typeof REQUEST.learned]
  /** One packed transfer: the reply is what it would come to. */
  | readonly [no: number, kind: typeof REQUEST.dry_run, packed: Uint8Array];

export type Query =
  | readonly ["account", id: string]
  /** Those behind as many bytes are left out, but never the first. */
  | readonly ["accounts", ids: readonly string[], bytesMax: number | null]
  | readonly ["system_account", name: string]
  | readonly ["sums", allPartners: boolean]
  /** Nothing but the newest position that everything answered so far is in. */
  | readonly ["position"]
  /** The same, once this transfer is expired if its time is over. */
  | readonly ["transfer", id: string]
  /** The facts that never change of a transfer that is open here; of this owner alone, if one is named. */
  | readonly ["origin", id: string, owner: string | null]
  /** The first record of a key of this owner. */
  | readonly ["first", owner: string, key: string]
  /** By which transfers these were taken back, whose way back has its home here, as far as this shard remembers. */
  | readonly ["reverts", ids: readonly string[]]
  /** Log time. */
  | readonly ["time"]
  /** What counts against the partner's quotas here, and the quotas. */
  | readonly ["usage"]
  /** Copies of accounts and slices, packed as in an image: for dry runs of batches. */
  | readonly ["account_copies", of: CopiesOf]
  /** The moves that would release the reservation of another shard's pending transfer. */
  | readonly ["release_moves", id: string]
  /** From here on whatever is logged is later than `atMs`; what is due on the account is logged before. */
  | readonly ["tick", atMs: number, account: string]
  /** Put to a programme; the subject's own things that are due are ended before. */
  | readonly ["programme", name: string, subject: string | null, ask: readonly JsonValue[]]
  /**
   * Begins a consistent cut. A shard with accounts of the cut takes no messages of other shards from here on, and says which
   * it has. Every shard keeps the messages that it has sent until it is captured.
   */
  | readonly ["halt", cut: string, hasAccounts: boolean]
  /** Captures accounts, and what is on the way between them beyond the messages that the others have; goes on. */
  | readonly [
      "capture",
      cut: string,
      ids: readonly string[],
      heard: readonly (readonly [shard: number, upTo: number])[],
    ];

/** Accounts by id, and slices by system account and the account on whose vnode they are. */
export type CopiesOf = readonly [
  accounts: readonly string[],
  slices: readonly (readonly [name: string, counterparty: string])[],
];

/** What a query finds. Sums are decimal text, since they may leave the safe range. */
export interface QueryResults {
  account: AccountView | null;
  accounts: readonly AccountView[];
  system_account: readonly (readonly [asset: string, posted: string, held: string])[] | null;
  sums: readonly (readonly [asset: string, sum: string, accounts: number, sent: string, received: string])[];
  position: null;
  transfer: null;
  origin: Origin | null;
  first: readonly [epoch: number, seq: number, index: number, fingerprint: number] | null;
  /** `forgotten`: of what was taken back up to there only the archive knows; `null` while nothing was forgotten. */
  reverts: Readonly<{ by: readonly (string | null)[]; forgotten: LogPlace | null }>;
  /** Milliseconds since 1970. */
  time: number;
  usage: Readonly<{ used: Quotas; quotas: Quotas }>;
  account_copies: Uint8Array;
  release_moves: readonly Move[];
  /** False where log time is not there yet. */
  tick: boolean;
  programme: JsonValue;
  /** Of each other shard the number of the newest message that was received from it. `null`: there are too many cuts. */
  halt: readonly (readonly [shard: number, received: number])[] | null;
  /** `null`: the cut took too long, and is over. */
  capture: Readonly<{
    accounts: readonly AccountView[];
    inTransit: readonly (readonly [asset: string, amount: string])[];
  }> | null;
}

/**
 * The key was used before: where the record stands that holds the answer. With `FIRST` it is this request's own record:
 * its answer is to be found there, and is no repeat.
 */
export type Replayed = readonly [
  typeof REPLAYED,
  epoch: number,
  seq: number,
  index: number,
  first?: typeof FIRST,
];
export const REPLAYED = -1;
export const FIRST = 1;

/**
 * Certainly not done: the key is used for something else, or expired; or there is no room, no memory, or no way, for it now; or the
 * transfer is not open, and what became of it must be handed in; or log time forbids it (`TimeFault`), or a quota; or the
 * archive, once
 * it holds this shard's log up to `epoch-seq`, must be asked whether the command's name is taken (see claims.ts).
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

/** What a command came to: an outcome, or a word about its key. */
export type Decided = Outcome | Replayed | Refused;

/** Where else records were left: on other shards. */
export type Credits = readonly (readonly [shard: number, epoch: number, seq: number])[];

/**
 * A transfer with parts on other shards, once all are durable: where and when its own record stands, where theirs do, and
 * the outcome as a record on one shard would have it. `repeated`: the caller sent it again meanwhile.
 */
export type Settled = readonly [
  typeof SETTLED,
  epoch: number,
  seq: number,
  timeMs: number,
  credits: Credits,
  outcome: Uint8Array,
  repeated: boolean,
];
export const SETTLED = -3;

/**
 * In place of a reply: the request needs another shard, and its answer follows whenever that one has spoken. Until then
 * nothing else has to wait for it.
 */
export const AWAITED = -4;

/** In place of what a read finds: too much was due on its subject to be ended in time. */
export const UNANSWERED = -5;

/** In a batch of transfers: an id, the number of a rejection, or a word about its key. */
export type WireItem = string | number | Replayed | Refused;

/** A packed outcome, or one of the others. */
export type CommandReply = Uint8Array | Replayed | Refused | Settled;

/** A packed array of `WireItem`; those that were decided later are `nil` in it and follow by their index. */
export type TransfersReply =
  | Uint8Array
  | readonly [
      packed: Uint8Array,
      later: readonly (readonly [index: number, item: WireItem])[],
      credits: Credits,
    ];

export type Reply = readonly [no: number, result: unknown];

/** What a shard's message to a gateway is. */
export const TO_GATEWAY = { welcome: 0, facts: 1, available: 2, replies: 3 } as const;

export type ToGateway =
  /** The shard serves from now on; all that it knows of who may come in. */
  | readonly [kind: typeof TO_GATEWAY.welcome, facts: readonly Fact[]]
  /** To be confirmed by `learned`: what depends on these facts is told to nobody before all gateways know them. */
  | readonly [kind: typeof TO_GATEWAY.facts, no: number, facts: readonly Fact[]]
  /** The log has fallen silent, or answers again. */
  | readonly [kind: typeof TO_GATEWAY.available, available: boolean]
  /**
   * Replies that may leave, since the batch `epoch-seq` that they depend on is durable: of commands, the batch that holds
   * them; of reads, the newest one.
   */
  | readonly [
      kind: typeof TO_GATEWAY.replies,
      epoch: number,
      seq: number,
      timeMs: number,
      replies: readonly Reply[],
    ];

/** Whom a shard talks to: each over a channel of its own. */
export type Party =
  | Readonly<{ kind: "gateway"; number: number }>
  | Readonly<{ kind: "shard"; number: number }>
  | Readonly<{ kind: "archive" }>;

/** From the supervisor. */
export type ToShard =
  /** No shard has found a reason to refuse: claim the stream. */
  | Readonly<{ type: "claim" }>
  /** A new way to this party; an older one is void. */
  | Readonly<{ type: "channel"; party: Party; end: ChannelEnd }>
  /** This gateway has ended, and will not come back under this number. */
  | Readonly<{ type: "gateway_gone"; gateway: number }>
  /** All streams are claimed, and the channels to all shards that run are here: replay, then serve. */
  | Readonly<{ type: "proceed" }>
  /** Answer what is in hand, then end. */
  | Readonly<{ type: "stop" }>
  /** Nobody needs what the log holds below this any more. */
  | Readonly<{ type: "trim"; below: LogId }>
  /** How the wall clock is to be taken from now on. */
  | Readonly<{ type: "clock"; judged: JudgedClock }>
  | Readonly<{ type: "figures" }>;

/** To the supervisor. */
export type FromShard =
  /** It has checked and read its log, and waits for `claim`. */
  | Readonly<{ type: "inspected" }>
  | Readonly<{ type: "claimed"; epoch: number }>
  /** How far its recovery is, in one line. */
  | Readonly<{ type: "progress"; message: string }>
  /** What an operator should look into; the shard goes on. */
  | Readonly<{ type: "warning"; message: string }>
  | Readonly<{ type: "ready"; recovery: Recovery }>
  /** The log does not answer, or answers again. */
  | Readonly<{ type: "log"; available: boolean; warnings: readonly string[] }>
  /** The store of its log is nearly full, or no longer. */
  | Readonly<{ type: "full"; reason: string | null }>
  /** The channel to this party broke a while ago, and there is no new one. */
  | Readonly<{ type: "channel_missed"; party: Party }>
  | Readonly<{ type: "figures"; figures: ShardStats }>;

/** Why a shard ended; errors would lose their class and code on the way to another thread. */
/** `exhausted`: file descriptors, memory or room on a disk were missing (exhaustion.ts); it is nobody's fault in the shard. */
export type ShardExit = Readonly<{
  reason: "stopped" | "crashed" | "exhausted" | LogErrorCode;
  message: string;
}>;

/** The end of a shard that an error has ended. */
export function crashOf(error: unknown): ShardExit {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { reason: isExhaustion(error) ? "exhausted" : "crashed", message };
}
