/** Statistics in ClickHouse, in the database of `CLICKHOUSE_URL`. Each server needs a database of its own. */
import type { ClickHouseClient } from "@clickhouse/client";
import { messageOf } from "../errors/error-message.ts";
import { OperatingError } from "../errors/operating-error.ts";
import { type Checkpoint, checkpointOf, checkpointText, type Sample } from "./checkpoint.ts";
import type { Rows } from "./rows.ts";
import { KEPT_DAYS, type Series, type SeriesReader, type StatisticsStore } from "./store.ts";
import { type ColumnType, columnsOf, keyOf, TABLE_NAMES, type TableName } from "./tables.ts";

const TYPES: Readonly<Record<ColumnType, string>> = {
  text: "String",
  word: "LowCardinality(String)",
  whole: "Int64",
  time: "DateTime64(3, 'UTC')",
};
/** Rows and samples are replaced in the background by later ones with the same key; readers use FINAL or max. */
const REPLACING = "ENGINE = ReplacingMergeTree";
const SAMPLES = `
  CREATE TABLE IF NOT EXISTS samples (
    partner String, series LowCardinality(String), at DateTime64(3, 'UTC'), value Int128
  ) ${REPLACING} PARTITION BY toYear(at) ORDER BY (partner, series, at)`;
const CHECKPOINTS = `
  CREATE TABLE IF NOT EXISTS checkpoints (id UInt8, at DateTime64(3, 'UTC'), state String)
  ENGINE = ReplacingMergeTree(at) ORDER BY id`;
const LATEST_TRANSFERS = `
  CREATE VIEW IF NOT EXISTS latest_transfers AS
  SELECT * FROM transfers FINAL ORDER BY partner, transfer, at DESC, epoch DESC, seq DESC, record DESC
  LIMIT 1 BY partner, transfer`;
const NEWEST_CHECKPOINT = "SELECT state FROM checkpoints ORDER BY at DESC LIMIT 1";
const NEWEST_SAMPLES = `
  SELECT partner, series, toUnixTimestamp64Milli(max(at)) AS newest, toString(argMax(value, at)) AS value
  FROM samples WHERE at <= fromUnixTimestamp64Milli({at: Int64}) GROUP BY partner, series`;
/** The newest sample of each series at each moment. */
const VALUES = `
  SELECT toUnixTimestamp64Milli(moment) AS at, groupArray(value) AS values FROM (
    SELECT asked.moment AS moment, asked.place AS place, toString(found.value) AS value
    FROM (
      SELECT fromUnixTimestamp64Milli(arrayJoin({moments: Array(Int64)}), 'UTC') AS moment, 1 AS one,
        arrayJoin(arrayEnumerate({series: Array(String)})) AS place, {series: Array(String)}[place] AS series
    ) AS asked
    ASOF LEFT JOIN (SELECT series, at, value FROM samples WHERE partner = {partner: String}) AS found
    ON asked.series = found.series AND asked.moment >= found.at
    ORDER BY moment, place
  ) GROUP BY moment ORDER BY moment`;

/** @param client connected to the database of the statistics. */
export class ClickHouseSeries implements SeriesReader {
  protected readonly client: ClickHouseClient;

  constructor(client: ClickHouseClient) {
    this.client = client;
  }

  async read(partner: string, series: readonly string[], moments: readonly number[]): Promise<Series> {
    const [newest] = await this.query<{ at: string }>(
      "SELECT toString(toUnixTimestamp64Milli(max(at))) AS at FROM checkpoints",
      {},
    );
    const closedAt = Number(newest?.at ?? 0);
    const closed = moments.filter((at) => at <= closedAt);
    if (closed.length === 0) return { closedAt, values: [] };
    const rows = await this.query<{ at: string; values: string[] }>(VALUES, {
      partner,
      series,
      moments: closed,
    });
    return {
      closedAt,
      values: rows.map(({ at, values }) => ({ at: Number(at), values: values.map(BigInt) })),
    };
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  protected async query<T>(query: string, params: Readonly<Record<string, unknown>>): Promise<readonly T[]> {
    return orUnavailable(async () => {
      const found = await this.client.query({ query, query_params: { ...params }, format: "JSONEachRow" });
      return found.json<T>();
    });
  }
}

export class ClickHouseStatistics extends ClickHouseSeries implements StatisticsStore {
  /** Each insert makes a part for each table and month, which ClickHouse has to merge. */
  readonly pageBytes = 8 << 20;

