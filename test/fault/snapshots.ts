/** Servers that take snapshots often, on either store, with access to their snapshots and logs. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openLogStream, openSnapshotStore, streamKey } from "../../src/wal/open.ts";
import {
  checkSnapshot,
  inspectSlots,
  type StoredSnapshot,
  snapshotsIn,
} from "../../src/wal/snapshots/snapshot.ts";
import type { SnapshotStore } from "../../src/wal/snapshots/snapshot-store.ts";
import { countEntries } from "../../src/wal/sqlite/sqlite-stream.ts";
import { trimmedUpTo } from "../../src/wal/trimmed-log.ts";
import { formatLogId, type LogId, type LogStream } from "../../src/wal/wal.ts";
import { Load } from "../support/load.ts";
import type { RedisServer } from "../support/redis.ts";
import {
  makePartner,
  operator,
  type ServerProcess,
  type Settings,
  testFolder,
  testRedis,
  testServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { readAll } from "../wal/log-stream-contract.ts";

export const SHARDS = 2;
/** With SNAPSHOT_RECORDS=100 this many records trigger a snapshot of every shard. */
const OPERATIONS = 300;
const ALL = Array.from({ length: SHARDS }, (_, shard) => shard);
/** The machine may be busy, and snapshots have low priority. */
const SNAPSHOT_MS_MAX = 60_000;

export type Store = "redis" | "sqlite";

export type SnapshotShard = Readonly<{
  shard: number;
  status: string;
  durable_position: string;
  recovery: Readonly<{ snapshot_position: string | null; replayed: number }>;
  snapshot: Readonly<{ position: string; records: number }> | null;
}>;

/** Settings, log and folders for a server. */
export class SnapshotPlace {
  readonly settings: Settings;
  readonly redis: RedisServer | undefined;
  readonly dataDir: string;

  /** @param redis the store, if the test inspects it directly. */
  constructor(settings: Settings & Readonly<{ DATA_DIR: string }>, redis: RedisServer | undefined) {
    this.dataDir = settings.DATA_DIR;
    this.redis = redis;
    this.settings = settings;
  }

  /** Everything is removed at the end of the test. */
  static async make(store: Store, settings: Settings): Promise<SnapshotPlace> {
    const redis = store === "redis" ? await testRedis() : undefined;
    const walUrl: Settings = redis === undefined ? {} : { WAL_URL: redis.url };
    const all = { DATA_DIR: testFolder(), SHARDS: String(SHARDS), ...walUrl, ...settings };
    return new SnapshotPlace(all, redis);
  }

  get walUrl(): string {
    return this.settings["WAL_URL"] ?? `sqlite:${join(this.dataDir, "wal")}`;
  }

  serve(): Promise<ServerProcess> {
    return testServer(this.settings);
  }

  /** The id up to which a log was trimmed. */
  trimmedUpTo(shard: number): Promise<LogId | undefined> {
    return this.#look(shard, trimmedUpTo);
  }

  /** Resolves when the log of every shard was trimmed. */
  async becomesTrimmed(): Promise<void> {
    const areTrimmed = async () => {
      const each = await Promise.all(ALL.map((shard) => this.trimmedUpTo(shard)));
      return each.every((position) => position !== undefined);
    };
    await until("the logs are trimmed", areTrimmed, SNAPSHOT_MS_MAX);
  }

  /** The number of entries in the log of each shard. */
  async lengths(): Promise<readonly number[]> {
    const client = this.redis?.client();
    if (client === undefined) return ALL.map((shard) => countEntries(this.#file(shard)));
    return Promise.all(ALL.map((shard) => client.xlen(streamKey(1, shard))));
  }

  /** The newest entry of a log. */
  async last(shard: number): Promise<LogId> {
    const entry = await this.#look(shard, (stream) => stream.last());
    if (entry === undefined) throw new Error(`the log of shard ${shard} is empty`);
    return entry.id;
  }

  /** Trims a log that no server uses, up to the first entry that satisfies the predicate. */
  async dropUntil(shard: number, isFirst: (id: LogId) => boolean): Promise<void> {
    const entries = await this.#look(shard, readAll);
    const first = entries.find(({ id }) => isFirst(id))?.id;
    if (first === undefined) throw new Error("there is no such entry");
    const client = this.redis?.client();
    await client?.xtrim(streamKey(1, shard), "MINID", "=", formatLogId(first));
    if (client !== undefined) return;
    const database = new DatabaseSync(this.#file(shard));
    database.prepare("DELETE FROM entry WHERE (epoch, seq) < (?, ?)").run(first.epoch, first.seq);
    database.close();
  }

  /** The complete snapshots of a shard, newest first. */
  kept(shard: number): Promise<readonly StoredSnapshot[]> {
    return this.#lookAtSnapshots(shard, async (store) => snapshotsIn(await inspectSlots(store)));
  }

  /** Those with a damaged chunk. */
  damaged(shard: number): Promise<readonly StoredSnapshot[]> {
    return this.#lookAtSnapshots(shard, async (store) => {
      const bad: StoredSnapshot[] = [];
      for (const snapshot of snapshotsIn(await inspectSlots(store)))
        await checkSnapshot(store, snapshot).catch(() => bad.push(snapshot));
      return bad;
    });
  }

  async #lookAtSnapshots<T>(shard: number, ask: (store: SnapshotStore) => Promise<T>): Promise<T> {
    const store = openSnapshotStore(this.walUrl, { generation: 1, shard, readOnly: true });
    try {
      return await ask(store);
    } finally {
      await store.close();
    }
  }

