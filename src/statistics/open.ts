/** Opens the statistics where the settings say they are: in ClickHouse, or in a file in DATA_DIR. */
import type { ClickHouseClient } from "@clickhouse/client";
import { ClickHouseSeries, ClickHouseStatistics } from "./clickhouse-store.ts";
import { SqliteSeries, SqliteStatistics } from "./sqlite-store.ts";
import type { Series, SeriesReader, StatisticsStore } from "./store.ts";

export type StatisticsLocation = Readonly<{
  /** The server's DATA_DIR. */
  dataDir: string;
  /** With the database as its path; it may hold a password. */
  clickhouseUrl: string | undefined;
}>;

const REQUEST_TIMEOUT_MS = 30_000;

/** For the service, which is the only writer. @param options.rebuild drops what is there. */
export async function openStatistics(
  { dataDir, clickhouseUrl }: StatisticsLocation,
  options: Readonly<{ rebuild: boolean }>,
): Promise<StatisticsStore> {
  if (clickhouseUrl === undefined) return new SqliteStatistics(dataDir, options);
  return ClickHouseStatistics.open(await connect(clickhouseUrl), options);
}

/** For the server. Connects at the first read. */
export function openSeries({ dataDir, clickhouseUrl }: StatisticsLocation): SeriesReader {
  return clickhouseUrl === undefined ? new SqliteSeries(dataDir) : new RemoteSeries(clickhouseUrl);
}

class RemoteSeries implements SeriesReader {
  readonly #url: string;
  #series: Promise<SeriesReader> | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  async read(partner: string, series: readonly string[], moments: readonly number[]): Promise<Series> {
    this.#series ??= connect(this.#url).then((client) => new ClickHouseSeries(client));
    return (await this.#series).read(partner, series, moments);
  }

  async close(): Promise<void> {
    await (await this.#series)?.close();
  }
}

/** Loads the client only where it is needed, because loading it takes some 100 ms. */
async function connect(url: string): Promise<ClickHouseClient> {
  const { createClient } = await import("@clickhouse/client");
  return createClient({ url, request_timeout: REQUEST_TIMEOUT_MS, application: "daybook" });
}
