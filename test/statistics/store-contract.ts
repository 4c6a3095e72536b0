/** What every store of statistics does, and the service with it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Archive } from "../../src/archive/store.ts";
import { OperatingError } from "../../src/errors/operating-error.ts";
import { ArchiveReader } from "../../src/statistics/archive-reader.ts";
import { StatisticsUnusable } from "../../src/statistics/checkpoint.ts";
import { StatisticsService } from "../../src/statistics/statistics-service.ts";
import type { StatisticsStore } from "../../src/statistics/store.ts";
import { SHARDS, type WrittenBatch } from "../archive/ledger-writer.ts";
import { Random } from "../support/random.ts";
import { type PointsLog, PointsModel, pointsLog } from "./points-log.ts";

/** A store, and a look at the rows that it keeps. */
export type OpenStore = Readonly<{
  store: StatisticsStore;
  /** All rows of a table, without duplicates, sorted by key. */
  rows: (table: "entries" | "transfers" | "events" | "samples") => Promise<readonly unknown[]>;
}>;

const PARTNERS = ["acme", "bolt", "corp"];
const SERIES = ["loyalty.outstanding"];
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

class ArchiveOfLog {
  readonly folder = mkdtempSync(join(tmpdir(), "daybook-statistics-"));
  readonly #archive = new Archive(join(this.folder, "archive"));

  constructor() {
    onTestFinished(() => {
      this.#archive.close();
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  append(batches: readonly WrittenBatch[]): void {
    for (const { shard, batch } of batches) this.#archive.append(shard, [batch]);
  }
}

/** Fails each write with some probability, before it is done or after. */
function failing(store: StatisticsStore, isFailing: () => boolean): StatisticsStore {
  const orFail =
    <A extends readonly unknown[]>(write: (...args: A) => Promise<void>) =>
    async (...args: A): Promise<void> => {
      if (isFailing()) throw new OperatingError("statistics_unavailable", "before the write");
      await write(...args);
      if (isFailing()) throw new OperatingError("statistics_unavailable", "after the write");
    };
  return {
    pageBytes: store.pageBytes,
    restore: () => store.restore(),
    read: (...args) => store.read(...args),
    close: () => store.close(),
    writeRows: orFail((rows) => store.writeRows(rows)),
    writeSamples: orFail((samples) => store.writeSamples(samples)),
    writeCheckpoint: orFail((checkpoint) => store.writeCheckpoint(checkpoint)),
    flush: orFail(() => store.flush()),
  };
}

/** Runs the service until it has read everything; it starts again after each failure. */
async function readAll(reader: ArchiveReader, store: StatisticsStore): Promise<void> {
  for (;;) {
    try {
      const service = await StatisticsService.start(reader, store);
      while ((await service?.step()) === true);
      return;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
    }
  }
}

async function expectSamples(store: StatisticsStore, { model, firstMs, lastMs }: PointsLog): Promise<void> {
  const moments = Array.from({ length: (lastMs - firstMs) / MINUTE_MS }, (_, i) => firstMs + i * MINUTE_MS);
  for (const partner of PARTNERS) {
    const { values, closedAt } = await store.read(partner, SERIES, moments);
    expect(closedAt).toBe(lastMs);
    expect(values).toEqual(moments.map((at) => ({ at, values: [model.at(partner, at)] })));
  }
}

/** @param open opens an empty store. */
export function describeStore(open: () => Promise<OpenStore>): void {
  test("60 samples an hour, each equal to the sum of balances at its minute, for 3 partners over all shards", async () => {
    const random = new Random(1);
    const log = pointsLog({ shards: SHARDS, partners: PARTNERS, minutes: 120, perMinute: 4 }, (max) =>
      random.below(max),
    );
    const archive = new ArchiveOfLog();
    archive.append(log.batches);
    const { store } = await open();
    await readAll(new ArchiveReader(archive.folder), store);
    await expectSamples(store, log);
    const hour = Array.from({ length: 60 }, (_, i) => log.firstMs + i * MINUTE_MS);
    expect((await store.read("acme", SERIES, hour)).values).toHaveLength(60);
  });

  test("after crashes between any two writes, and an hour without the service, the rows are the same", async () => {
    const random = new Random(2);
    const log = pointsLog({ shards: SHARDS, partners: PARTNERS, minutes: 90, perMinute: 4 }, (max) =>
      random.below(max),
    );
    const whole = new ArchiveOfLog();
    whole.append(log.batches);
    const straight = await open();
    await readAll(new ArchiveReader(whole.folder), straight.store);

    const archive = new ArchiveOfLog();
    const reader = new ArchiveReader(archive.folder);
    const crashed = await open();
    const store = failing(crashed.store, () => random.below(6) === 0);
    let appended = 0;
    while (appended < log.batches.length) {
      // Sometimes more than an hour of log time is appended while the service is stopped.
      const count = random.below(4) === 0 ? log.batches.length / 2 : random.below(40);
      archive.append(log.batches.slice(appended, appended + count));
      appended += Math.floor(count);
      await readAll(reader, store);
    }
    await expectSamples(crashed.store, log);
    for (const table of ["entries", "transfers", "events", "samples"] as const)
      expect(await crashed.rows(table), table).toEqual(await straight.rows(table));
  });

  test("an amount beyond 2^63 keeps all its digits", async () => {
    const { store } = await open();
    const value = 2n ** 64n + 1n;
    await store.writeSamples([{ partner: "acme", series: "topup.amount", at: MINUTE_MS, value }]);
    await store.writeCheckpoint({ at: HOUR_MS, positions: [] });
    expect(
      await store.read("acme", ["topup.amount", "topup.sales"], [0, MINUTE_MS, HOUR_MS, HOUR_MS + 1]),
    ).toEqual({
      closedAt: HOUR_MS,
      values: [
        { at: 0, values: [0n, 0n] },
        { at: MINUTE_MS, values: [value, 0n] },
        { at: HOUR_MS, values: [value, 0n] },
      ],
    });
  });

  test("statistics of another log are refused", async () => {
    const random = new Random(3);
    const { store } = await open();
    const logs = [1, 2].map(() =>
      pointsLog({ shards: SHARDS, partners: PARTNERS, minutes: 3, perMinute: 3 }, (max) => random.below(max)),
    );
    const [first, second] = logs.map(({ batches }) => {
      const archive = new ArchiveOfLog();
      archive.append(batches);
      return new ArchiveReader(archive.folder);
    }) as [ArchiveReader, ArchiveReader];
    await readAll(first, store);
    await expect(StatisticsService.start(second, store)).rejects.toThrow(StatisticsUnusable);
  });

  test("a server that has logged nothing has no statistics yet", async () => {
    const { store } = await open();
    const reader = new ArchiveReader(join(tmpdir(), "daybook-no-such-folder"));
    expect(await StatisticsService.start(reader, store)).toBeUndefined();
    expect(new PointsModel().at("acme", 0)).toBe(0n);
  });
}
