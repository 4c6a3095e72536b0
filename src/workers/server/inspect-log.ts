/** Inspects the log before any shard starts: finds the number of shards and whether streams may be created. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Config } from "../../config.ts";
import type { Log } from "../../http/log/request-log.ts";
import { checkClaimant, inspectTail, mayCreateStreams } from "../../wal/inspect-tail.ts";
import { archiveBehind } from "../../wal/journal-errors.ts";
import { checkStore, openLogStream, openSnapshotStore } from "../../wal/open.ts";
import { inspectSlots } from "../../wal/snapshots/snapshot.ts";
import { trimmedUpTo } from "../../wal/trimmed-log.ts";
import { compareLogIds, LogError, type LogId, type LogStream } from "../../wal/wal.ts";
import { readWitness, type WitnessedClock } from "../../wal/witness.ts";

/** Part of every stream's name; increases with re-sharding. */
export const GENERATION = 1;
const RETRY_MS = 500;
const WARN_AGAIN_MS = 60_000;
/** Lower bound for the current time. To be raised with each release. */
const BUILT_MS = Date.UTC(2026, 10, 1);

/** The newest batch in the archive, by shard. */
type Positions = ReadonlyMap<number, Readonly<{ id: LogId }>>;
type Archive = Readonly<{ positions(): Promise<Positions> }>;

/** `mayCreate`: streams may be created, which is so only if no data of this server exists anywhere. */
type Findings = Readonly<{ shards: number; mayCreate: boolean }>;

/**
 * Inspects the log. Waits while it is unavailable or still loading, with a warning once a minute.
 *
 * @throws LogError the log cannot be used as it is, for example `log_lost_data` or `log_misconfigured`.
 */
export async function inspectLog(config: Config, archive: Archive, log: Log): Promise<Findings> {
  let warnedMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    try {
      return await inspect(config, archive);
    } catch (error) {
      if (!(error instanceof LogError && error.code === "log_unavailable")) throw error;
      const nowMs = performance.now();
      if (nowMs - warnedMs >= WARN_AGAIN_MS) {
        log.warn({ reason: error.message }, "waiting for the log");
        warnedMs = nowMs;
      }
    }
    await setTimeout(RETRY_MS);
  }
}

async function inspect(config: Config, archive: Archive): Promise<Findings> {
  if (!config.allowWeakDurability) await checkStore(config.walUrl);
  const open = (shard: number) =>
    openLogStream(config.walUrl, {
      generation: GENERATION,
      shard,
      allowWeakDurability: config.allowWeakDurability,
    });
  const tail = await withStreams([open(0)], ([first]) => inspectTail(first as LogStream));
  const recorded = tail?.claim.claimant;
  // One core for each gateway, the rest for shards: docs/adr/0005.
  const shards = config.shards ?? recorded?.shards ?? Math.max(1, availableParallelism() - config.gateways);
  // A changed SHARDS is reported first: otherwise streams that never existed would be reported as missing.
  if (recorded !== undefined) checkClaimant(open(0).name, recorded, { ...recorded, shard: 0, shards });
  const positions = await archive.positions();
  const streams = () => Array.from({ length: shards }, (_, shard) => open(shard));
  await withStreams(streams(), (opened) => checkReach(opened, positions, config));
  const remembered = Array.from({ length: shards }, (_, shard) => shard).some(
    (shard) => readWitness(config.dataDir, { generation: GENERATION, shard }) !== undefined,
  );
  if (positions.size > 0 || remembered || (await hasSnapshot(config, shards)))
    return { shards, mayCreate: false };
  const mayCreate = await withStreams(streams(), mayCreateStreams);
  if (mayCreate) checkBuildTime(Date.now());
  return { shards, mayCreate };
}

/** The clocks in all witness files. @throws LogError a file is damaged */
export function witnessedClocks({ dataDir }: Config, shards: number): readonly WitnessedClock[] {
  return Array.from({ length: shards }, (_, shard) => readWitness(dataDir, { generation: GENERATION, shard }))
    .map((witness) => witness?.clock)
    .filter((clock) => clock !== undefined);
}

/** Log time never goes back, so a wrong first time could not be corrected later. */
function checkBuildTime(nowMs: number): void {
  if (nowMs >= BUILT_MS) return;
  throw new LogError(
    "log_misconfigured",
    `the clock shows ${new Date(nowMs).toISOString()}, which is before this version was made: set it before the first start`,
  );
}

/** Trimmed batches exist only in the archive: one that lacks some would omit them from every statement. */
async function checkReach(
  streams: readonly LogStream[],
  archived: Positions,
  { dataDir }: Config,
): Promise<void> {
  for (const [shard, stream] of streams.entries()) {
    const trimmed = await trimmedUpTo(stream);
    const stored = archived.get(shard)?.id;
    if (trimmed === undefined || (stored !== undefined && compareLogIds(stored, trimmed) >= 0)) continue;
    throw archiveBehind(stream.name, trimmed, stored, join(dataDir, "archive"));
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

/** Closes the streams after use. */
async function withStreams<T>(
  streams: readonly LogStream[],
  use: (streams: readonly LogStream[]) => Promise<T>,
): Promise<T> {
  try {
    return await use(streams);
  } finally {
    await Promise.all(streams.map((stream) => stream.close()));
  }
}
