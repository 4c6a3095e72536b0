/**
 * An operator of top-ups in a process of its own, while it and the server are killed at any moment: each sale ends once, as the
 * operator says, each phone is charged once for it, and the books agree.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openShop } from "../integration/programmes/shop.ts";
import { type Json, TestServer } from "../integration/programmes/test-server.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import { Client } from "../support/server.ts";
import { until } from "../support/until.ts";

const FAULTS = "fail=0.2&unknown=0.1&unknown_ms=1500&drop=0.2&duplicate=0.2&delay_ms=15";
const CREDIT = 1_000_000;
const ROUNDS = 4;
const SALES_PER_ROUND = 25;
const WAIT_MS = 120_000;

const folder = makeScratchFolder("topup-operator");
const file = join(folder, "orders.jsonl");
let operator: ChildProcess;
let port = "0";
let house: TestServer;
let partnerKey = "";
let sellerKey = "";

async function startOperator(): Promise<void> {
  const args = ["src/operator/main.ts", "--port", port, "--file", file, "--faults", FAULTS];
  operator = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(operator.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  port = /:(\d+)\s*$/.exec(line.toString())?.[1] ?? port;
}

async function killOperator(): Promise<void> {
  const ended = once(operator, "exit");
  operator.kill("SIGKILL");
  await ended;
}

beforeAll(async () => {
  await startOperator();
  house = new TestServer({ ISOLATION: "threads", TOPUP_OPERATOR: `http://127.0.0.1:${port}` });
  await house.open();
  partnerKey = await house.newPartner("acme");
  ({ key: sellerKey } = await openShop(house, house.caller(partnerKey, "acme"), "kiosk", CREDIT));
}, WAIT_MS);

afterAll(async () => {
  await house.close();
  await killOperator();
});

async function attempt(body: Json, key: string) {
  let client: Client | undefined;
  try {
    client = new Client(house.server.url, sellerKey);
    return await client.send("POST", "/v1/topups", body, { "Idempotency-Key": key });
  } catch {
    // The server was killed, or does not serve yet.
    return undefined;
  } finally {
    client?.close();
  }
}

/** Sells with a key of its own, and retries until the outcome is known. */
async function sellSurely(no: number): Promise<void> {
  const body = {
    phone: `+98912${String(no % 7).padStart(7, "1")}`,
    amount: 1 + (no % 9),
    reference: `sale-${no}`,
  };
  for (;;) {
    const answer = await attempt(body, `sale-${no}`);
    if (answer?.status === 201) return;
    if (answer !== undefined && answer.status !== 503) throw new Error(answer.text);
    await delay(50);
  }
}

test("kill -9 of the server and of the operator at any moment: each sale ends once, as the operator says", async () => {
  let sold = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const selling = Promise.all(Array.from({ length: SALES_PER_ROUND }, () => sellSurely(sold++)));
    await delay(40 * round);
    await killOperator();
    await house.restart();
    await startOperator();
    await selling;
  }
  const acme = house.caller(partnerKey, "acme");
  const undecided = async () => [
    ...(await acme.all("/v1/topups?status=pending&limit=500")),
    ...(await acme.all("/v1/topups?status=unknown&limit=500")),
  ];
  const open = await undecided();
  const { held } = await acme.get("/v1/sellers/kiosk");
  expect(Number(held)).toBeLessThanOrEqual(open.reduce((sum, { amount }) => sum + Number(amount), 0));
  await until("all are decided", async () => (await undecided()).length === 0, WAIT_MS);

  const topups = await acme.all("/v1/topups?limit=500");
  expect(topups).toHaveLength(sold);
  const orders = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Json);
  expect(new Set(orders.map(({ reference }) => reference)).size).toBe(orders.length);
  expect(orders).toHaveLength(sold);
  const charged = new Map(orders.map(({ reference, charges }) => [reference, charges]));
  for (const { id, status } of topups) expect(status).toBe(charged.get(id) === 1 ? "completed" : "failed");
  const total = orders.reduce((sum, { amount, charges }) => sum + Number(amount) * Number(charges), 0);
  expect(await acme.get("/v1/sellers/kiosk")).toMatchObject({
    credit: CREDIT - total,
    held: 0,
    total_sold: total,
  });
  expect(await acme.get("/v1/sellers/kiosk/reconciliation")).toMatchObject({ reconciled: true });
  const phones = await acme.all("/v1/phones");
  expect(phones.reduce((sum, { total_charged }) => sum + Number(total_charged), 0)).toBe(total);
  expect(await acme.all("/v1/topups?status=conflict")).toEqual([]);
  expect(await acme.get("/v1/trial-balance")).toMatchObject({ balanced: true });
}, 400_000);
