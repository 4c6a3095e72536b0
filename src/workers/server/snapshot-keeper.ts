/**
 * Decides when snapshots are taken and how far logs are trimmed: never beyond the older of the two kept snapshots,
 * nor beyond what the archive has stored.
 */

import { messageOf } from "../../errors/error-message.ts";
import type { Log } from "../../http/log/request-log.ts";
import { compareLogIds, formatLogId, type LogId } from "../../wal/wal.ts";
import type { Recovery } from "../recovery/recover.ts";
import type { SnapshotReport } from "../recovery/take-snapshot.ts";
import type { ShardStats } from "../shard/stats.ts";

const CHECK_MS = 1_000;
/** Pause after a failure. */
const RETRY_MS = 60_000;
/** Pause after a snapshot, as a multiple of its duration: bounds the share of a core that snapshots use. */
const REST = 1;

/** The newest snapshot of a shard that this server has taken. */
export type LastSnapshot = Readonly<{
  position: string;
  records: number;
  bytes: number;
  ms: number;
  atMs: number;
}>;

type ShardNow = Readonly<{ shard: number; recovery: Recovery; stats: ShardStats | undefined }>;

export type SnapshotKeeperOptions = Readonly<{
  shards: () => Promise<readonly ShardNow[]>;
  /** The newest batch of a shard in the archive that also survives a power cut. */
  archived: (shard: number) => Promise<LogId | undefined>;
  /** @param epoch the shard's present epoch. */
  take: (shard: number, until: LogId, epoch: number) => Promise<SnapshotReport>;
  trim: (shard: number, below: LogId) => void;
  /** A snapshot is due after this many records, or after this time if there is any new record. */
  everyRecords: number;
  everyMs: number;
  log: Log;
}>;

interface ShardSnapshots {
  /** Number of records up to the newest snapshot. */
  records: number;
  /** When that was taken; for one of an earlier server, when this server first saw the shard. */
  sinceMs: number;
  notBeforeMs: number;
  /** An operator has requested a snapshot. */
  isRequested: boolean;
  /** Position of the older of the two kept snapshots. */
  older: LogId | undefined;
  trimmed: LogId | undefined;
  last: LastSnapshot | undefined;
}

export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  readonly #byShard = new Map<number, ShardSnapshots>();
  #timer: NodeJS.Timeout | undefined;
  #busy = false;
  failures = 0;
  taken = 0;

  constructor(options: SnapshotKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.check(), CHECK_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Requests a snapshot of every shard, to be taken as soon as possible. */
  async takeAll(): Promise<void> {
    for (const { shard, recovery } of await this.#options.shards())
      this.#snapshotsOf(shard, recovery).isRequested = true;
    void this.check();
  }

  last(shard: number): LastSnapshot | undefined {
    return this.#byShard.get(shard)?.last;
  }

  /** The result of `last` for every shard that has one. */
  get newest(): readonly (readonly [shard: number, snapshot: LastSnapshot])[] {
    return [...this.#byShard].flatMap(([shard, { last }]) =>
      last === undefined ? [] : [[shard, last] as const],
    );
  }

  /** Takes snapshots that are due, one shard after the other, and trims the logs. */
  async check(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (const { shard, recovery, stats } of await this.#options.shards()) {
        if (stats === undefined) continue;
        const snapshots = this.#snapshotsOf(shard, recovery);
        if (this.#isDue(snapshots, stats)) await this.#take(shard, snapshots, stats);
        await this.#trim(shard, snapshots);
      }
    } catch (error) {
      // The archive has failed, which ends the server.
      this.#options.log.warn({ reason: String(error) }, "the logs could not be trimmed");
    } finally {
      this.#busy = false;
    }
  }

  #snapshotsOf(shard: number, { snapshotRecords }: Recovery): ShardSnapshots {
    const known = this.#byShard.get(shard);
    if (known !== undefined) return known;
    const snapshots: ShardSnapshots = {
      records: snapshotRecords,
      sinceMs: performance.now(),
      notBeforeMs: 0,
      isRequested: false,
      older: undefined,
      trimmed: undefined,
      last: undefined,
    };
    this.#byShard.set(shard, snapshots);
    return snapshots;
  }

  #isDue(snapshots: ShardSnapshots, { records, durable }: ShardStats): boolean {
    if (durable.epoch === 0) return false;
    if (snapshots.isRequested) return true;
    const nowMs = performance.now();
    const since = records - snapshots.records;
    if (nowMs < snapshots.notBeforeMs || since <= 0) return false;
    return since >= this.#options.everyRecords || nowMs - snapshots.sinceMs >= this.#options.everyMs;
  }

  async #take(shard: number, snapshots: ShardSnapshots, { durable, epoch }: ShardStats): Promise<void> {
    const { log, take } = this.#options;
    snapshots.isRequested = false;
    try {
      const { snapshot, older, replayed, ms, passedOver } = await take(shard, durable, epoch);
      const { head, bytes } = snapshot;
      const nowMs = performance.now();
      Object.assign(snapshots, {
        records: head.records,
        sinceMs: nowMs,
        older,
        notBeforeMs: nowMs + REST * ms,
      });
      const position = `${shard}:${formatLogId(head.id)}`;
      snapshots.last = { position, records: head.records, bytes, ms, atMs: Date.now() };
      this.taken += 1;
      for (const reason of passedOver) log.warn({ shard, reason }, "a damaged snapshot was replaced");
      log.info({ shard, position, records: head.records, replayed, bytes, ms }, "snapshot");
    } catch (error) {
      this.failures += 1;
      snapshots.notBeforeMs = performance.now() + RETRY_MS;
      const reason = messageOf(error);
      log.error({ shard, reason }, "no snapshot could be taken: the log is not trimmed and grows");
    }
  }

  async #trim(shard: number, snapshots: ShardSnapshots): Promise<void> {
    const { older, trimmed } = snapshots;
    if (older === undefined || isAtOrAfter(trimmed, older)) return;
    const archived = await this.#options.archived(shard);
    if (archived === undefined) return;
    const below = compareLogIds(older, archived) < 0 ? older : archived;
    if (isAtOrAfter(trimmed, below)) return;
    snapshots.trimmed = below;
    this.#options.trim(shard, below);
  }
}

function isAtOrAfter(a: LogId | undefined, b: LogId): boolean {
  return a !== undefined && compareLogIds(a, b) >= 0;
}
