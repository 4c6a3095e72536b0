/** Events of crossed thresholds: each crossing has one, whatever happens to the server. */
import { beforeAll, describe, expect, test } from "vitest";
import { shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import { pointsAccount } from "../../../src/actors/programmes/loyalty/acts.ts";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";

const SHARDS = 3;

function shardOf(account: string): number {
  return shardOfVnode(vnodeOfAccount("acme", account), SHARDS);
}

type EventsPage = Readonly<{ data: readonly Readonly<{ data: Json }>[]; next_cursor: string | null }>;

function sorted(rows: readonly (readonly unknown[])[]): readonly string[] {
  return rows.map((row) => row.join(" ")).toSorted();
}

describe("crossings", () => {
  const house = startTestServer({ ISOLATION: "threads" });
  let acme: Caller;
  let key: string;

  beforeAll(async () => {
    key = await house.newPartner("acme");
    acme = house.caller(key);
  });

  async function restart(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    await house.restart(settings);
    acme = house.caller(key);
  }

  /** The data of all events of these types. */
  async function events(types: string): Promise<readonly Json[]> {
    const found: Json[] = [];
    for (let after = ""; ; ) {
      const page = (await acme.get(`/v1/events?limit=500&types=${types}${after}`)) as EventsPage;
      found.push(...page.data.map(({ data }) => data));
      if (page.next_cursor === null) return found;
      after = `&after=${page.next_cursor}`;
    }
  }

  const low = async () => (await events("seller.low_credit")).map(({ credit }) => credit);
  const crossings = async () =>
    (await events("monitor.crossed")).map(({ monitor, account, balance }) => [monitor, account, balance]);
  const totals = () => events("loyalty.total.above_threshold");
  const untilTotals = (count: number) =>
    until(`there are ${count} events`, async () => (await totals()).length >= count);
  const move = (what: "accruals" | "redemptions", member: string, points: number) =>
    acme.post(`/v1/loyalty/members/${member}/${what}`, 201, { points, description: "x" });
  const pay = (debit_account: string, credit_account: string, amount: number, more: Json = {}) =>
    acme.post("/v1/transfers", 201, { debit_account, credit_account, amount, ...more });

  test("L5 L6 L10 a member has one event for each time above the threshold, and for each time without points", async () => {
    await acme.post("/v1/loyalty/members", 201, { id: "ali" });
    const above = () => events("loyalty.member.above_threshold");
    for (const points of [990, 10]) await move("accruals", "ali", points);
    expect(await above()).toEqual([]);
    for (const points of [1, 5]) await move("accruals", "ali", points);
    expect(await above()).toMatchObject([{ member: "ali", balance: 1001 }]);
    await restart();
    await move("redemptions", "ali", 106);
    await move("accruals", "ali", 200);
    expect(await above()).toMatchObject([{ balance: 1001 }, { balance: 1100 }]);
    await move("redemptions", "ali", 1_100);
    await restart();
    expect(await events("loyalty.member.depleted")).toMatchObject([{ member: "ali", balance: 0 }]);
  });

  test("L7 the total of all shards has one event for each crossing, across kills, snapshots and another isolation", async () => {
    const members = Array.from({ length: 20 }, (_, i) => `m${i}`);
    expect(new Set(members.map((id) => shardOf(pointsAccount(id)))).size).toBe(SHARDS);
    for (const id of members) await acme.post("/v1/loyalty/members", 201, { id });
    for (const id of members) await move("accruals", id, id === "m0" ? 5_000 - 50 : 5_000);
    expect(await acme.get("/v1/loyalty/summary")).toMatchObject({ outstanding: 99_950 });
    await Promise.all(members.map((id) => move("accruals", id, 10)));
    await untilTotals(1);
    const first = await totals();
    expect(first).toMatchObject([{ number: 1, threshold: 100_000 }]);

    await house.takeSnapshots();
    await restart();
    await move("accruals", "m1", 5);
    await restart({ ISOLATION: "processes" });
    await move("redemptions", "m2", 1_000);
    const settings = { member_threshold: 1000, total_threshold: 50_000 };
    await acme.ask("PUT", "/v1/loyalty/settings", 200, settings);
    await move("accruals", "m3", 10);
    await acme.ask("PUT", "/v1/loyalty/settings", 200, { ...settings, total_threshold: 200_000 });
    await restart();
    await move("accruals", "m4", 150_000);
    await untilTotals(2);
    const { outstanding } = await acme.get("/v1/loyalty/summary");
    expect(await totals()).toEqual([...first, { number: 2, threshold: 200_000, total: outstanding }]);
  });

  test("a seller's credit that falls below its threshold has one event for each time", async () => {
    const kiosk = { id: "kiosk", name: "Kiosk", low_credit_threshold: 500 };
    const { api_key } = await acme.post("/v1/sellers", 201, kiosk);
    const grant = async (amount: number) => {
      const { id } = await house.caller(String(api_key)).post("/v1/credit-requests", 201, { amount });
      await acme.post(`/v1/credit-requests/${String(id)}/approve`, 200);
    };
    const sell = (amount: number) =>
      acme.post("/v1/topups", 201, { seller: "kiosk", phone: "09121234567", amount });
    await grant(1_000);
    await sell(500);
    expect(await low()).toEqual([]);
    await sell(1);
    await sell(9);
    expect(await low()).toEqual([499]);
    await grant(200);
    await restart();
    const patch = { low_credit_threshold: 650 };
    expect(await acme.ask("PATCH", "/v1/sellers/kiosk", 200, patch)).toMatchObject({ ...patch, credit: 690 });
    await grant(-100);
    expect(await low()).toEqual([499, 590]);
    await acme.ask("PATCH", "/v1/sellers/kiosk", 200, { low_credit_threshold: null });
    await grant(200);
    await sell(300);
    expect(await low()).toEqual([499, 590]);
  });

  test("a monitor of an account or a prefix reports each crossing once, on every shard", async () => {
    const accounts = Array.from({ length: 9 }, (_, i) => `shop:${i}`);
    expect(new Set(accounts.map(shardOf)).size).toBe(SHARDS);
    for (const id of accounts) await acme.post("/v1/accounts", 201, { id, asset: "USD/2" });
    const [a = "", b = ""] = [accounts[0], accounts.find((id) => shardOf(id) !== shardOf("shop:0"))];
    await pay("@in", a, 1_000);
    const rule = { field: "posted", when: "above", value: 100 };
    const prefix = await acme.post("/v1/monitors", 201, { prefix: "shop:", ...rule });
    const held = await acme.post("/v1/monitors", 201, { account: a, field: "held", when: "above", value: 0 });
    const low = { field: "available", when: "below", value: 500 } as const;
    const below = await acme.post("/v1/monitors", 201, { account: a, ...low });
    expect(await acme.all("/v1/monitors?limit=2")).toEqual([below, held, prefix]);
    expect(await acme.get(`/v1/monitors/${String(held["id"])}`)).toEqual(held);
    // The credit of another shard, and again after a kill.
    await pay(a, b, 101);
    expect(await crossings()).toEqual([[prefix["id"], b, 101]]);
    await house.takeSnapshots();
    await restart({ ISOLATION: "threads" });
    await pay(a, b, 5);
    const { id } = await pay(a, b, 400, { pending: true });
    await acme.post(`/v1/transfers/${String(id)}/void`, 200);
    await pay(b, "@out", 106);
    const postings = accounts.slice(1, 4).map((credit_account) => {
      return { debit_account: a, credit_account, amount: 150 };
    });
    await acme.post("/v1/transfers", 201, { postings });
    const expected: (readonly unknown[])[] = [
      [prefix["id"], b, 101],
      [held["id"], a, 400],
      [below["id"], a, 494],
      ...postings.map(({ credit_account }) => [prefix["id"], credit_account, 150]),
      [below["id"], a, 444],
    ];
    expect(sorted(await crossings())).toEqual(sorted(expected));

    for (const each of [prefix, held]) await acme.ask("DELETE", `/v1/monitors/${String(each["id"])}`, 204);
    await acme.refused("GET", `/v1/monitors/${String(held["id"])}`, 404, "monitor_not_found");
    await pay("@in", accounts[8] ?? "", 1_000);
    expect((await crossings()).length).toBe(expected.length);
    expect(await acme.all("/v1/monitors")).toEqual([below]);
  });

  test("monitors are bounded: of one account, with a prefix, and by what they may watch", async () => {
    const rule = { field: "posted", when: "above", value: 1 };
    for (let i = 0; i < 8; i++) {
      await acme.post("/v1/monitors", 201, { account: "z", ...rule });
      await acme.post("/v1/monitors", 201, { prefix: "z", ...rule });
    }
    const more = [{ account: "z" }, { prefix: "y" }];
    for (const target of more)
      await acme.refused("POST", "/v1/monitors", 422, "too_many_monitors", { ...target, ...rule });
    await acme.post("/v1/monitors", 201, { account: "y", ...rule });
    const wrong = [{}, { account: "z", prefix: "z" }, { account: "@in" }, { prefix: "@" }, { prefix: "" }];
    for (const target of wrong)
      await acme.refused("POST", "/v1/monitors", 400, "validation_failed", { ...target, ...rule });
  });
});
