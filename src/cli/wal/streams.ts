/** Finds the streams of a log and opens them read-only. */
import { existsSync, readdirSync } from "node:fs";
import { SHARDS_MAX } from "../../bounds/shards-max.ts";
import { decodeFrame, type Frame, FrameError } from "../../wal/frame.ts";
import { openLogStream } from "../../wal/open.ts";
import { LogError, type LogStream, type StoredEntry } from "../../wal/wal.ts";
import { GENERATION } from "../../workers/server/inspect-log.ts";
import { OperatorError, UsageError } from "../errors.ts";
import { describeLocation, type LogSettings } from "../settings.ts";

const FIRST_BYTES = 1 << 16;

export type ShardStream = Readonly<{ generation: number; shard: number; stream: LogStream }>;

/** Bytes of the entries that writers remember together, in case the primary of a cluster changes meanwhile. */
const REMEMBERED_BYTES = 64 * 1024 * 1024;

/**
 * Opens the streams of all shards, or of one, calls `use`, and closes them. Claims and creates nothing.
 *
 * @param mayAppend opens them as a server does; else they can only be read.
 * @throws OperatorError if there is no log. @throws UsageError if it has no such shard.
 */
export async function withStreams<T>(
  settings: LogSettings,
  shard: number | undefined,
  use: (streams: readonly ShardStream[]) => Promise<T>,
  mayAppend = false,
): Promise<T> {
  const count = await countShards(settings);
  if (shard !== undefined && shard >= count) {
    throw new UsageError(`there is no shard ${shard}: this log has ${count} (0 to ${count - 1})`);
  }
  const shards = shard === undefined ? Array.from({ length: count }, (_, index) => index) : [shard];
  const streams = shards.map((each) => ({
    generation: GENERATION,
    shard: each,
    stream: mayAppend ? openForAppends(settings, each, count) : open(settings, each),
  }));
  try {
    return await use(streams);
  } finally {
    await Promise.all(streams.map(({ stream }) => stream.close()));
  }
}

/** @returns the decoded frame, or the reason why it is not one. */
export function tryDecode({ bytes, id }: StoredEntry): Frame | string {
  try {
    return decodeFrame(bytes, id);
  } catch (error) {
    if (error instanceof FrameError) return error.message;
    throw error;
  }
}

/** Ignores weak Redis settings, which only matter for writing. */
function open({ walUrl }: LogSettings, shard: number): LogStream {
  return openLogStream(walUrl, {
    generation: GENERATION,
    shard,
    readOnly: true,
    allowWeakDurability: true,
  });
}

function openForAppends(
  { walUrl, walReplicas: replicas }: LogSettings,
  shard: number,
  shards: number,
): LogStream {
  const rememberedBytes = REMEMBERED_BYTES / shards;
  return openLogStream(walUrl, { generation: GENERATION, shard, replicas, rememberedBytes });
}

/** Whether the log itself is damaged. */
export function isCorrupt(error: unknown): error is LogError {
  return error instanceof LogError && error.code === "log_corrupt";
}

/** The number of shards in any valid frame, or in the witnesses of DATA_DIR if whole streams are missing. */
async function countShards(settings: LogSettings): Promise<number> {
  const recorded = await findRecordedShards(settings);
  const count = Math.max(recorded ?? 0, countWitnessed(settings.dataDir));
  if (count > 0) return count;
  throw new OperatorError(
    `there is no log at ${describeLocation(settings.location)}: nothing was written there yet, or WAL_URL is wrong`,
  );
}

async function findRecordedShards(settings: LogSettings): Promise<number | undefined> {
  for (let shard = 0; shard < SHARDS_MAX; shard++) {
    const stream = open(settings, shard);
    try {
      const last = await stream.last();
      if (last === undefined) continue;
      // The newest entry may be damaged, so try the first ones too.
      for (const entry of [last, ...(await stream.read(undefined, FIRST_BYTES))]) {
        const frame = tryDecode(entry);
        if (typeof frame !== "string") return frame.kind === "claim" ? frame.claimant.shards : frame.shards;
      }
    } catch (error) {
      // The whole stream may be damaged: try the others.
      if (!isCorrupt(error)) throw error;
    } finally {
      await stream.close();
    }
  }
  return undefined;
}

function countWitnessed(dataDir: string): number {
  if (!existsSync(dataDir)) return 0;
  const shards = readdirSync(dataDir).flatMap((name) => {
    const found = /^witness-g(\d+)s(\d+)\.json$/.exec(name);
    return found?.[1] === String(GENERATION) ? [Number(found[2])] : [];
  });
  return shards.length === 0 ? 0 : Math.max(...shards) + 1;
}
