/**
 * Says when snapshots are taken, and what may be dropped from the logs after it: nothing that the older of the two kept
 * snapshots, or the archive, would still need.
 */
import type { Log } from "../../http/log/request-log.ts";
import { compareLogIds, formatLogId, type LogId } from "../../wal/wal.ts";
import type { Recovery } from "../recovery/recover.ts";
import type { SnapshotReport } from "../recovery/take-snapshot.ts";
import type { ShardStats } from "../shard/stats.ts";

const CHECK_MS = 1_000;
/** After a failure the next try comes so much later. */
const RETRY_MS = 60_000;
/** Taking one costs time on a core: afterwards there is none for as long as it took. */
const REST = 1;

/** Of the last snapshot of a shard that this server has taken. */
export type LastSnapshot = Readonly<{
  position: string;
  records: number;
  bytes: number;
  ms: number;
  atMs: number;
}>;

type ShardNow = Readonly<{ shard: number; recovery: Recovery; figures: ShardStats | undefined }>;

export type SnapshotKeeperOptions = Readonly<{
  shards: () => Promise<readonly ShardNow[]>;
  /** The newest batch of a shard that the archive holds, a power cut or not. */
  archived: (shard: number) => Promise<LogId | undefined>;
  /** @param epoch under which the shard owns its log now. */
  take: (shard: number, until: LogId, epoch: number) => Promise<SnapshotReport>;
  trim: (shard: number, below: LogId) => void;
  /** A snapshot is due after so many records, and after so long if there is any. */
  everyRecords: number;
  everyMs: number;
  log: Log;
}>;

interface Kept {
  /** Records in the log up to the newest snapshot; and since when it is the newest, as far as we know. */
  records: number;
  sinceMs: number;
  notBeforeMs: number;
  wanted: boolean;
  older: LogId | undefined;
  trimmed: LogId | undefined;
  last: LastSnapshot | undefined;
}

export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  readonly #kept = new Map<number, Kept>();
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

  /** One of every shard, as soon as may be. */
  async takeAll(): Promise<void> {
    for (const { shard, recovery } of await this.#options.shards())
      this.#keptOf(shard, recovery).wanted = true;
    void this.check();
  }

  last(shard: number): LastSnapshot | undefined {
    return this.#kept.get(shard)?.last;
  }

  /** By shard, those that `last` knows. */
  get newest(): readonly (readonly [shard: number, snapshot: LastSnapshot])[] {
    return [...this.#kept].flatMap(([shard, { last }]) =>
      last === undefined ? [] : [[shard, last] as const],
    );
  }

  /** Takes what is due, one shard after the other, and has trimmed what nobody needs. */
  async check(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (const { shard, recovery, figures } of await this.#options.shards()) {
        if (figures === undefined) continue;
        const kept = this.#keptOf(shard, recovery);
        if (this.#isDue(kept, figures)) await this.#take(shard, kept, figures);
        await this.#trim(shard, kept);
      }
    } catch (error) {
      // The archive is gone, and with it the server.
      this.#options.log.warn({ reason: String(error) }, "the logs could not be trimmed");
    } finally {
      this.#busy = false;
    }
  }

  #keptOf(shard: number, { snapshotRecords }: Recovery): Kept {
    const known = this.#kept.get(shard);
    if (known !== undefined) return known;
    const kept: Kept = {
      records: snapshotRecords,
      sinceMs: performance.now(),
      notBeforeMs: 0,
      wanted: false,
      older: undefined,
      trimmed: undefined,
      last: undefined,
    };
    this.#kept.set(shard, kept);
    return kept;
  }

  #isDue(kept: Kept, { records, durable }: ShardStats): boolean {
    if (durable.epoch === 0) return false;
    if (kept.wanted) return true;
    const nowMs = performance.now();
    const since = records - kept.records;
    if (nowMs < kept.notBeforeMs || since <= 0) return false;
    return since >= this.#options.everyRecords || nowMs - kept.sinceMs >= this.#options.everyMs;
  }

  async #take(shard: number, kept: Kept, { durable, epoch }: ShardStats): Promise<void> {
    const { log, take } = this.#options;
    kept.wanted = false;
    try {
      const { snapshot, older, replayed, ms, passedOver } = await take(shard, durable, epoch);
      const { head, bytes } = snapshot;
      const nowMs = performance.now();
      Object.assign(kept, { records: head.records, sinceMs: nowMs, older, notBeforeMs: nowMs + REST * ms });
      const position = `${shard}:${formatLogId(head.id)}`;
      kept.last = { position, records: head.records, bytes, ms, atMs: Date.now() };
      this.taken += 1;
      for (const reason of passedOver) log.warn({ shard, reason }, "a snapshot was bad");
      log.info({ shard, position, records: head.records, replayed, bytes, ms }, "snapshot");
    } catch (error) {
      this.failures += 1;
      kept.notBeforeMs = performance.now() + RETRY_MS;
      const reason = error instanceof Error ? error.message : String(error);
      log.error({ shard, reason }, "no snapshot could be taken: the log is kept, and grows");
    }
  }

  async #trim(shard: number, kept: Kept): Promise<void> {
    const { older, trimmed } = kept;
    if (older === undefined || isAtOrAfter(trimmed, older)) return;
    const archived = await this.#options.archived(shard);
    if (archived === undefined) return;
    const below = compareLogIds(older, archived) < 0 ? older : archived;
    if (isAtOrAfter(trimmed, below)) return;
    kept.trimmed = below;
    this.#options.trim(shard, below);
  }
}

function isAtOrAfter(a: LogId | undefined, b: LogId): boolean {
  return a !== undefined && compareLogIds(a, b) >= 0;
}
