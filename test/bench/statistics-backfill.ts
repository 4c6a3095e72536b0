/**
 * Measures how long the statistics need for a log that is there already, and a query over what they keep then. ClickHouse
 * is the engine of the package `chdb`, if that is installed.
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { createClient } from "@clickhouse/client";
import { Archive } from "../../src/archive/store.ts";
import { ArchiveReader } from "../../src/statistics/archive-reader.ts";
import { ClickHouseStatistics } from "../../src/statistics/clickhouse-store.ts";
import { SqliteStatistics, statisticsFolder } from "../../src/statistics/sqlite-store.ts";
import { StatisticsService } from "../../src/statistics/statistics-service.ts";
import type { StatisticsStore } from "../../src/statistics/store.ts";
import { LogWriter, SHARDS } from "../archive/ledger-writer.ts";
import { movement } from "../statistics/points-log.ts";
import type { BenchContext } from "./bench-context.ts";

/** Accruals; each makes two entries, a row of the transfer and two of its events. */
const ACCRUALS = { quick: 50_000, full: 500_000 } as const;
const BATCH = 500;
const MEMBERS = 1_000;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const DAYS = 365;
const PARTNER = "bench";
/** Has a sample for each minute of the year, which no number of entries can exceed. */
const BUSY_PARTNER = "busy";
/** Entries of the table that the query by day reads. */
const QUERIED = { quick: 500_000, full: 5_000_000 } as const;

/** A store, and what asks its database: the milliseconds of a statement. */
type Opened = Readonly<{ store: StatisticsStore; ask: (statement: string) => Promise<number> }>;

export async function measureBackfill(bench: BenchContext): Promise<void> {
  if (!bench.wants("statistics.backfill")) return;
  const accruals = bench.options.quick ? ACCRUALS.quick : ACCRUALS.full;
  const folder = bench.newFolder();
  fillArchive(folder, accruals);
  bench.say(`an archive of ${accruals} accruals is there`);
  await measureStore(bench, "sqlite", folder, accruals, openSqlite(folder));
  const clickhouse = await openClickHouse(folder);
  if (clickhouse === undefined)
    bench.say("ClickHouse is left out: npm i --no-save --ignore-scripts chdb@3.4.0");
  else await measureStore(bench, "clickhouse", folder, accruals, clickhouse);
}

/** Some of each day of a year, on all shards. */
function fillArchive(folder: string, accruals: number): void {
  const archive = new Archive(join(folder, "archive"));
  const firstMs = Date.now() - DAYS * DAY_MS;
  const logs = Array.from({ length: SHARDS }, (_, shard) => new LogWriter(shard, firstMs));
  const rounds = Math.ceil(accruals / BATCH / SHARDS);
  for (let round = 0; round < rounds; round++)
    for (const log of logs) {
      const records = Array.from({ length: BATCH }, (_, i) => movement(log, PARTNER, `m${i % MEMBERS}`, 1));
      archive.append(log.shard, [log.batch(records).batch]);
      log.wait((DAYS * DAY_MS) / rounds);
    }
  archive.close();
}

