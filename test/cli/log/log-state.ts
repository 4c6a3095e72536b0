/** What the commands that repair a log may change, and whether a server would start on it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type RememberedEnd, rememberedEnd } from "../../../src/cli/log/remembered-end.ts";
import { readLogSettings } from "../../../src/cli/settings.ts";
import { readAcceptedLosses } from "../../../src/wal/accepted-loss.ts";
import { openLogStream, openSnapshotStore } from "../../../src/wal/open.ts";
import { openForReading } from "../../../src/wal/sqlite/sqlite-read-only.ts";
import { formatLogId } from "../../../src/wal/wal.ts";
import { readWitness } from "../../../src/wal/witness.ts";
import { findConsistentEnds } from "../../../src/workers/recovery/consistent-ends.ts";
import { readAll } from "../../wal/log-stream-contract.ts";
import { type ServedLog, SHARDS } from "../served-log.ts";
import { placeOf } from "./trimmed-log.ts";

const ALL = Array.from({ length: SHARDS }, (_, shard) => shard);

/** Opens the streams for appends, as the commands and a server do. */
async function withStreams<T>(
  { env }: ServedLog,
  use: (streams: readonly ReturnType<typeof openLogStream>[]) => Promise<T>,
) {
  const streams = ALL.map((shard) => openLogStream(env["WAL_URL"] ?? "", { generation: 1, shard }));
  try {
    return await use(streams);
  } finally {
    await Promise.all(streams.map((stream) => stream.close()));
  }
}

/** Ids of everything that is stored, by shard. Positions of notes, without their times. */
export async function stateOf(log: ServedLog) {
  const { dataDir } = log;
  const logs = await withStreams(log, (streams) =>
    Promise.all(streams.map(async (stream) => (await readAll(stream)).map(({ id }) => formatLogId(id)))),
  );
  const snapshots = await Promise.all(
    ALL.map(async (shard) => (await placeOf(log).kept(shard)).map(({ head }) => formatLogId(head.id))),
  );
  const witnesses = ALL.map((shard) => {
    const witness = readWitness(dataDir, { generation: 1, shard });
    return witness && { id: formatLogId(witness.id), hash: Buffer.from(witness.hash).toString("hex") };
  });
  const notes = readAcceptedLosses(dataDir).map(({ shard, keptUpTo, lostUpTo }) => ({
    shard,
    keptUpTo,
    lostUpTo,
  }));
  const archived = idsInArchive(join(dataDir, "archive"));
  const givenUp = idsInArchive(join(dataDir, "given-up", "archive"));
  return { logs, snapshots, witnesses, notes, archived, givenUp };
}

function idsInArchive(folder: string): readonly string[] {
  const file = join(folder, "archive.sqlite");
  if (!existsSync(file)) return [];
  const { database } = openForReading(file);
  try {
    const id = "shard || ':' || epoch || '-' || seq AS id";
    const rows = database.prepare(`SELECT ${id} FROM batches ORDER BY shard, epoch, seq`).all();
    return rows.map((row) => String(row["id"]));
  } finally {
    database.close();
  }
}

/**
 * Whether a server refuses to start, since something remembers batches that a log lacks; or else, whether the logs fit
 * together.
 */
export async function startOn(log: ServedLog): Promise<"refused" | "consistent" | "inconsistent"> {
  const settings = readLogSettings({}, log.env);
  const file = join(log.dataDir, "archive", "archive.sqlite");
  const archive = existsSync(file) ? openForReading(file).database : undefined;
  try {
    return await withStreams(log, async (streams) => {
      const found: RememberedEnd[] = [];
      for (const [shard, stream] of streams.entries())
        found.push(await rememberedEnd(settings, { generation: 1, shard, stream }, SHARDS, archive));
      if (found.some(({ lost }) => lost.length > 0)) return "refused";
      const shards = found.map(({ origin, stream, end }) => {
        const snapshots = openSnapshotStore(settings.walUrl, { ...origin, readOnly: true });
        return { newest: end.newest, sources: { ...origin, stream, snapshots, archived: () => [] } };
      });
      const ends = await findConsistentEnds(shards);
      await Promise.all(shards.map(({ sources }) => sources.snapshots.close()));
      const newest = shards.map((shard) => formatLogId(shard.newest.id));
      return ends.every(({ id }, shard) => formatLogId(id) === newest[shard]) ? "consistent" : "inconsistent";
    });
  } finally {
    archive?.close();
  }
}
