/**
 * Against a real ClickHouse: the server of CLICKHOUSE_TEST_URL, or the engine of the package `chdb`. `.ci/run` installs
 * that; half a gigabyte is too much for `npm ci`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClickHouseClient, createClient } from "@clickhouse/client";
import { afterAll, test } from "vitest";
import { ClickHouseStatistics } from "../../src/statistics/clickhouse-store.ts";
import { describeStore } from "./store-contract.ts";

const KEYS = {
  entries: "partner, account, at, shard, epoch, seq, record, part",
  transfers: "partner, transfer, at, shard, epoch, seq, record, part",
  events: "partner, at, shard, epoch, seq, record, part",
  samples: "partner, series, at",
} as const;

type Engine = (database: string) => Promise<ClickHouseClient>;

/** Creates an empty database, and connects to it. */
function serverAt(url: string): Engine {
  return async (database) => {
    const server = createClient({ url });
    await server.command({ query: `DROP DATABASE IF EXISTS ${database}` });
    await server.command({ query: `CREATE DATABASE ${database}` });
    await server.close();
    return createClient({ url, database });
  };
}

async function findEngine(): Promise<Engine | undefined> {
  const url = process.env["CLICKHOUSE_URL"];
  if (url !== undefined) return serverAt(new URL("/", url).href);
  // A package that is not in package.json: its types are not there either.
  const name = "chdb/connection";
  const found = (await import(name).catch(() => undefined)) as
    | Readonly<{ createChdbConnection: (options: { path: string }) => never }>
    | undefined;
  if (found === undefined) return undefined;
  const path = mkdtempSync(join(tmpdir(), "daybook-chdb-"));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  const client = createClient({ connection: found.createChdbConnection({ path }) } as object);
  afterAll(() => client.close());
  return async (database) => {
    await client.command({ query: `CREATE DATABASE ${database}` });
    await client.command({ query: `USE ${database}` });
    return client;
  };
}

const engine = await findEngine();
if (engine === undefined)
  test("ClickHouse is not there: `npm i --no-save chdb@3.4.0` runs these tests", ({ expect }) => {
    expect(engine).toBeUndefined();
  });
else {
  let databases = 0;
  describeStore(async () => {
    const database = `daybook_test_${databases++}`;
    const client = await engine(database);
    const store = await ClickHouseStatistics.open(client);
    const rows = async (table: keyof typeof KEYS) => {
      const found = await client.query({
        query: `SELECT * FROM ${database}.${table} FINAL ORDER BY ${KEYS[table]}`,
        format: "JSONEachRow",
      });
      return found.json();
    };
    return { store, rows };
  });
}