  /**
   * Creates the tables that do not exist.
   *
   * @param rebuild drops what is there.
   * @throws OperatingError `statistics_unavailable`
   */
  static async open(
    client: ClickHouseClient,
    { rebuild = false }: Readonly<{ rebuild?: boolean }> = {},
  ): Promise<ClickHouseStatistics> {
    const store = new ClickHouseStatistics(client);
    if (rebuild) {
      await store.#command("DROP VIEW IF EXISTS latest_transfers");
      for (const table of [...TABLE_NAMES, "samples", "checkpoints"])
        await store.#command(`DROP TABLE IF EXISTS ${table} SYNC`);
    }
    for (const table of TABLE_NAMES) await store.#command(tableSql(table));
    for (const statement of [SAMPLES, CHECKPOINTS, LATEST_TRANSFERS]) await store.#command(statement);
    return store;
  }

  async restore(): Promise<Readonly<{ checkpoint: Checkpoint; samples: readonly Sample[] }> | undefined> {
    const [found] = await this.query<{ state: string }>(NEWEST_CHECKPOINT, {});
    if (found === undefined) return undefined;
    const checkpoint = checkpointOf(found.state);
    const rows = await this.query<{ partner: string; series: string; newest: string; value: string }>(
      NEWEST_SAMPLES,
      { at: checkpoint.at },
    );
    const samples = rows.map(({ partner, series, newest, value }) => ({
      partner,
      series,
      at: Number(newest),
      value: BigInt(value),
    }));
    return { checkpoint, samples };
  }

  async writeRows(rows: Rows): Promise<void> {
    for (const table of TABLE_NAMES) await this.#insert(table, Object.keys(columnsOf(table)), rows[table]);
  }

  async writeSamples(samples: readonly Sample[]): Promise<void> {
    const values = samples.map((sample) => ({ ...sample, value: String(sample.value) }));
    await this.#insert("samples", ["partner", "series", "at", "value"], values);
  }

  async writeCheckpoint(checkpoint: Checkpoint): Promise<void> {
    const row = { id: 1, at: checkpoint.at, state: checkpointText(checkpoint) };
    await this.#insert("checkpoints", ["id", "at", "state"], [row]);
  }

  /** Each insert is visible already. */
  async flush(): Promise<void> {}

  /** As arrays, without the names of the columns: they would be half of the bytes that ClickHouse has to read. */
  async #insert(table: string, columns: readonly string[], rows: readonly object[]): Promise<void> {
    if (rows.length === 0) return;
    // The tables name the columns of the rows, so each is there. A whole number is a time in ms.
    const values = (rows as readonly Readonly<Record<string, unknown>>[]).map((row) =>
      columns.map((column) => row[column]),
    );
    const [first = "", ...others] = columns;
    await orUnavailable(() =>
      this.client.insert({ table, columns: [first, ...others], values, format: "JSONCompactEachRow" }),
    );
  }

  async #command(query: string): Promise<void> {
    await orUnavailable(() => this.client.command({ query }));
  }
}

async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const message = `ClickHouse has failed: ${messageOf(cause)}`;
    throw new OperatingError("statistics_unavailable", message, { cause });
  }
}

/** `accounts` is small and kept for ever. */
function tableSql(table: TableName): string {
  const columns = Object.entries(columnsOf(table)).map(([name, type]) => `${name} ${TYPES[type]}`);
  const kept = table === "accounts" ? "" : ` TTL toDateTime(at) + INTERVAL ${KEPT_DAYS} DAY`;
  const partition = table === "accounts" ? "" : " PARTITION BY toYYYYMM(at)";
  return `CREATE TABLE IF NOT EXISTS ${table} (${columns.join(", ")}) ${REPLACING}${partition} ORDER BY (${keyOf(table).join(", ")})${kept}`;
}
