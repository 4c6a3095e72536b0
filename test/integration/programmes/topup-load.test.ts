/** Top-up under load from several processes, and with a server that is killed in the middle. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Answer } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { openShop, requestCredit } from "./shop.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";
import type { ClientPlan, ClientReport, SellerPlan } from "./topup-client.ts";

/** Long enough for several processes on a busy machine. */
const TEST_MS_MAX = 180_000;
const CLIENT = join(import.meta.dirname, "topup-client.ts");
const PHONES = Array.from({ length: 20 }, (_, i) => `+9891212345${String(i).padStart(2, "0")}`);

/** Runs one selling process until it exits. */
async function sellIn(plan: ClientPlan): Promise<ClientReport> {
  const child = fork(CLIENT, [], { execArgv: [] });
  child.send(plan);
  const [outcome] = (await Promise.race([once(child, "message"), once(child, "exit")])) as [ClientReport];
  expect(outcome, "the process reports").toBeInstanceOf(Object);
  return outcome;
}

function sumOf(figures: readonly Readonly<Record<string, number>>[], name: string): number {
  return figures.reduce((sum, each) => sum + (each[name] ?? 0), 0);
}

/** A sale that can be retried. */
function sell(caller: Caller, index: number): Promise<Answer> {
  const sale = { phone: PHONES[index % PHONES.length], amount: 10, reference: `kill-${index}` };
  return caller.client.send("POST", "/v1/topups", sale, { "Idempotency-Key": `kill-${index}` });
}

/** Retries with the same idempotency key until the outcome is known. */
async function retryUntilKnown(send: () => Promise<Answer>): Promise<Answer> {
  let answer = await send();
  await until(
    "there is an outcome",
    async () => {
      if (answer.status !== 503) return true;
      answer = await send();
      return false;
    },
    TEST_MS_MAX,
  );
  return answer;
}

/** The creation of a seller, which can be retried. */
function add(caller: Caller, { id, key }: SellerPlan): Promise<Answer> {
  return caller.client.send("POST", "/v1/sellers", { id, name: id }, { "Idempotency-Key": key });
}

