/** Inspects the end of a log without claiming it. */
import { corruptError } from "./chain.ts";
import { decodeFrame, FrameError } from "./frame.ts";
import { type Claim, type Claimant, LogError, type LogId, type LogStream, type StoredEntry } from "./wal.ts";

const READ_BYTES = 1 << 20;

export type Tail = Readonly<{
  /** The newest entry, claim or batch. */
  lastId: LogId;
  /** The last claim. If it was trimmed, the claimant is unknown and its `instance` is empty. */
  claim: Claim;
}>;

/**
 * Reads the newest entry and the last claim; `undefined` if the stream does not exist.
 *
 * @throws LogError `log_corrupt`: the newest entry or the claim is damaged.
 */
export async function inspectTail(stream: LogStream): Promise<Tail | undefined> {
  const last = await stream.last();
  if (last === undefined) return undefined;
  const newest = decode(stream.name, last);
  if (newest.kind === "claim") return { lastId: last.id, claim: toClaim(newest) };
  const claimId = { epoch: last.id.epoch, seq: 0 };
  const bytes = await stream.find(claimId);
  const claim = bytes && decode(stream.name, { id: claimId, bytes });
  if (claim?.kind === "claim") return { lastId: last.id, claim: toClaim(claim) };
  const claimant = { instance: "", generation: 0, shard: 0, shards: newest.shards };
  return { lastId: last.id, claim: { id: claimId, claimant, timeMs: newest.timeMs } };
}

/**
 * Checks that a log was written for the same shard and number of shards.
 *
 * @throws LogError `log_corrupt`: it is the log of another shard. `shard_count`: of another number of shards.
 */
export function checkClaimant(name: string, recorded: Claimant, claimant: Claimant): void {
  if (recorded.instance !== "" && recorded.shard !== claimant.shard) {
    throw new LogError(
      "log_corrupt",
      `${name} holds the log of shard ${recorded.shard}, not ${claimant.shard}: were files or keys renamed?`,
    );
  }
  if (recorded.shards !== claimant.shards) {
    throw new LogError(
      "shard_count",
      `${name} was written with SHARDS=${recorded.shards}, this server was started with SHARDS=${claimant.shards}: the number of shards of a log cannot be changed. Nothing is lost: start it with SHARDS=${recorded.shards}, or without SHARDS`,
    );
  }
}

/**
 * Whether missing streams may be created: only while no sibling holds a batch. Siblings with only claims are left by a
 * first start that was killed halfway.
 */
export async function mayCreateStreams(siblings: readonly LogStream[]): Promise<boolean> {
  for (const stream of siblings) {
    if (await holdsBatch(stream)) return false;
  }
  return true;
}

async function holdsBatch(stream: LogStream): Promise<boolean> {
  let after: LogId | undefined;
  for (;;) {
    const entries = await stream.read(after, READ_BYTES);
    if (entries.some((entry) => entry.id.seq > 0)) return true;
    after = entries.at(-1)?.id;
    if (after === undefined) return false;
  }
}

function decode(name: string, entry: StoredEntry) {
  try {
    return decodeFrame(entry.bytes, entry.id);
  } catch (error) {
    if (error instanceof FrameError) throw corruptError(name, entry.id, error.message, error);
    throw error;
  }
}

function toClaim(claim: Claim): Claim {
  return { id: claim.id, claimant: claim.claimant, timeMs: claim.timeMs };
}
