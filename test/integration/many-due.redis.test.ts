/** Thousands of holds of one account end while the server is down: it starts, and serves, and ends them in portions. */
import { expect, test } from "vitest";
import { decodeFrame } from "../../src/wal/frame.ts";
import { parseLogId } from "../../src/wal/wal.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import {
  Client,
  makePartner,
  operator,
  shardsOf,
  testFolder,
  testRedis,
  testServer,
  until,
} from "../support/server.ts";

const HOLDS = 12_000;
/** In one request. */
const ITEMS = 4_000;
/** Records of a batch that takes no new request. */
const BATCH_RECORDS = 8_192;
const TIMEOUT_S = 10;
const METADATA = { note: "x".repeat(50) };

async function must<T>(client: Client, method: string, path: string, body?: unknown): Promise<T> {
  const { status, text } = await client.send(method, path, body);
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  return JSON.parse(text) as T;
}

test.each(ISOLATIONS)(
  "reads and commands are served while 12,000 holds of one account end (%s)",
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
    for (let made = 0; made < HOLDS; made += ITEMS) {
      const transfers = Array.from({ length: ITEMS }, () => pending);
      const { results } = await must<{ results: { id: string }[] }>(before, "POST", "/v1/transfers/batch", {
        transfers,
      });
      id = results.at(-1)?.id ?? "";
    }
    const endMs = Date.now() + TIMEOUT_S * 1000;
    await first.kill();
    await until("all holds are over", async () => Date.now() > endMs, 2 * TIMEOUT_S * 1000);

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
    const ended = entries
      .map(([at, [, bytes]]) => decodeFrame(bytes as Buffer, parseLogId(at.toString())))
      .filter((frame) => frame.id.epoch > 1 && frame.kind === "batch")
      .map((frame) => (frame.kind === "batch" ? frame.count : 0));
    expect(ended.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(HOLDS);
    expect(Math.max(...ended)).toBeLessThanOrEqual(BATCH_RECORDS);
    await again.kill();
  },
  120_000,
);
