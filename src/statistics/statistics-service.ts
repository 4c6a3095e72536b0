/** Follows the archive of a server and keeps its statistics. */
import { NO_BATCH } from "../wal/frame.ts";
import { formatLogId, type Witness } from "../wal/wal.ts";
import type { ArchiveReader } from "./archive-reader.ts";
import { type Checkpoint, StatisticsUnusable } from "./checkpoint.ts";
import { OpenMinutes } from "./open-minutes.ts";
import { addRows, noRows } from "./rows.ts";
import { ServiceHealth } from "./service-health.ts";
import type { StatisticsStore } from "./store.ts";

export class StatisticsService {
  readonly #reader: ArchiveReader;
  readonly #store: StatisticsStore;
  readonly #minutes: OpenMinutes;
  readonly #health: ServiceHealth;
  /** The last batch that was read, by shard. */
  readonly #positions: Witness[];

  private constructor(
    reader: ArchiveReader,
    store: StatisticsStore,
    minutes: OpenMinutes,
    positions: readonly Witness[],
    health: ServiceHealth,
  ) {
    this.#reader = reader;
    this.#store = store;
    this.#minutes = minutes;
    this.#positions = [...positions];
    this.#health = health;
  }

  /**
   * Continues from the last checkpoint, or begins with the first record.
   *
   * @returns `undefined` while the server has logged nothing.
   * @throws StatisticsUnusable, ArchiveUnreadable, OperatingError
   */
  static async start(
    reader: ArchiveReader,
    store: StatisticsStore,
    health = new ServiceHealth(),
  ): Promise<StatisticsService | undefined> {
    const restored = await store.restore();
    if (restored !== undefined) {
      const { checkpoint, samples } = restored;
      checkIsOf(reader, checkpoint);
      return new StatisticsService(
        reader,
        store,
        new OpenMinutes(checkpoint, samples),
        checkpoint.positions,
        health,
      );
    }
    const shards = reader.shards();
    if (shards === undefined) return undefined;
    const positions = Array.from({ length: shards }, () => NO_BATCH);
    return new StatisticsService(reader, store, new OpenMinutes({ at: 0, positions }, []), positions, health);
  }

  /**
   * Reads the next batches of the shard that is furthest behind, writes their rows, and closes the minutes that are
   * complete.
   *
   * @returns whether there was something to read.
   * @throws ArchiveUnreadable, OperatingError. Then the service has to be started again from its checkpoint.
   */
  async step(): Promise<boolean> {
    const shards = [...this.#positions.keys()].toSorted(
      (a, b) => this.#minutes.newestMs(a) - this.#minutes.newestMs(b),
    );
    for (const shard of shards) {
      const batches = this.#reader.page(
        shard,
        (this.#positions[shard] ?? NO_BATCH).id,
        this.#store.pageBytes,
      );
      const last = batches.at(-1);
      if (last === undefined) continue;
      const rows = noRows();
      for (const batch of batches) this.#minutes.add(batch, addRows(rows, batch));
      await this.#store.writeRows(rows);
      this.#positions[shard] = last;
      this.#health.wrote(batches.length, rows);
      const readToMs = Math.min(...shards.map((each) => this.#minutes.newestMs(each)));
      if (readToMs > 0) this.#health.readToMs = readToMs;
      const closed = this.#minutes.close();
      if (closed !== undefined) {
        if (closed.samples.length > 0) await this.#store.writeSamples(closed.samples);
        this.#health.counts.samples += closed.samples.length;
        await this.#store.writeCheckpoint(closed.checkpoint);
      }
      return true;
    }
    await this.#store.flush();
    return false;
  }
}

/** @throws StatisticsUnusable the statistics were written from another log, or from one that lost its end. */
function checkIsOf(reader: ArchiveReader, { positions }: Checkpoint): void {
  for (const [shard, position] of positions.entries())
    if (!reader.holds(shard, position))
      throw new StatisticsUnusable(
        `the archive does not hold batch ${formatLogId(position.id)} of shard ${shard}, up to which the statistics were written`,
      );
}