async function measureStore(
  bench: BenchContext,
  name: "sqlite" | "clickhouse",
  folder: string,
  accruals: number,
  { store, ask }: Opened,
): Promise<void> {
  const entries = 2 * accruals;
  const beganMs = performance.now();
  const before = process.cpuUsage();
  const service = await StatisticsService.start(new ArchiveReader(folder), store);
  while ((await service?.step()) === true) await setImmediate();
  const seconds = (performance.now() - beganMs) / 1000;
  const { user, system } = process.cpuUsage(before);
  const cpu = [(user + system) / entries];
  const emit = (suffix: string, unit: string, runs: readonly number[], settings = { entries }) =>
    bench.emit({ name: `statistics.${suffix}.${name}`, unit, settings, runs });
  emit("backfill", "entries/s", [entries / seconds]);
  emit("backfill.cpu", "µs of CPU per entry", cpu);
  const days = Array.from({ length: DAYS }, (_, day) => Date.now() - (DAYS - day) * DAY_MS);
  const series = "loyalty.earned";
  const minutes = Math.floor((DAYS * DAY_MS) / MINUTE_MS);
  const firstMs = Math.floor(Date.now() / MINUTE_MS - minutes) * MINUTE_MS;
  await store.writeSamples(
    Array.from({ length: minutes }, (_, minute) => {
      return { partner: BUSY_PARTNER, series, at: firstMs + minute * MINUTE_MS, value: BigInt(minute) };
    }),
  );
  await store.flush();
  const read = async () => {
    const { values } = await store.read(BUSY_PARTNER, [series], days);
    if (values.length < DAYS / 2) throw new Error(`${values.length} days`);
  };
  emit("year_of_days", "ms", await timesOf(bench, read));
  const queried = bench.options.quick ? QUERIED.quick : QUERIED.full;
  await ask(FILL[name](queried));
  const query = async () => void (await ask(BY_DAY[name]));
  emit("entries_by_day", "ms", await timesOf(bench, query), { entries: queried });
  await store.close();
}

async function timesOf({ options }: BenchContext, work: () => Promise<void>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let run = 0; run < options.runs; run++) {
    const beganMs = performance.now();
    await work();
    times.push(performance.now() - beganMs);
  }
  return times;
}

/** Adds entries of a partner, spread over a year and its accounts. */
const FILL = {
  sqlite: (entries: number) => `
    WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ${entries})
    INSERT INTO entries (partner, account, at, amount, balance, transfer, shard, epoch, seq, record, part)
    SELECT 'large', 'customer' || (n * ${MEMBERS} / ${entries}),
      ${Date.now() - DAYS * DAY_MS} + (n % (${entries} / ${MEMBERS})) * ${DAYS * DAY_MS} / (${entries} / ${MEMBERS}),
      1, n, 'transfer', 0, 1, n, 0, 0 FROM numbers`,
  clickhouse: (entries: number) => `
    INSERT INTO entries (partner, account, at, amount, balance, transfer, shard, epoch, seq, record, part)
    SELECT 'large', concat('customer', toString(intDiv(number * ${MEMBERS}, ${entries}))),
      fromUnixTimestamp64Milli(toInt64(${Date.now() - DAYS * DAY_MS} + (number % ${entries / MEMBERS}) * ${(DAYS * DAY_MS * MEMBERS) / entries}), 'UTC'),
      1, number, 'transfer', 0, 1, number, 0, 0 FROM numbers(${entries})
    SETTINGS max_partitions_per_insert_block = 0`,
} as const;

const BY_DAY = {
  sqlite: `SELECT at / ${DAY_MS} AS day, count(*) AS entries, sum(amount) AS amount FROM entries
    WHERE partner = 'large' GROUP BY day`,
  clickhouse: `SELECT toDate(at) AS day, count() AS entries, sum(amount) AS amount FROM entries FINAL
    WHERE partner = 'large' GROUP BY day ORDER BY day`,
} as const;

function openSqlite(folder: string): Opened {
  const store = new SqliteStatistics(folder);
  const database = new DatabaseSync(join(statisticsFolder(folder), "statistics.sqlite"));
  return { store, ask: async (statement) => database.prepare(statement).all().length };
}

async function openClickHouse(folder: string): Promise<Opened | undefined> {
  // A package that is not in package.json: its types are not there either.
  const name = "chdb/connection";
  const found = (await import(name).catch(() => undefined)) as
    | Readonly<{ createChdbConnection: (options: { path: string }) => never }>
    | undefined;
  if (found === undefined) return undefined;
  const client = createClient({ connection: found.createChdbConnection({ path: join(folder, "chdb") }) });
  await client.command({ query: "CREATE DATABASE statistics" });
  await client.command({ query: "USE statistics" });
  const ask = async (query: string) => {
    if (/^\s*INSERT/.test(query)) {
      await client.command({ query });
      return 0;
    }
    return (await (await client.query({ query, format: "JSONEachRow" })).json()).length;
  };
  return { store: await ClickHouseStatistics.open(client), ask };
}