  /** Flips a bit in the middle of a chunk of a snapshot. */
  async damage(shard: number, slot: number, chunk: number): Promise<void> {
    const client = this.redis?.client();
    if (client !== undefined) {
      const key = `daybook:{g1s${shard}}:snapshot:${slot}`;
      const bytes = await client.lindexBuffer(key, chunk);
      if (bytes === null) throw new Error(`no chunk ${chunk} of ${key}`);
      await client.lset(key, chunk, flipped(bytes));
      return;
    }
    const database = new DatabaseSync(join(this.dataDir, "wal", `g1s${shard}.snapshots.sqlite`));
    const row = database.prepare("SELECT bytes FROM chunk WHERE slot = ? AND number = ?").get(slot, chunk);
    database
      .prepare("UPDATE chunk SET bytes = ? WHERE slot = ? AND number = ?")
      .run(flipped(row?.["bytes"] as Uint8Array), slot, chunk);
    database.close();
  }

  async #look<T>(shard: number, ask: (stream: LogStream) => Promise<T>): Promise<T> {
    const stream = openLogStream(this.walUrl, { generation: 1, shard, readOnly: true });
    try {
      return await ask(stream);
    } finally {
      await stream.close();
    }
  }

  #file(shard: number): string {
    return join(this.dataDir, "wal", `g1s${shard}.sqlite`);
  }
}

function flipped(bytes: Uint8Array): Buffer {
  const damaged = Buffer.from(bytes);
  const middle = damaged.length >> 1;
  damaged[middle] = (damaged[middle] ?? 0) ^ 4;
  return damaged;
}

export async function snapshotShards(server: ServerProcess): Promise<readonly SnapshotShard[]> {
  const client = operator(server);
  try {
    return (await client.get<{ data: SnapshotShard[] }>("/v1/admin/shards")).data;
  } finally {
    client.close();
  }
}

/** Resolves when the shard, or every shard, has a newer snapshot than now. */
export async function newSnapshots(
  server: ServerProcess,
  of: "every shard" | "any shard" = "every shard",
): Promise<void> {
  const before = await snapshotShards(server);
  const isNewer = ({ snapshot }: SnapshotShard, shard: number) =>
    (snapshot?.records ?? 0) > (before[shard]?.snapshot?.records ?? 0);
  const areNewer = async () => {
    const now = await snapshotShards(server);
    return of === "any shard" ? now.some(isNewer) : now.every(isNewer);
  };
  await until(`a new snapshot of ${of}`, areNewer, SNAPSHOT_MS_MAX);
}

/** Takes a snapshot of every shard; each must have new records since the last one. */
export async function takeSnapshots(server: ServerProcess): Promise<void> {
  const done = newSnapshots(server);
  const client = operator(server);
  const { status } = await client.send("POST", "/v1/admin/snapshots");
  client.close();
  if (status !== 202) throw new Error(`no snapshots: ${status}`);
  await done;
}

/**
 * Takes this many snapshots of every shard, each after some load. The load then stops, so that the result can be
 * checked.
 */
export async function loadAndSnapshots(server: ServerProcess, load: Load, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    const done = newSnapshots(server);
    load.begin(server.url, 4);
    await load.moreAcknowledged(OPERATIONS);
    await load.stop();
    await done;
  }
}

/** A cross-shard load, for a server that has a partner for it. */
export async function openLoad(server: ServerProcess): Promise<Load> {
  const load = new Load({ partnerKey: await makePartner(operator(server)), acrossShards: SHARDS });
  await load.open(server.url);
  return load;
}
