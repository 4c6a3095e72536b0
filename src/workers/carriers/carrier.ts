/**
 * A carrier runs shards in threads or in processes. The shard host is the same in both, and so is everything that the
 * supervisor, the gateways and the archive see of a shard.
 */
import type { Witness } from "../../wal/wal.ts";
import type { ChannelEnd } from "../channels/open-channel.ts";
import type { JudgedClock } from "../shard/clock/log-clock.ts";
import type { Failpoint } from "../shard/failpoint.ts";
import type { FromShard, ShardExit, ToShard } from "../shard/messages.ts";

export type Isolation = "threads" | "processes";

/** Start parameters of a shard. Plain data, because it crosses threads and processes. */
export type ShardInit = Readonly<{
  shard: number;
  shards: number;
  generation: number;
  instance: string;
  walUrl: string;
  /** In a Redis Cluster: how many replicas must have an entry before it counts. */
  walReplicas: number;
  dataDir: string;
  /** The newest batch of this shard in the archive: the log must contain it. */
  archived: Witness | undefined;
  mayCreate: boolean;
  /** The newest epoch under which this server has claimed the log; absent before the first claim. */
  claimedEpoch?: number;
  /** This server has not served this log yet: a former owner may not know that it was replaced. */
  takesOver?: boolean;
  /** Key that seals the secrets which the shard generates. */
  secretKey: string;
  allowWeakDurability: boolean;
  failpoints: readonly Failpoint[];
  /** The main thread's judgement of the wall clock; absent: the clock is trusted as it is. */
  judgedClock?: JudgedClock;
}>;

export interface RunningShard {
  post(message: ToShard): void;
  /** Kills the shard, even if it hangs; it counts as crashed with this message. Its open requests are lost. */
  end(message: string): void;
  /** Resolves when the shard has ended or could not start. Never rejects. */
  readonly exited: Promise<ShardExit>;
}

export interface Carrier {
  readonly isolation: Isolation;
  start(init: ShardInit, onMessage: (message: FromShard) => void): RunningShard;
  /** The ends of a new channel; at least one of them is for a shard. */
  channel(): readonly [ChannelEnd, ChannelEnd];
  /** Ends all shards that still run. */
  close(): Promise<void>;
}
