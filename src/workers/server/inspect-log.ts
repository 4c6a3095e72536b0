/** The first look at the log, before any shard claims its stream. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Config } from "../../config.ts";
import type { Log } from "../../http/log/request-log.ts";
import { archiveBehind } from "../../wal/journal-errors.ts";
import { openLogStream, openSnapshotStore } from "../../wal/open.ts";
import { inspectSlots } from "../../wal/snapshots/snapshot.ts";
import { checkRecorded, inspectTail, mayCreateStreams } from "../../wal/tail.ts";
import { trimmedUpTo } from "../../wal/trimmed.ts";
import { compareLogIds, LogError, type LogId, type LogStream } from "../../wal/wal.ts";
import { readWitness, type WitnessedClock } from "../../wal/witness.ts";

/** Raised by re-sharding. */
export const GENERATION = 1;
const RETRY_MS = 500;
const SAY_AGAIN_MS = 60_000;
/** This version is not older. To be raised with each release. */
const BUILT_MS = Date.UTC(2026, 10, 1);

/** By shard, the newest batch that it holds. */
type Positions = ReadonlyMap<number, Readonly<{ id: LogId }>>;
type Archive = Readonly<{ positions(): Promise<Positions> }>;

/** How many shards there are, and whether their streams may be made: only where nothing of this server exists. */
type Findings = Readonly<{ shards: number; mayCreate: boolean }>;

/** A log that is away, or still loading, is waited for; `/readyz` says so meanwhile, and the log once a minute. */
export async function inspectLog(config: Config, archive: Archive, log: Log): Promise<Findings> {
  let saidMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    try {
      return await inspect(config, archive);
    } catch (error) {
      if (!(error instanceof LogError && error.code === "log_unavailable")) throw error;
      const nowMs = performance.now();
      if (nowMs - saidMs >= SAY_AGAIN_MS) {
        log.warn({ reason: error.message }, "waiting for the log");
        saidMs = nowMs;
      }
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
  const recorded = tail?.claim.claimant;
  // A core is left to each gateway: docs/adr/0005.
  const shards = config.shards ?? recorded?.shards ?? Math.max(1, availableParallelism() - config.gateways);
  // Before streams are missed that never were.
  if (recorded !== undefined) checkRecorded(open(0).name, recorded, { ...recorded, shard: 0, shards });
  const positions = await archive.positions();
  const streams = () => Array.from({ length: shards }, (_, shard) => open(shard));
  await look(streams(), (opened) => checkReach(opened, positions, config));
  const remembered = Array.from({ length: shards }, (_, shard) => shard).some(
    (shard) => readWitness(config.dataDir, { generation: GENERATION, shard }) !== undefined,
  );
  if (positions.size > 0 || remembered || (await hasSnapshot(config, shards)))
    return { shards, mayCreate: false };
  const mayCreate = await look(streams(), mayCreateStreams);
  if (mayCreate) checkBuildTime(Date.now());
  return { shards, mayCreate };
}

/** The clocks of all witnesses. @throws LogError one is damaged */
export function witnessedClocks({ dataDir }: Config, shards: number): readonly WitnessedClock[] {
  return Array.from({ length: shards }, (_, shard) => readWitness(dataDir, { generation: GENERATION, shard }))
    .map((witness) => witness?.clock)
    .filter((clock) => clock !== undefined);
}

/** A log's first time is a bound for all others, so there is no way back from one that is wrong. */
function checkBuildTime(nowMs: number): void {
  if (nowMs >= BUILT_MS) return;
  throw new LogError(
    "log_misconfigured",
    `the clock shows ${new Date(nowMs).toISOString()}, which is before this version was made: set it before the first start`,
  );
}

/** What was trimmed is in the archive alone: one that lacks some of it would leave it out of every statement. */
async function checkReach(
  streams: readonly LogStream[],
  archived: Positions,
  { dataDir }: Config,
): Promise<void> {
  for (const [shard, stream] of streams.entries()) {
    const trimmed = await trimmedUpTo(stream);
    const held = archived.get(shard)?.id;
    if (trimmed === undefined || (held !== undefined && compareLogIds(held, trimmed) >= 0)) continue;
    throw archiveBehind(stream.name, trimmed, held, join(dataDir, "archive"));
  }
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