describe("top-up under load", () => {
  const house = startTestServer();
  let acme: Caller;

  beforeAll(async () => {
    acme = await house.partner("acme");
  });

  /** The credit of a seller equals the sum of its entries, and the credit granted minus the sales. */
  async function checkSeller(id: string): Promise<Json> {
    const path = `/v1/sellers/${id}`;
    const seller = await acme.get(path);
    const credit = Number(seller["credit"]);
    expect(credit).toBeGreaterThanOrEqual(0);
    expect(credit).toBe(Number(seller["total_credited"]) - Number(seller["total_sold"]));
    const entries = await acme.all(`${path}/entries?limit=500`);
    expect(entries.reduce((sum, { amount }) => sum + Number(amount), 0)).toBe(credit);
    let balance = 0;
    for (const entry of entries.toReversed()) {
      expect(entry["balance_before"]).toBe(balance);
      balance = Number(entry["balance_after"]);
      expect(balance).toBeGreaterThanOrEqual(0);
    }
    expect(await acme.get(`${path}/reconciliation`)).toMatchObject({ credit, reconciled: true });
    for (const [date, rows] of Map.groupBy(entries, ({ at }) => String(at).slice(0, 10))) {
      const sum = (type: string) =>
        rows.reduce((total, entry) => total + (entry["type"] === type ? Number(entry["amount"]) : 0), 0);
      expect(await acme.get(`${path}/settlement?date=${date}`)).toMatchObject({
        opening: rows.at(-1)?.["balance_before"],
        credited: sum("credit"),
        sold: -sum("sale"),
        reverted: 0,
        closing: rows[0]?.["balance_after"],
      });
    }
    return seller;
  }

  test("T6 T8 T15 T16 T22 sellers, increases and 1000 sales from four processes: all totals agree", {
    timeout: TEST_MS_MAX,
  }, async () => {
    const GRANTS = 10;
    const GRANT = 2_000;
    // The first seller has far too little credit.
    const sellers = [
      await openShop(house, acme, "poor", 0),
      await openShop(house, acme, "middling", 10_000),
      await openShop(house, acme, "rich", 1_000_000),
    ];
    const grants = await Promise.all(
      Array.from({ length: GRANTS }, () => requestCredit(acme, "poor", GRANT)),
    );
    const keys = sellers.map(({ id, key }) => ({ id, key }));
    const plan = {
      url: house.server.url,
      sales: 250,
      lanes: 8,
      sellers: keys,
      phones: PHONES,
      amountMax: 400,
    };
    const clients = Array.from({ length: 4 }, (_, i) => sellIn({ ...plan, name: `client-${i}` }));
    // At the same time all requests of seller `poor` are approved, each by five concurrent calls.
    const approvals = await acme.race(GRANTS * 5, (client, i) =>
      retryUntilKnown(() =>
        client.send("POST", `${String(grants[i % GRANTS])}/approve`, undefined, {
          "Idempotency-Key": `a${i}`,
        }),
      ),
    );
    const reports = await Promise.all(clients);
    expect(approvals).toEqual(
      new Map([
        [200, GRANTS],
        [409, 4 * GRANTS],
      ]),
    );
    const count = (figure: "completed" | "refused") =>
      reports.reduce((sum, report) => sum + report[figure], 0);
    expect(count("completed") + count("refused")).toBe(1_000);
    expect(count("refused")).toBeGreaterThan(0);

    const credited = { poor: GRANTS * GRANT, middling: 10_000, rich: 1_000_000 };
    const bySeller = reports.map(({ sold }) => sold);
    for (const [id, total] of Object.entries(credited)) {
      const sold = sumOf(bySeller, id);
      expect(await checkSeller(id)).toMatchObject({
        credit: total - sold,
        total_credited: total,
        total_sold: sold,
      });
    }
    const byPhone = reports.map(({ charged }) => charged);
    const phones = await acme.all("/v1/phones");
    expect(phones.map(({ phone, total_charged }) => [phone, total_charged])).toEqual(
      PHONES.map((phone) => [phone, sumOf(byPhone, phone)]),
    );
    expect(phones.reduce((sum, { topups }) => sum + Number(topups), 0)).toBe(count("completed"));
    expect(await acme.all("/v1/topups?limit=500")).toHaveLength(count("completed"));
    expect(await acme.get("/v1/trial-balance")).toMatchObject({ balanced: true });
  });

  test("T8 a kill in the middle of sales: acknowledged sales are present, and none twice", {
    timeout: TEST_MS_MAX,
  }, async () => {
    const shops = [
      await openShop(house, acme, "k1", 1_000_000),
      await openShop(house, acme, "k2", 1_000_000),
    ];
    const { api_key: partnerKey } = await acme.post("/v1/partners/acme/keys", 201, { role: "partner" });
    // Enough sales that one seller's day exceeds a page.
    const SALES = 1_100;
    const acknowledged = new Set<number>();
    const owner = house.caller(String(partnerKey));
    const callers = shops.map(({ key }) => house.caller(key));
    const newcomers = Array.from({ length: 60 }, (_, i) => ({ id: `late-${i}`, key: `late-${i}` }));
    let restarting: Promise<void> | undefined;
    await Promise.all([
      ...Array.from({ length: SALES }, async (_, index) => {
        const answer = await sell(callers[index % 2] as Caller, index).catch(() => undefined);
        if (answer?.status === 201) acknowledged.add(index);
        if (acknowledged.size === 200) restarting ??= house.restart();
      }),
      ...newcomers.map((seller) => add(owner, seller).catch(() => undefined)),
    ]);
    await restarting;
    expect(acknowledged.size).toBeGreaterThanOrEqual(200);
    expect(acknowledged.size).toBeLessThan(SALES);

    acme = house.caller(String(partnerKey));
    const rows = async () =>
      (await acme.all("/v1/topups?limit=500"))
        .map(({ reference }) => String(reference))
        .filter((reference) => reference.startsWith("kill-"));
    const before = new Set(await rows());
    for (const index of acknowledged) expect(before).toContain(`kill-${index}`);
    // All sales are retried: no sale is executed twice.
    const again = shops.map(({ key }) => house.caller(key));
    const statuses = await Promise.all(
      Array.from({ length: SALES }, async (_, index) => {
        const { status } = await retryUntilKnown(() => sell(again[index % 2] as Caller, index));
        return status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([201]));
    const after = await rows();
    expect(after).toHaveLength(SALES);
    expect(new Set(after).size).toBe(SALES);
    for (const { id } of shops)
      expect(await checkSeller(id)).toMatchObject({ credit: 1_000_000 - 10 * (SALES / 2) });
    // A seller whose creation was lost is created now; one whose key was lost with the answer gets another key.
    for (const seller of newcomers) {
      const answer = await retryUntilKnown(() => add(acme, seller));
      expect(answer.status, answer.text).toBe(201);
      const { api_key: shown } = JSON.parse(answer.text) as { api_key: string | null };
      const another = { role: "seller", seller: seller.id };
      const key = shown ?? (await acme.post("/v1/partners/acme/keys", 201, another))["api_key"];
      expect(await house.caller(String(key)).get(`/v1/sellers/${seller.id}`)).toMatchObject({ credit: 0 });
    }
    expect(await acme.get("/v1/trial-balance")).toMatchObject({ balanced: true });
  });
});
