/** Only log time decides; a wrong wall clock has no effect. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeScratchFolder } from "../../support/scratch-folder.ts";
import { operator, readiness } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "../programmes/test-server.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const dir = makeScratchFolder("daybook-clock");
const shift = join(dir, "shift");
const preload = pathToFileURL(join(import.meta.dirname, "../../support/shifted-clock.ts")).href;

function setClock(shiftMs: number): void {
  writeFileSync(shift, `${shiftMs}`);
}

setClock(0);
const house = startTestServer({ SHARDS: "2", NODE_OPTIONS: `--import ${preload}`, SHIFTED_CLOCK: shift });
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
  await acme.post("/v1/accounts", 201, { id: "a", asset: "PTS/0" });
  await acme.post("/v1/loyalty/members", 201, { id: "m" });
  await acme.post("/v1/customers", 201, { email });
  await acme.ask("PUT", "/v1/offers/Sale", 200, { discount: 10 });
  await acme.post("/v1/segments", 201, { slug: "SOME" });
  await acme.post("/v1/sellers", 201, { id: "kiosk", name: "Kiosk" });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const email = "ann@example.com";

/** Log time in ms, as the server shows it. */
async function logTime(): Promise<number> {
  const body = { debit_account: "@x", credit_account: "a", amount: 1 };
  return Date.parse(String((await acme.post("/v1/transfers", 201, body))["created_at"]));
}

const at = (timeMs: number) => new Date(timeMs).toISOString();
const settlementOf = (timeMs: number) => `/v1/sellers/kiosk/settlement?date=${at(timeMs).slice(0, 10)}`;

/** Every request that takes an expiry, with its status and body. */
const EXPIRING: readonly (readonly [
  method: string,
  path: string,
  status: number,
  body: (time: string) => Json,
])[] = [
  ["POST", "/v1/vouchers", 201, (expires_at) => ({ email, offer_name: "Sale", expires_at })],
  ["POST", "/v1/voucher-batches", 202, (expires_at) => ({ emails: "all", offer_name: "Sale", expires_at })],
  [
    "POST",
    "/v1/loyalty/members/m/accruals",
    201,
    (expires_at) => ({ points: 1, description: "x", expires_at }),
  ],
  ["PATCH", "/v1/users/u/segments", 200, (expires_at) => ({ add: [{ slug: "SOME", expires_at }] })],
];

async function waitForWarning(warning: RegExp): Promise<void> {
  const admin = operator(house.server);
  await until(`the server reports ${warning}`, async () => warning.test((await readiness(admin)).text));
  admin.close();
}

describe.each([
  ["an hour back", -HOUR, /jumped 3600 s back/],
  ["two hours ahead", 2 * HOUR, /jumped 7200 s ahead/],
])("with the clock set %s", (_, shiftMs, warning) => {
  beforeAll(async () => {
    setClock(shiftMs);
    await waitForWarning(warning);
  });
  afterAll(async () => {
    setClock(0);
    await waitForWarning(/^(?!.*jumped)/);
  });

  test.each(EXPIRING)("%s %s requires an expiry after log time", async (method, path, status, body) => {
    const nowMs = await logTime();
    await acme.ask(method, path, status, body(at(nowMs + MINUTE)));
    const past = await acme.ask(method, path, 400, body(at(nowMs - MINUTE)));
    const [error] = past["errors"] as Json[];
    expect(error).toMatchObject({
      path: expect.stringMatching(/expires_at$/),
      message: "must be in the future",
    });
    await acme.ask(method, path, 400, body(at(nowMs)));
  });

  test("a known idempotency key gets its first answer after the expiry", async () => {
    // Long enough for a busy machine to issue it before.
    const expiresAtMs = (await logTime()) + 1_500;
    const headers = { "Idempotency-Key": `once-${shiftMs}` };
    const body = { email, offer_name: "Sale", expires_at: at(expiresAtMs) };
    const first = await acme.ask("POST", "/v1/vouchers", 201, body, headers);
    await until("it has expired", async () => (await logTime()) > expiresAtMs);
    expect(await acme.ask("POST", "/v1/vouchers", 201, body, headers)).toEqual(first);
  });

  test("a balance can be read at the current log time, and not in the future", async () => {
    const nowMs = await logTime();
    expect(await acme.get(`/v1/accounts/a?at=${at(nowMs)}`)).toMatchObject({ id: "a" });
    expect(await acme.get(`/v1/accounts/a?at=${at(nowMs + 200)}`)).toMatchObject({ id: "a" });
    const later = await acme.ask("GET", `/v1/accounts/a?at=${at(nowMs + 5 * MINUTE)}`, 400);
    expect(later["errors"]).toEqual([{ path: "at", message: "must not be in the future" }]);
  });

  test("a voucher batch starts when log time reaches run_at", async () => {
    const nowMs = await logTime();
    const order = { emails: "all", offer_name: "Sale", expires_at: at(nowMs + 9 * HOUR) };
    for (const [run_at, status] of [
      [at(nowMs + 5 * MINUTE), "scheduled"],
      [at(nowMs - 5 * MINUTE), "completed"],
    ]) {
      const { id } = await acme.post("/v1/voucher-batches", 202, { ...order, run_at });
      const path = `/v1/voucher-batches/${String(id)}`;
      await until(`it is ${status}`, async () => (await acme.get(path))["status"] === status);
    }
  });

  test("a day after log time has no settlement", async () => {
    const nowMs = await logTime();
    expect(await acme.get(settlementOf(nowMs))).toMatchObject({ seller: "kiosk" });
    await acme.refused("GET", settlementOf(nowMs + 48 * HOUR), 400, "validation_failed");
  });

  test("the URL of a report is valid for 24 hours of log time", async () => {
    const { url } = await acme.post("/v1/segment-reports", 201, { year: 2026, month: 11 });
    const { pathname } = new URL(String(url));
    expect((await acme.client.send("GET", pathname)).status).toBe(200);
  });
});
