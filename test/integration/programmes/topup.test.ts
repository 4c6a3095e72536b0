/** Top-up sales and their books over HTTP: one scenario per requirement. */
import { beforeAll, describe, expect, test } from "vitest";
import { grant, openShop, PHONE, requestCredit, type Shop, sell } from "./shop.ts";
import { type Caller, startTestServer } from "./test-server.ts";

describe("top-up", () => {
  const house = startTestServer();
  let acme: Caller;
  let other: Caller;
  let made = 0;

  beforeAll(async () => {
    acme = await house.partner("acme");
    other = await house.partner("other");
  });

  function seller(credit = 0, partner = acme): Promise<Shop> {
    made += 1;
    return openShop(house, partner, `s${made}`, credit);
  }

  test("T3 T20 phones have totals, a list and a history of the sales to them", async () => {
    const charged = await house.partner("phones");
    const shops = [
      await seller(10_000, charged),
      await seller(10_000, charged),
      await seller(10_000, charged),
    ];
    const phones = Array.from({ length: 9 }, (_, i) => `+98912000000${i}`);
    for (const [i, phone] of phones.entries())
      for (const shop of shops) await sell(shop, i + 1, { phone, reference: phone });
    const rows = phones.map((phone, i) => ({ phone, total_charged: 3 * (i + 1), topups: 3 }));
    expect(await charged.all("/v1/phones?limit=4")).toEqual(rows);
    expect(await charged.get("/v1/phones/09120000003")).toEqual(rows[3]);
    expect(await charged.get("/v1/phones?limit=9")).toMatchObject({ next_cursor: null });
    await charged.refused("GET", "/v1/phones/09129999999", 404, "phone_not_found");
    await charged.refused("GET", "/v1/phones/nobody", 400, "validation_failed");
    await charged.refused("GET", "/v1/phones?cursor=nonsense", 400, "validation_failed");
    await (shops[0] as Shop).caller.refused("GET", "/v1/phones", 403, "forbidden");
    // The phone's account in the ledger agrees.
    const account = await charged.get(`/v1/accounts/${encodeURIComponent("@phone:+989120000003")}`);
    expect(account).toMatchObject({ balances: { "IRT/0": { posted: 12 } } });
    const history = await charged.all("/v1/topups?phone=09120000003&limit=2");
    expect(history.map(({ seller }) => seller)).toEqual(shops.map(({ id }) => id).toReversed());
    expect(history[0]).toMatchObject({
      phone: phones[3],
      amount: 4,
      status: "completed",
      reference: phones[3],
    });
    // A seller finds its own sales to a phone, also if the + in the query is not escaped.
    const own = await (shops[1] as Shop).caller.all(`/v1/topups?phone=${String(phones[3])}`);
    expect(own.map(({ seller }) => seller)).toEqual([(shops[1] as Shop).id]);
  });

  test("T4 T21 a sale reduces the seller's credit by its amount, with any spelling of the phone", async () => {
    const shop = await seller(100);
    const spellings = ["09121234567", "9121234567", PHONE, "00989121234567"];
    for (const [i, phone] of spellings.entries()) {
      const sold = await sell(shop, 10, { phone });
      expect(sold).toMatchObject({ phone: PHONE, amount: 10, status: "completed", credit: 90 - 10 * i });
      expect(await shop.caller.get(`/v1/topups/${String(sold["id"])}`)).toMatchObject({
        id: sold["id"],
        seller: shop.id,
        phone: PHONE,
        amount: 10,
      });
    }
    const wrong = [
      "0912123456",
      "091212345678",
      "+98212345678",
      "98912123456 7",
      "+0123456789",
      "",
      9121234567,
    ];
    for (const phone of wrong)
      await shop.caller.refused("POST", "/v1/topups", 400, "validation_failed", { phone, amount: 1 });
    expect(await sell(shop, 1, { phone: "+4915112345678" })).toMatchObject({ phone: "+4915112345678" });
    expect(await shop.caller.get(shop.path)).toMatchObject({ credit: 59, total_sold: 41 });
    await shop.caller.refused("GET", "/v1/topups/tr_0a11zzz", 404, "topup_not_found");
  });

  test("T4 T22 the partner may sell for a seller, which must exist", async () => {
    const shop = await seller(100);
    const sale = { phone: PHONE, amount: 30 };
    const sold = await acme.post("/v1/topups", 201, { ...sale, seller: shop.id });
    expect(sold).toMatchObject({ seller: shop.id, credit: 70 });
    await acme.refused("POST", "/v1/topups", 400, "validation_failed", sale);
    await acme.refused("POST", "/v1/topups", 404, "seller_not_found", { ...sale, seller: "nobody" });
    await acme.refused("POST", "/v1/credit-requests", 404, "seller_not_found", {
      seller: "nobody",
      amount: 1,
    });
    await acme.refused("POST", "/v1/credit-requests", 400, "validation_failed", { amount: 1 });
  });

  test("T5 T12 T13 T22 neither a sale nor a decrease makes credit negative, and amounts are not 0", async () => {
    const shop = await seller(50);
    await shop.caller.refused("POST", "/v1/topups", 422, "insufficient_funds", { phone: PHONE, amount: 51 });
    for (const amount of [0, -5, 1.5, "5", 2 ** 53])
      await shop.caller.refused("POST", "/v1/topups", 400, "validation_failed", { phone: PHONE, amount });
    for (const amount of [0, 1.5, "5", 2 ** 53, -(2 ** 53)])
      await shop.caller.refused("POST", "/v1/credit-requests", 400, "validation_failed", { amount });
    const tooMuch = await requestCredit(acme, shop.id, -51);
    await acme.refused("POST", `${tooMuch}/approve`, 422, "insufficient_funds");
    expect(await acme.get(tooMuch)).toMatchObject({ status: "pending", decided_by: null });
    await grant(acme, shop.id, -20);
    expect(await acme.get(shop.path)).toMatchObject({ credit: 30, total_credited: 30 });
    await grant(acme, shop.id, 21);
    expect(await acme.post(`${tooMuch}/approve`, 200)).toMatchObject({ status: "approved", amount: -51 });
    expect(await acme.get(shop.path)).toMatchObject({ credit: 0, total_credited: 0, total_sold: 0 });
  });

  test("T6 T7 T11 1,000,000 credited and 60 sales of 5,000 leave 700,000, with an entry for each", async () => {
    const shop = await seller(1_000_000);
    for (let i = 0; i < 60; i++) await sell(shop, 5_000, { reference: `sale-${i}` });
    expect(await acme.get(shop.path)).toMatchObject({
      credit: 700_000,
      total_credited: 1_000_000,
      total_sold: 300_000,
    });
    const entries = await shop.caller.all(`${shop.path}/entries?limit=25`);
    expect(entries).toHaveLength(61);
    expect(entries.reduce((sum, { amount }) => sum + Number(amount), 0)).toBe(700_000);
    expect(entries[0]).toMatchObject({
      type: "sale",
      amount: -5_000,
      balance_before: 705_000,
      balance_after: 700_000,
      phone: PHONE,
      reference: "sale-59",
    });
    expect(entries[60]).toMatchObject({ type: "credit", amount: 1_000_000, balance_before: 0, phone: null });
    expect(await shop.caller.get(`${shop.path}/reconciliation`)).toEqual({
      seller: shop.id,
      credit: 700_000,
      entries_sum: 700_000,
      entries_count: 61,
      difference: 0,
      reconciled: true,
    });
    const sales = await shop.caller.all("/v1/topups?limit=25");
    expect(sales.map(({ reference }) => reference)).toEqual(
      Array.from({ length: 60 }, (_, i) => `sale-${59 - i}`),
    );
  });

  test("T20 the settlement of a day agrees with the entries", async () => {
    const shop = await seller(1_000);
    await sell(shop, 300);
    const { id } = await sell(shop, 200);
    await acme.post(`/v1/transfers/${String(id)}/revert`, 201);
    await grant(acme, shop.id, -100);
    const [newest] = await shop.caller.all(`${shop.path}/entries`);
    const date = String(newest?.["at"]).slice(0, 10);
    expect(await shop.caller.get(`${shop.path}/settlement?date=${date}`)).toEqual({
      seller: shop.id,
      date,
      time_zone: "UTC",
      opening: 0,
      credited: 900,
      sold: 500,
      sales: 2,
      reverted: 200,
      closing: 600,
    });
    const before = await acme.get(`${shop.path}/settlement?date=2020-02-29`);
    expect(before).toMatchObject({ opening: 0, credited: 0, sold: 0, reverted: 0, closing: 0 });
    for (const wrong of ["2026-02-30", "yesterday", "9999-01-01"])
      await acme.refused("GET", `${shop.path}/settlement?date=${wrong}`, 400, "validation_failed");
    await acme.refused("GET", `${shop.path}/settlement`, 400, "validation_failed");
  });

  test("T14 T22 50 concurrent sales of 10 on a credit of 100: exactly 10 succeed", async () => {
    for (let round = 0; round < 10; round++) {
      const shop = await seller(100);
      const sale = { phone: PHONE, amount: 10 };
      const statuses = await shop.caller.race(50, (client) => client.send("POST", "/v1/topups", sale));
      expect(statuses).toEqual(
        new Map([
          [201, 10],
          [422, 40],
        ]),
      );
      expect(await acme.get(shop.path)).toMatchObject({ credit: 0, total_sold: 100 });
    }
  });

  test("T14 a seller uses each reference for one sale, also under concurrency", async () => {
    const shop = await seller(1_000);
    for (let round = 0; round < 10; round++) {
      const sale = { phone: PHONE, amount: 1, reference: `r${round}` };
      const statuses = await shop.caller.race(20, (client) => client.send("POST", "/v1/topups", sale));
      expect(statuses).toEqual(
        new Map([
          [201, 1],
          [409, 19],
        ]),
      );
    }
    const twice = { phone: PHONE, amount: 1, reference: "r3" };
    await shop.caller.refused("POST", "/v1/topups", 409, "duplicate_reference", twice);
    expect(await acme.get(shop.path)).toMatchObject({ credit: 990 });
    const neighbour = await seller(10);
    await sell(neighbour, 1, { reference: "r3" });
    // A refused sale does not use up its reference.
    const failed = { phone: PHONE, amount: 999_999, reference: "later" };
    await shop.caller.refused("POST", "/v1/topups", 422, "insufficient_funds", failed);
    await sell(shop, 1, { reference: "later" });
  });

  test("T21 the partner reverts a sale once, and it no longer counts; its reference stays used", async () => {
    const shop = await seller(100);
    const phone = "+989350000001";
    const { id } = await sell(shop, 30, { phone, reference: "back" });
    await sell(shop, 20, { phone });
    const path = `/v1/transfers/${String(id)}/revert`;
    await shop.caller.refused("POST", path, 403, "forbidden");
    await other.refused("POST", path, 404, "transfer_not_found");
    const statuses = await acme.race(20, (client) => client.send("POST", path));
    expect(statuses).toEqual(
      new Map([
        [201, 1],
        [409, 19],
      ]),
    );
    expect(await acme.get(shop.path)).toMatchObject({ credit: 80, total_sold: 20, total_credited: 100 });
    expect(await acme.get(`/v1/phones/${phone}`)).toMatchObject({ total_charged: 20, topups: 1 });
    expect(await shop.caller.get(`/v1/topups/${String(id)}`)).toMatchObject({
      status: "reverted",
      amount: 30,
    });
    const listed = await shop.caller.all(`/v1/topups?phone=${encodeURIComponent(phone)}`);
    expect(listed.map(({ amount, status }) => [amount, status])).toEqual([
      [20, "completed"],
      [30, "reverted"],
    ]);
    const [entry] = await shop.caller.all(`${shop.path}/entries`);
    expect(entry).toMatchObject({ type: "revert", amount: 30, balance_after: 80, phone, reference: null });
    const again = { phone, amount: 1, reference: "back" };
    await shop.caller.refused("POST", "/v1/topups", 409, "duplicate_reference", again);
  });

  test("sellers of two partners with the same id are independent", async () => {
    const shop = await seller(100);
    await other.post("/v1/sellers", 201, { id: shop.id, name: "Other" });
    expect(await other.get(shop.path)).toMatchObject({ credit: 0, name: "Other" });
    const mine = await requestCredit(acme, shop.id, 10);
    await other.refused("POST", `${mine}/approve`, 404, "credit_request_not_found");
    await other.refused("GET", `/v1/phones/${PHONE}`, 404, "phone_not_found");
    expect(await other.all("/v1/topups")).toEqual([]);
  });

  test("all state survives a kill, and the books balance", async () => {
    const shop = await seller(1_000);
    await sell(shop, 100, { reference: "kept" });
    const waiting = await requestCredit(acme, shop.id, 50);
    const lists = ["/v1/sellers", "/v1/credit-requests", "/v1/phones", "/v1/topups"];
    const pages = [shop.path, waiting, `${shop.path}/reconciliation`];
    const all = async () => [
      await Promise.all(lists.map((path) => acme.all(`${path}?limit=500`))),
      await Promise.all(pages.map((path) => acme.get(path))),
    ];
    const before = await all();
    const { api_key: key } = await acme.post("/v1/partners/acme/keys", 201, { role: "partner" });
    await house.restart();
    acme = house.caller(String(key));
    expect(await all()).toEqual(before);
    const till = house.caller(shop.key);
    const sale = { phone: PHONE, amount: 1, reference: "kept" };
    await till.refused("POST", "/v1/topups", 409, "duplicate_reference", sale);
    await acme.post(`${waiting}/approve`, 200);
    expect(await till.get(shop.path)).toMatchObject({ credit: 950 });
    expect(await acme.get("/v1/trial-balance")).toMatchObject({ balanced: true });
  });
});
