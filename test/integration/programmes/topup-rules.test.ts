/** Rules that the partner sets for its sellers: limits, four eyes, withdrawal of requests; days of a time zone. */
import { beforeAll, describe, expect, test } from "vitest";
import { readFeed } from "../../support/event-stream.ts";
import { openShop, PHONE, requestCredit, type Shop, sell } from "./shop.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";

const REFUSED = "daily_limit_exceeded";

const refusedSale = (shop: Shop, amount: number, code: string, phone = PHONE) =>
  shop.caller.refused("POST", "/v1/topups", 422, code, { phone, amount });

describe("rules of top-up", () => {
  const house = startTestServer();
  let acme: Caller;
  let made = 0;

  beforeAll(async () => {
    acme = await house.partner("acme");
  });

  function seller(credit = 0, partner = acme): Promise<Shop> {
    made += 1;
    return openShop(house, partner, `r${made}`, credit);
  }

  const limit = (shop: Shop, limits: Json | null) => acme.ask("PATCH", shop.path, 200, { limits });

  test("a seller's limits bound each amount, and the sum and number of a day", async () => {
    const shop = await seller(1_000);
    expect(
      await limit(shop, { min_amount: 10, max_amount: 100, daily_amount: 150, daily_count: 3 }),
    ).toMatchObject({
      limits: { min_amount: 10, max_amount: 100, daily_amount: 150, daily_count: 3 },
      low_credit_threshold: null,
    });
    await refusedSale(shop, 9, "amount_below_minimum");
    await refusedSale(shop, 101, "amount_above_maximum");
    const first = await sell(shop, 100);
    await refusedSale(shop, 51, REFUSED);
    await sell(shop, 40);
    await sell(shop, 10);
    await refusedSale(shop, 10, REFUSED);
    // Reverts do not count.
    await acme.post(`/v1/transfers/${String(first["id"])}/revert`, 201);
    await refusedSale(shop, 10, REFUSED);
    // Other changes leave the limits, and what was counted.
    await acme.ask("PATCH", shop.path, 200, { low_credit_threshold: 5 });
    expect(await limit(shop, { daily_amount: 151 })).toMatchObject({ low_credit_threshold: 5 });
    await refusedSale(shop, 2, REFUSED);
    await sell(shop, 1);
    expect(await limit(shop, null)).toMatchObject({ limits: null });
    await sell(shop, 500);
    for (const limits of [{ min_amount: 2, max_amount: 1 }, { daily_count: 0 }, { weekly: 1 }])
      await acme.ask("PATCH", shop.path, 400, { limits });
    await acme.ask("PATCH", shop.path, 400, {});
  });

  test("limits of sales to a phone hold for each seller, on all shards", async () => {
    const other = await house.partner("phones");
    const shops = [await seller(1_000, other), await seller(1_000, other), await seller(1_000, other)];
    const settings = { phone_limits: { daily_count: 2, max_amount: 50 } };
    const shown = { min_amount: null, max_amount: 50, daily_amount: null, daily_count: 2 };
    expect(await other.ask("PUT", "/v1/topup-settings", 200, settings)).toEqual({ phone_limits: shown });
    expect(await other.get("/v1/topup-settings")).toEqual({ phone_limits: shown });
    expect(await acme.get("/v1/topup-settings")).toEqual({ phone_limits: null });
    for (const shop of shops) {
      await refusedSale(shop, 51, "amount_above_maximum");
      await sell(shop, 5);
      await sell(shop, 5);
      await refusedSale(shop, 5, REFUSED);
      await sell(shop, 5, { phone: "09120000009" });
    }
    await shops[0]?.caller.refused("GET", "/v1/topup-settings", 403, "forbidden");
    await other.ask("PUT", "/v1/topup-settings", 200, { phone_limits: null });
    for (const shop of shops) await sell(shop, 60);
  });

  test("concurrent sales never exceed a daily limit", async () => {
    for (let round = 0; round < 10; round++) {
      const shop = await seller(1_000);
      await limit(shop, round % 2 === 0 ? { daily_amount: 50 } : { daily_count: 5 });
      const statuses = await shop.caller.race(20, (client) =>
        client.send("POST", "/v1/topups", { phone: PHONE, amount: 10 }),
      );
      expect(Object.fromEntries(statuses)).toEqual({ 201: 5, 422: 15 });
      expect(await acme.get(shop.path)).toMatchObject({ total_sold: 50 });
    }
  }, 60_000);

  test("who requests credit cannot approve it, and both are shown", async () => {
    const shop = await seller();
    const own = await acme.post("/v1/credit-requests", 201, { seller: shop.id, amount: 100 });
    const path = `/v1/credit-requests/${String(own["id"])}`;
    expect(own).toMatchObject({ decided_by: null, requested_by: expect.stringMatching(/^key_/) });
    await acme.refused("POST", `${path}/approve`, 409, "approver_is_requester");
    expect(await acme.get(path)).toEqual(own);
    const approved = await (await acme.colleague()).post(`${path}/approve`, 200);
    expect(approved).toMatchObject({ status: "approved", requested_by: own["requested_by"] });
    expect(approved["decided_by"]).not.toBe(approved["requested_by"]);
    // It may reject its own request: that moves nothing.
    const next = await acme.post("/v1/credit-requests", 201, { seller: shop.id, amount: 100 });
    await acme.post(`/v1/credit-requests/${String(next["id"])}/reject`, 200);
    expect(await acme.get(shop.path)).toMatchObject({ credit: 100 });
  });

  test("a seller withdraws its request, once, and only its own", async () => {
    const [shop, stranger] = [await seller(), await seller()];
    const { id } = await shop.caller.post("/v1/credit-requests", 201, { amount: 70 });
    const path = `/v1/credit-requests/${String(id)}`;
    await stranger.caller.refused("POST", `${path}/withdraw`, 404, "credit_request_not_found");
    await acme.refused("POST", `${path}/withdraw`, 403, "forbidden");
    const withdrawn = await shop.caller.post(`${path}/withdraw`, 200);
    expect(withdrawn).toMatchObject({ status: "withdrawn", amount: 70, reason: null });
    expect(withdrawn["decided_by"]).toBe(withdrawn["requested_by"]);
    for (const [caller, verb] of [
      [shop.caller, "withdraw"],
      [acme, "approve"],
      [acme, "reject"],
    ] as const)
      await caller.refused("POST", `${path}/${verb}`, 409, "already_decided");
    expect(await acme.all(`/v1/credit-requests?status=withdrawn&seller=${shop.id}`)).toEqual([withdrawn]);
    const feed = `/v1/events?types=credit_request.decided&subject=${shop.id}&limit=500`;
    const events = await readFeed(acme.client, feed);
    expect(events.map(({ data }) => data)).toMatchObject([{ id, status: "withdrawn" }]);
  });

  test("withdrawal against approval: exactly one succeeds, in every round", async () => {
    const shop = await seller();
    let credit = 0;
    for (let round = 0; round < 30; round++) {
      const path = await requestCredit(acme, shop.id, 10);
      const [approved, withdrawn] = await Promise.all([
        acme.client.send("POST", `${path}/approve`),
        shop.caller.client.send("POST", `${path}/withdraw`),
      ]);
      expect([approved.status, withdrawn.status].toSorted((a, b) => a - b)).toEqual([200, 409]);
      if (approved.status === 200) credit += 10;
      expect(await acme.get(path)).toMatchObject({
        status: approved.status === 200 ? "approved" : "withdrawn",
      });
    }
    expect(await acme.get(shop.path)).toMatchObject({ credit });
  }, 60_000);

  test("settlements and reports are of days of a time zone, and days add up", async () => {
    const shop = await seller(1_000);
    for (const amount of [100, 30]) await sell(shop, amount);
    const zones = ["Asia/Tehran", "Pacific/Kiritimati", "Pacific/Niue", "UTC"];
    for (const zone of zones) {
      const dateIn = (ms: number) =>
        Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).toPlainDate();
      const today = dateIn(Date.now());
      const query = `date=${today.toString()}&time_zone=${encodeURIComponent(zone)}`;
      const settlement = await shop.caller.get(`${shop.path}/settlement?${query}`);
      const range = `from=${today.subtract({ days: 3 }).toString()}&to=${today.add({ days: 2 }).toString()}`;
      const path = `${shop.path}/report?${range}&time_zone=${encodeURIComponent(zone)}`;
      const { data, next_from } = (await acme.get(path)) as { data: Json[]; next_from: unknown };
      expect(next_from).toBeNull();
      const sum = (name: string) => data.reduce((total, row) => total + Number(row[name]), 0);
      expect({ sold: sum("sold"), credited: sum("credited"), sales: sum("sales") }).toEqual({
        sold: 130,
        credited: 1_000,
        sales: 2,
      });
      for (const row of data)
        expect(
          Number(row["opening"]) + Number(row["credited"]) - Number(row["sold"]) + Number(row["reverted"]),
        ).toBe(row["closing"]);
      for (const [i, row] of data.entries()) if (i > 0) expect(row["opening"]).toBe(data[i - 1]?.["closing"]);
      const row = data.find(({ date }) => date === settlement["date"]);
      expect(settlement).toMatchObject({ ...row, seller: shop.id, time_zone: zone });
      const csv = await acme.client.send("GET", path, undefined, { Accept: "text/csv" });
      expect(csv.text.split("\r\n")[0]).toBe("date,opening,credited,sold,reverted,closing,sales");
      expect(csv.text.trim().split("\r\n")).toHaveLength(data.length + 1);
    }
    for (const query of [
      "from=2026-01-01&to=2026-01-02&time_zone=Mars/Phobos",
      "from=2026-02-30&to=2026-03-01",
      "from=2026-01-01&to=2026-03-01",
      "from=2026-01-02&to=2026-01-01",
    ])
      await acme.ask("GET", `${shop.path}/report?${query}`, 400);
    await acme.refused(
      "GET",
      "/v1/sellers/nobody/report?from=2026-01-01&to=2026-01-02",
      404,
      "seller_not_found",
    );
    const tomorrow = Temporal.Now.plainDateISO("UTC").add({ days: 2 }).toString();
    await acme.refused("GET", `${shop.path}/settlement?date=${tomorrow}`, 400, "validation_failed");
  });
});
