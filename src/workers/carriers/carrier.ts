/**
 * What carries a shard: a thread or a process. The shard host is the same in either, and neither the supervisor nor
 * anybody who talks to a shard can tell them apart.
 */
import type { Witness } from "../../wal/wal.ts";
import type { ChannelEnd } from "../channels/open-channel.ts";
import type { JudgedClock } from "../shard/clock/log-clock.ts";
import type { Failpoint } from "../shard/failpoint.ts";
import type { FromShard, ShardExit, ToShard } from "../shard/messages.ts";

export type Isolation = "threads" | "processes";

/** All that a shard needs to begin. Plain data: it crosses threads and processes. */
export type ShardInit = Readonly<{
  shard: number;
  shards: number;
  generation: number;
  instance: string;
  walUrl: string;
  dataDir: string;
  /** What the archive holds of this shard: the log must still contain it. */
  archived: Witness | undefined;
  mayCreate: boolean;
  /** The newest epoch under which this server has claimed its log; absent before it has. */
  claimedEpoch?: number;
  /** This server has not served this log yet: whoever owned it before may not know that it has been replaced. */
  takesOver?: boolean;
  /** Seals the secrets that the shard makes. */
  secretKey: string;
  allowWeakDurability: boolean;
  failpoints: readonly Failpoint[];
  /** How the wall clock is to be taken; absent: as it is. */
  judgedClock?: JudgedClock;
}>;

export interface RunningShard {
  post(message: ToShard): void;
  /** Ends it at once, also one that hangs; it has crashed with this message. What it has in hand is lost. */
  end(message: string): void;
  /** Resolves when the shard has ended, also when it could not begin. Never rejects. */
  readonly exited: Promise<ShardExit>;
}

export interface Carrier {
  readonly isolation: Isolation;
  start(init: ShardInit, onMessage: (message: FromShard) => void): RunningShard;
  /** A channel between two parties of which one at least is a shard. */
  channel(): readonly [ChannelEnd, ChannelEnd];
  /** Ends what still runs. */
  close(): Promise<void>;
}
