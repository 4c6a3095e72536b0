/**
 * A greedy partner or wallet user, and another one that works at a steady rate and must never be refused. Run by hand
 * with ATTACK_SECONDS=30 for the bounds that hold on an otherwise idle machine. PRINT=1 prints the measurements.
 */
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { shardOfVnode, vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import { TestServer } from "../integration/programmes/test-server.ts";
import { Wallets } from "../integration/programmes/wallets.ts";
import { Client, sendUntilDone } from "../support/server.ts";
import { until } from "../support/until.ts";
import type { Load, Taken } from "./load-thread.ts";

const ATTACK_SECONDS = Number(process.env["ATTACK_SECONDS"] ?? 0.5);
const PRINT = process.env["PRINT"] !== undefined;
const IS_BY_HAND = ATTACK_SECONDS >= 10;
const WARM_UP_SECONDS = IS_BY_HAND ? 1 : 0.25;
/** Requests measured of each load; fewer would prove nothing. */
const ANSWERS_MIN = 10;
/** Requests measured of each of two loads that are compared. */
const SHARE_ANSWERS_MIN = 40;

/** p99 during an attack: below this, or below twice the p99 without it. */
const P99_MS_MAX = 50;
/** Tolerance for a machine that runs other tests at the same time. */
const P99_BUSY_MS = IS_BY_HAND ? 0 : 20_000;
/** Maximum ratio between two equally greedy partners. */
const SHARE_RATIO_MAX = IS_BY_HAND ? 1.2 : 2;

const PER_SECOND = IS_BY_HAND ? 500 : 300;
/** How many times as many connections one of two greedy partners has. */
const MORE_CONNECTIONS = [1, 3];
const SHARDS = 2;
const ACCOUNTS = 200;
const METADATA = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`key${i}`, "x".repeat(500)]));

