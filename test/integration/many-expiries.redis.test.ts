/** Thousands of holds of one account expire while the server is down: it starts, serves, and expires them in portions. */
import { expect, test } from "vitest";
import { recordsOf } from "../../src/cli/wal/record.ts";
import { decodeFrame } from "../../src/wal/frame.ts";
import { parseLogId } from "../../src/wal/wal.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import {
  Client,
  codeOf,
  makePartner,
  operator,
  shardsOf,
  testFolder,
  testRedis,
  testServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";

const HOLDS = 9_000;
/** Transfers in one batch request. */
const ITEMS = 3_000;
/** A log batch takes no new request from this many records on. */
const BATCH_RECORDS = 8_192;
const TIMEOUT_S = 10;
const METADATA = { note: "x".repeat(50) };

/** Repeats a request that is refused as `overloaded`, because a refused request had no effect. */
async function must<T>(client: Client, method: string, path: string, body?: unknown): Promise<T> {
  for (;;) {
    const answer = await client.send(method, path, body);
    if (answer.status < 300) return JSON.parse(answer.text) as T;
    if (codeOf(answer) !== "overloaded")
      throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  }
}

test.each(ISOLATIONS)(
  "reads and commands are served while 9,000 holds of one account expire (shards as %s)",
  async (isolation) => {
    const redis = await testRedis();
    const settings = { DATA_DIR: testFolder(), SHARDS: "1", ISOLATION: isolation, WAL_URL: redis.url };
    const first = await testServer(settings);
    const key = await makePartner(operator(first));
    const before = new Client(first.url, key);
    for (const id of ["u", "v"]) await must(before, "POST", "/v1/accounts", { id, asset: "USD/2" });
    const transfer = { debit_account: "@bank", credit_account: "u", amount: 1 };
    const pending = { ...transfer, pending: true, timeout_s: TIMEOUT_S, metadata: METADATA };
    let id = "";
    for (let created = 0; created < HOLDS; created += ITEMS) {
      const transfers = Array.from({ length: ITEMS }, () => pending);
      const { results } = await must<{ results: { id: string }[] }>(before, "POST", "/v1/transfers/batch", {
        transfers,
      });
      id = results.at(-1)?.id ?? "";
    }
    const endMs = Date.now() + TIMEOUT_S * 1000;
    await first.kill();
    await until("all holds have expired", async () => Date.now() > endMs, 2 * TIMEOUT_S * 1000);

    const again = await testServer(settings);
    const acme = new Client(again.url, key);
    const bank = must(acme, "GET", "/v1/accounts/@bank");
    const moved = must(acme, "POST", "/v1/transfers", transfer);
    expect(await must(acme, "GET", "/v1/accounts/v")).toMatchObject({ posted: 0, held: 0 });
    expect(await bank).toMatchObject({ balances: { "USD/2": { held: 0 } } });
    expect(await moved).toMatchObject({ status: "posted" });
    expect(await must(acme, "GET", `/v1/transfers/${id}`)).toMatchObject({
      status: "expired",
      metadata: METADATA,
    });
    expect(await shardsOf(operator(again))).toMatchObject([{ restarts: 0 }]);

    const entries = await redis.client().xrangeBuffer("daybook:{g1s0}:wal", "-", "+");
    const batches = entries
      .map(([at, [, bytes]]) => decodeFrame(bytes as Buffer, parseLogId(at.toString())))
      .map(recordsOf);
    const expired = batches.flat().filter(({ command }) => command.op === "expire_transfer");
    expect(expired).toHaveLength(HOLDS);
    expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(BATCH_RECORDS);
    await again.kill();
  },
  120_000,
);
