/** The first look at the log, before any shard claims its stream. */
import { availableParallelism } from "node:os";
import { setTimeout } from "node:timers/promises";
import type { Config } from "../config.ts";
import type { Log } from "../http/request-log.ts";
import { openLogStream, openSnapshotStore } from "../wal/open.ts";
import { inspectSlots } from "../wal/snapshot.ts";
import { inspectTail, mayCreateStreams } from "../wal/tail.ts";
import { LogError, type LogStream } from "../wal/wal.ts";
import { readWitness } from "../wal/witness.ts";

/** Raised by re-sharding. */
export const GENERATION = 1;
const RETRY_MS = 500;

type Archive = Readonly<{ positions(): Promise<ReadonlyMap<number, unknown>> }>;

/** How many shards there are, and whether their streams may be made: only where nothing of this server exists. */
type Findings = Readonly<{ shards: number; mayCreate: boolean }>;

/** A log that is away, or still loading, is waited for; `/readyz` says so meanwhile. */
export async function inspectLog(config: Config, archive: Archive, log: Log): Promise<Findings> {
  for (;;) {
    try {
      return await inspect(config, archive);
    } catch (error) {
      if (!(error instanceof LogError && error.code === "log_unavailable")) throw error;
      log.warn({ reason: error.message }, "waiting for the log");
    }
    await setTimeout(RETRY_MS);
  }
}

async function inspect(config: Config, archive: Archive): Promise<Findings> {
  const open = (shard: number) =>
    openLogStream(config.walUrl, {
      generation: GENERATION,
      shard,
      allowWeakDurability: config.allowWeakDurability,
    });
  const tail = await look([open(0)], ([first]) => inspectTail(first as LogStream));
  const recorded = tail?.claim.claimant.shards;
  // A core is left to each gateway: docs/adr/0005.
  const shards = config.shards ?? recorded ?? Math.max(1, availableParallelism() - config.gateways);
  const archived = (await archive.positions()).size > 0;
  const remembered = Array.from({ length: shards }, (_, shard) => shard).some(
    (shard) => readWitness(config.dataDir, { generation: GENERATION, shard }) !== undefined,
  );
  if (archived || remembered || (await hasSnapshot(config, shards))) return { shards, mayCreate: false };
  const streams = Array.from({ length: shards }, (_, shard) => open(shard));
  return { shards, mayCreate: await look(streams, mayCreateStreams) };
}

async function hasSnapshot({ walUrl }: Config, shards: number): Promise<boolean> {
  for (let shard = 0; shard < shards; shard++) {
    const store = openSnapshotStore(walUrl, { generation: GENERATION, shard });
    try {
      if ((await inspectSlots(store)).some(({ kind }) => kind !== "empty")) return true;
    } finally {
      await store.close();
    }
  }
  return false;
}

async function look<T>(
  streams: readonly LogStream[],
  at: (streams: readonly LogStream[]) => Promise<T>,
): Promise<T> {
  try {
    return await at(streams);
  } finally {
    await Promise.all(streams.map((stream) => stream.close()));
  }
}