/** A request as text on the wire. */
function wire(method: string, path: string, key: string, body?: unknown): Uint8Array {
  const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n`;
  if (body === undefined) return Buffer.from(`${head}\r\n`);
  const text = JSON.stringify(body);
  return Buffer.from(
    `${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

class LoadThread {
  readonly #worker: Worker;

  constructor(url: string, load: Omit<Load, "host" | "port">) {
    const { hostname, port } = new URL(url);
    const workerData: Load = { ...load, host: hostname, port: Number(port) };
    this.#worker = new Worker(new URL("./load-thread.ts", import.meta.url), { workerData });
    onTestFinished(() => this.end());
  }

  /** Resets the counts. */
  begin(): void {
    this.#worker.postMessage("begin", []);
  }

  /** The answers since the last reset. */
  taken(): Promise<Taken> {
    return new Promise((resolve) => {
      this.#worker.once("message", resolve);
      this.#worker.postMessage("tell", []);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Measures several loads at the same time, for ATTACK_SECONDS; longer on a slow machine. */
async function during(loads: readonly LoadThread[], answersMin = ANSWERS_MIN): Promise<readonly Taken[]> {
  await sleep(WARM_UP_SECONDS);
  for (const load of loads) load.begin();
  await sleep(ATTACK_SECONDS);
  let taken: readonly Taken[] = [];
  await until(
    "all loads are answered",
    async () => {
      taken = await Promise.all(loads.map((load) => load.taken()));
      return taken.every(({ tookMs }) => tookMs.length >= answersMin);
    },
    40_000,
  );
  await Promise.all(loads.map((load) => load.end()));
  return taken;
}

function quantile({ tookMs }: Taken, part: number): number {
  return tookMs.toSorted()[Math.floor(tookMs.length * part)] ?? 0;
}

function print(what: string, taken: Taken, attacked?: Taken): void {
  if (!PRINT) return;
  const [p50, p99, max] = [0.5, 0.99, 0.9999].map((part) => Math.round(10 * quantile(taken, part)) / 10);
  const { statuses, refusals } = taken;
  const attack = attacked && { attack: attacked.statuses, attackRefusals: attacked.refusals };
  process.stdout.write(`${JSON.stringify({ what, statuses, p50, p99, max, refusals, ...attack })}\n`);
}

const accountIds = Array.from({ length: ACCOUNTS }, (_, i) => `account${1000 + i}`);

function posting(i: number) {
  return { debit_account: "@issuance", credit_account: accountIds[i % ACCOUNTS], amount: 1 };
}

function compound(i: number) {
  return { postings: Array.from({ length: 64 }, (_, j) => posting(i + 17 * j)) };
}

function listOf<T>(count: number, make: (i: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

type Attack = (key: string) => Pick<Load, "connections" | "requests">;

/** The requests of a greedy partner. Each connection sends the next one as soon as it has an answer. */
const ATTACKS: Readonly<Record<string, Attack>> = {
  "single transfers": (key) => ({
    connections: 128,
    requests: listOf(64, (i) => wire("POST", "/v1/transfers", key, posting(i))),
  }),
  "batches of transfers with 64 postings": (key) => ({
    connections: 16,
    requests: [wire("POST", "/v1/transfers/batch", key, { transfers: listOf(25, compound) })],
  }),
  "batches of 10,000 transfers": (key) => ({
    connections: 4,
    requests: [wire("POST", "/v1/transfers/batch", key, { transfers: listOf(10_000, posting) })],
  }),
  "dry runs": (key) => ({
    connections: 16,
    requests: [
      wire("POST", "/v1/transfers/batch?dry_run=true", key, { transfers: listOf(25, compound) }),
      wire("POST", "/v1/transfers?dry_run=true", key, compound(0)),
    ],
  }),
  "cuts through all shards": (key) => ({
    connections: 32,
    requests: [wire("GET", `/v1/accounts?consistent=true&ids=${accountIds.slice(0, 100).join(",")}`, key)],
  }),
  "largest pages": (key) => ({
    connections: 24,
    requests: ["/v1/accounts?limit=500", "/v1/transfers?limit=500"].map((path) => wire("GET", path, key)),
  }),
  "accounts of the past": (key) => ({
    connections: 64,
    requests: accountIds.map((id, i) =>
      wire("GET", `/v1/accounts/${id}?at=${new Date(Date.now() - 10 * i).toISOString()}`, key),
    ),
  }),
};

/** Expects that no request is refused or late. */
function expectServed(taken: Taken, p99Ms: number): void {
  expect(Object.keys(taken.statuses).toSorted(), taken.refusals.join()).toEqual(["200", "201"]);
  expect(quantile(taken, 0.99)).toBeLessThan(p99Ms);
}

/** A batch with as much work for each shard: a shard is divided by work, so other batches would not be equal. */
function batch(partner: string, key: string): Uint8Array {
  const shardOf = (i: number) => shardOfVnode(vnodeOfAccount(partner, accountIds[i] ?? ""), SHARDS);
  const firstOf = (shard: number) => listOf(ACCOUNTS, (i) => i).filter((i) => shardOf(i) === shard);
  const items = listOf(SHARDS, (shard) => firstOf(shard).slice(0, 5)).flat();
  return wire("POST", "/v1/transfers/batch", key, { transfers: items.map(compound) });
}

describe.each([1, 2])("with %i gateways", (gateways) => {
  const house = new TestServer({ SHARDS: `${SHARDS}`, GATEWAYS: `${gateways}` });
  const wallets = new Wallets(house);
  let greedy: string;
  let other: string;
  let alone: number;

  /** Another partner, which alternates transfers and reads. */
  const steady = (): LoadThread =>
    new LoadThread(house.server.url, {
      connections: 16,
      perSecond: PER_SECOND,
      requests: [
        wire("POST", "/v1/transfers", other, {
          debit_account: "@issuance",
          credit_account: "other",
          amount: 1,
        }),
        wire("GET", "/v1/accounts/other", other),
      ],
    });

  beforeAll(async () => {
    await house.open();
    greedy = await house.newPartner("greedy");
    other = await house.newPartner("other");
    const client = new Client(house.server.url, greedy);
    const all = accountIds.map((id) =>
      sendUntilDone(client, "/v1/accounts", { id, asset: "PTS/0", metadata: METADATA }),
    );
    for (const { status } of await Promise.all(all)) expect(status).toBe(201);
    const transfers = listOf(200, (i) => ({ ...posting(i), metadata: METADATA }));
    expect((await sendUntilDone(client, "/v1/transfers/batch", { transfers })).status).toBe(200);
    client.close();
    const account = await house.caller(other).post("/v1/accounts", 201, { id: "other", asset: "PTS/0" });
    expect(account["id"]).toBe("other");
  });
  afterAll(() => house.close());

  test("without an attack all requests are answered", async () => {
    const [taken] = (await during([steady()])) as [Taken];
    print("nothing", taken);
    alone = quantile(taken, 0.99);
    expectServed(taken, P99_MS_MAX + P99_BUSY_MS);
  });

  test.each(Object.entries(ATTACKS))("%s of one partner delay no other partner", async (name, attackOf) => {
    const attack = new LoadThread(house.server.url, attackOf(greedy));
    const [taken, attacked] = (await during([steady(), attack])) as [Taken, Taken];
    print(name, taken, attacked);
    expectServed(taken, Math.max(P99_MS_MAX, 2 * alone) + P99_BUSY_MS);
  });

  test("one wallet user delays no other one", async () => {
    const [rich, user, friend] = [
      await wallets.person(1_000_000),
      await wallets.person(1_000_000),
      await wallets.person(),
    ];
    const sending = (token: string) =>
      wire("POST", "/v1/wallet/transfers", token, { to_wallet_id: friend.wallet, amount: 1 });
    const attack = new LoadThread(house.server.url, {
      connections: 64,
      requests: [sending(rich.token), wire("GET", "/v1/wallet/entries?limit=500", rich.token)],
    });
    const load = new LoadThread(house.server.url, {
      connections: 16,
      perSecond: PER_SECOND,
      requests: [sending(user.token), wire("GET", "/v1/wallet", user.token)],
    });
    const [taken, attacked] = (await during([load, attack])) as [Taken, Taken];
    print("a wallet user", taken, attacked);
    expectServed(taken, Math.max(P99_MS_MAX, 2 * alone) + P99_BUSY_MS);
  });

  test.each(MORE_CONNECTIONS)(
    "two greedy partners get half each, with %i times the connections",
    async (times) => {
      const name = `second${times}`;
      const second = await house.newPartner(name);
      const client = house.caller(second);
      for (const id of accountIds) await client.post("/v1/accounts", 201, { id, asset: "PTS/0" });
      const loads = [
        new LoadThread(house.server.url, { connections: 24 * times, requests: [batch("greedy", greedy)] }),
        new LoadThread(house.server.url, { connections: 24, requests: [batch(name, second)] }),
      ];
      const [first, then] = (await during(loads, SHARE_ANSWERS_MIN)) as [Taken, Taken];
      print("two", then, first);
      const ratio = (first.statuses["200"] ?? 0) / (then.statuses["200"] ?? 0);
      expect(Math.max(ratio, 1 / ratio)).toBeLessThan(SHARE_RATIO_MAX);
    },
  );
});
