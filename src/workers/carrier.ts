/**
 * What carries a shard: a thread now, a process next. The shard host is the same in either, and neither the
 * supervisor nor the gateway can tell them apart.
 */
import type { MessagePort } from "node:worker_threads";
import type { Failpoint } from "../shard/failpoint.ts";
import type { FromShard, ShardExit, ToShard } from "../shard/messages.ts";
import type { Witness } from "../wal/wal.ts";

/** All that a shard needs to begin. Plain data: it crosses threads. */
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
  allowWeakDurability: boolean;
  failpoints: readonly Failpoint[];
}>;

export interface RunningShard {
  post(message: Uint8Array<ArrayBuffer> | ToShard, transfer?: readonly (ArrayBuffer | MessagePort)[]): void;
  /** Resolves when the shard has ended, also when it could not begin. Never rejects. */
  readonly exited: Promise<ShardExit>;
}

export interface Carrier {
  readonly isolation: "threads" | "processes";
  start(init: ShardInit, onMessage: (message: Uint8Array | FromShard) => void): RunningShard;
  /** Ends what still runs. */
  close(): Promise<void>;
}
