/**
 * Against a real ClickHouse: the server of CLICKHOUSE_URL, or the engine of the package `chdb`. `.ci/run` installs
 * that; half a gigabyte is too much for `npm ci`.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClickHouseClient, createClient } from "@clickhouse/client";
import { afterAll, expect, test } from "vitest";
import { ClickHouseStatistics } from "../../src/statistics/clickhouse-store.ts";
import { addRows, noRows } from "../../src/statistics/rows.ts";
import type { StatisticsStore } from "../../src/statistics/store.ts";
import { LogWriter } from "../archive/ledger-writer.ts";
import { movement } from "./points-log.ts";
import { describeStore, type OpenStore } from "./store-contract.ts";

const STATISTICS_MD = readFileSync(join(import.meta.dirname, "../../docs/STATISTICS.md"), "utf8");

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
  const client = createClient({ connection: found.createChdbConnection({ path }) });
  afterAll(() => client.close());
  return async (database) => {
    await client.command({ query: `CREATE DATABASE ${database}` });
    await client.command({ query: `USE ${database}` });
    return client;
  };
}

let databases = 0;

async function openStore(engine: Engine): Promise<OpenStore & Readonly<{ client: ClickHouseClient }>> {
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
  return { store, rows, client };
}

/** Something of everything that the queries look for. */
async function fill(store: StatisticsStore): Promise<void> {
  const log = new LogWriter(0, Date.now() - 60_000);
  const rows = noRows();
  const { batch } = log.batch([
    log.created("acme", "alice"),
    log.transfer({ partner: "acme", debit: "@issuance", credit: "alice", amount: 100 }),
    log.refused({ partner: "acme", debit: "alice", credit: "@bank", amount: 900 }),
    movement(log, "acme", "ann", 10),
  ]);
  const changes = addRows(rows, { ...batch, shard: 0 });
  const at = Math.floor(Date.now() / 60_000) * 60_000;
  await store.writeRows(rows);
  await store.writeSamples(
    changes.map(([partner, series, value]) => ({ partner, series, at, value: BigInt(value) })),
  );
}

function testQueries(engine: Engine): void {
  const queries = [...STATISTICS_MD.matchAll(/```sql\n(.*?)```/gs)].map(([, query = ""]) => query);
  test("the handbook has ten queries, and each finds rows", async () => {
    expect(queries).toHaveLength(10);
    const { store, client } = await openStore(engine);
    await fill(store);
    for (const query of queries) {
      const query_params = { partner: "acme", account: "alice" };
      const found = await client.query({ query, query_params, format: "JSONEachRow" });
      expect(await found.json(), query).not.toEqual([]);
    }
  });
}

function testAbsence(): void {
  test("ClickHouse is not there: `npm i --no-save chdb@3.4.0` runs its tests", () => {
    expect(databases).toBe(0);
  });
}

const found = await findEngine();

function testEngine(engine: Engine): void {
  describeStore(() => openStore(engine));
  testQueries(engine);
}

if (found === undefined) testAbsence();
else testEngine(found);
