/** The top-up programme over HTTP: a scenario for each requirement, named after it. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Caller, House, ISOLATIONS, type Json } from "./house.ts";

const PHONE = "+989121234567";

describe.each(ISOLATIONS)("top-up, shards as %s", (isolation) => {
  const house = new House({ ISOLATION: isolation });
  let acme: Caller;
  let other: Caller;
  let made = 0;

  beforeAll(async () => {
    await house.open();
    acme = await house.partner("acme");
    other = await house.partner("other");
  });

  afterAll(() => house.close());

  type Shop = Readonly<{ id: string; path: string; key: string; caller: Caller }>;

  /** A seller with so much credit. */
  async function seller(credit = 0, partner = acme): Promise<Shop> {
    made += 1;
    const id = `s${made}`;
    const { api_key: key } = await partner.post("/v1/sellers", 201, { id, name: `Shop ${made}` });
    if (credit > 0) await grant(id, credit, partner);
    return { id, path: `/v1/sellers/${id}`, key: String(key), caller: house.caller(String(key)) };
  }

  async function request(id: string, amount: number, partner = acme): Promise<string> {
    const made = await partner.post("/v1/credit-requests", 201, { seller: id, amount });
    return `/v1/credit-requests/${String(made["id"])}`;
  }

  async function grant(id: string, amount: number, partner = acme): Promise<void> {
    await partner.post(`${await request(id, amount, partner)}/approve`, 200);
  }

  const sell = (shop: Shop, amount: number, more: Json = {}) =>
    shop.caller.post("/v1/topups", 201, { phone: PHONE, amount, ...more });

  test("T1 sellers each have an amount of credit, a key, and their own books", async () => {
    const created = await acme.post("/v1/sellers", 201, { id: "kiosk/north", name: "Kiosk" });
    expect(created).toMatchObject({ id: "kiosk/north", name: "Kiosk", status: "active", credit: 0 });
    expect(created["api_key"]).toMatch(/^dk_seller_/);
    await acme.refused("POST", "/v1/sellers", 409, "seller_exists", { id: "kiosk/north", name: "Kiosk" });
    const shop = await seller(500);
    const view = { id: shop.id, credit: 500, total_credited: 500, total_sold: 0 };
    expect(await acme.get(shop.path)).toMatchObject(view);
    expect(await shop.caller.get(shop.path)).toMatchObject(view);
    const { name: _, ...unnamed } = await acme.post("/v1/sellers", 201, { name: "Nobody in particular" });
    expect(unnamed["id"]).toMatch(/^slr_/);
    expect(await acme.get(`/v1/accounts/credit:${shop.id}`)).toMatchObject({ asset: "IRT/0", posted: 500 });
    const move = { debit_account: `credit:${shop.id}`, credit_account: "@x", amount: 1 };
    await acme.refused("POST", "/v1/transfers", 422, "managed_account", move);
  });

  test("T1 sellers are listed over all shards, newest first, and a seller sees itself alone", async () => {
    const lister = await house.partner(`lister-${isolation}`);
    const shops: Shop[] = [];
    for (let i = 0; i < 12; i++) shops.push(await seller(0, lister));
    const ids = shops.map(({ id }) => id).toReversed();
    expect((await lister.all("/v1/sellers?limit=5")).map(({ id }) => id)).toEqual(ids);
    const [first] = shops as [Shop];
    expect((await first.caller.all("/v1/sellers")).map(({ id }) => id)).toEqual([first.id]);
  });

  test("T2 a seller asks for credit, and only the partner's approval gives it", async () => {
    const shop = await seller();
    const asked = await shop.caller.post("/v1/credit-requests", 201, { amount: 900, note: "weekend" });
    expect(asked).toMatchObject({ seller: shop.id, amount: 900, status: "pending", note: "weekend" });
    const path = `/v1/credit-requests/${String(asked["id"])}`;
    await shop.caller.refused("POST", `${path}/approve`, 403, "forbidden");
    await shop.caller.refused("POST", `${path}/reject`, 403, "forbidden");
    expect(await acme.get(shop.path)).toMatchObject({ credit: 0 });
    const approved = await acme.post(`${path}/approve`, 200);
    expect(approved).toMatchObject({ id: asked["id"], status: "approved", amount: 900, reason: null });
    expect(approved["decided_by"]).toMatch(/^key_/);
    expect(approved["decided_at"]).toMatch(/Z$/);
    expect(await shop.caller.get(path)).toEqual(approved);
    expect(await acme.get(shop.path)).toMatchObject({ credit: 900, total_credited: 900 });
  });

  test("T2 T19 T21 a refusal has a reason, moves nothing, and is final", async () => {
    const shop = await seller();
    const path = await request(shop.id, 700);
    const rejected = await acme.post(`${path}/reject`, 200, { reason: "Pay first" });
    expect(rejected).toMatchObject({ status: "rejected", reason: "Pay first" });
    await acme.refused("POST", `${path}/approve`, 409, "already_decided");
    await acme.refused("POST", `${path}/reject`, 409, "already_decided");
    expect(await acme.get(path)).toEqual(rejected);
    expect(await acme.get(shop.path)).toMatchObject({ credit: 0 });
    const bare = await request(shop.id, 1);
    expect(await acme.post(`${bare}/reject`, 200)).toMatchObject({ status: "rejected", reason: null });
    await acme.refused("POST", `${bare}x/approve`, 404, "credit_request_not_found");
    await acme.refused("POST", `${bare.slice(0, -1)}_/approve`, 404, "credit_request_not_found");
  });

  test("T2 requests are listed by status and seller, newest first", async () => {
    const lister = await house.partner(`requests-${isolation}`);
    const shops = [await seller(0, lister), await seller(0, lister), await seller(0, lister)];
    const paths: string[] = [];
    for (let i = 0; i < 9; i++) paths.push(await request((shops[i % 3] as Shop).id, i + 1, lister));
    for (const path of paths.slice(0, 3)) await lister.post(`${path}/approve`, 200);
    for (const path of paths.slice(3, 5)) await lister.post(`${path}/reject`, 200);
    const amounts = async (query: string, caller = lister) =>
      (await caller.all(`/v1/credit-requests?limit=2${query}`)).map(({ amount }) => amount);
    expect(await amounts("")).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(await amounts("&status=pending")).toEqual([9, 8, 7, 6]);
    expect(await amounts("&status=approved")).toEqual([3, 2, 1]);
    expect(await amounts("&status=rejected")).toEqual([5, 4]);
    const [first, second] = shops as [Shop, Shop];
    expect(await amounts(`&seller=${second.id}`)).toEqual([8, 5, 2]);
    expect(await amounts(`&seller=${second.id}&status=pending`)).toEqual([8]);
    expect(await amounts("", first.caller)).toEqual([7, 4, 1]);
    expect(await amounts("&status=pending", first.caller)).toEqual([7]);
    expect(await amounts(`&seller=${second.id}`, first.caller)).toEqual([]);
    await lister.refused("GET", "/v1/credit-requests?status=lost", 400, "validation_failed");
  });

  test("T3 T20 phones are what was charged: their sums, their list, their history", async () => {
    const charged = await house.partner(`phones-${isolation}`);
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
    // The ledger's own account of the phone agrees.
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
    // A seller finds its own sales to a phone, also with a + that was not escaped.
    const own = await (shops[1] as Shop).caller.all(`/v1/topups?phone=${String(phones[3])}`);
    expect(own.map(({ seller }) => seller)).toEqual([(shops[1] as Shop).id]);
  });

  test("T4 T21 a sale to a phone drops the seller's credit by exactly that, however the phone is written", async () => {
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

  test("T4 T22 the partner may sell in a seller's name, and has to name one that there is", async () => {
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

  test("T5 T12 T13 T22 credit is never negative: not by a sale, not by a decrease, and amounts are not 0", async () => {
    const shop = await seller(50);
    await shop.caller.refused("POST", "/v1/topups", 422, "insufficient_funds", { phone: PHONE, amount: 51 });
    for (const amount of [0, -5, 1.5, "5", 2 ** 53])
      await shop.caller.refused("POST", "/v1/topups", 400, "validation_failed", { phone: PHONE, amount });
    for (const amount of [0, 1.5, "5", 2 ** 53, -(2 ** 53)])
      await shop.caller.refused("POST", "/v1/credit-requests", 400, "validation_failed", { amount });
    const tooMuch = await request(shop.id, -51);
    await acme.refused("POST", `${tooMuch}/approve`, 422, "insufficient_funds");
    expect(await acme.get(tooMuch)).toMatchObject({ status: "pending", decided_by: null });
    await grant(shop.id, -20);
    expect(await acme.get(shop.path)).toMatchObject({ credit: 30, total_credited: 30 });
    await grant(shop.id, 21);
    expect(await acme.post(`${tooMuch}/approve`, 200)).toMatchObject({ status: "approved", amount: -51 });
    expect(await acme.get(shop.path)).toMatchObject({ credit: 0, total_credited: 0, total_sold: 0 });
  });

  test("T6 T7 T11 1,000,000 credited and 60 sales of 5,000 leave 700,000, each of them an entry", async () => {
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

  test("T20 a day's settlement is what the entries say", async () => {
    const shop = await seller(1_000);
    await sell(shop, 300);
    const { id } = await sell(shop, 200);
    await acme.post(`/v1/transfers/${String(id)}/revert`, 201);
    await grant(shop.id, -100);
    const [newest] = await shop.caller.all(`${shop.path}/entries`);
    const date = String(newest?.["at"]).slice(0, 10);
    expect(await shop.caller.get(`${shop.path}/settlement?date=${date}`)).toEqual({
      seller: shop.id,
      date,
      opening: 0,
      credited: 900,
      sold: 500,
      reverted: 200,
      closing: 600,
    });
    const before = await acme.get(`${shop.path}/settlement?date=2020-02-29`);
    expect(before).toMatchObject({ opening: 0, credited: 0, sold: 0, reverted: 0, closing: 0 });
    for (const wrong of ["2026-02-30", "yesterday", "9999-01-01"])
      await acme.refused("GET", `${shop.path}/settlement?date=${wrong}`, 400, "validation_failed");
    await acme.refused("GET", `${shop.path}/settlement`, 400, "validation_failed");
  });

  test("T10 T22 50 approvals of one request at once credit it once, every time", async () => {
    const shop = await seller();
    for (let round = 1; round <= 10; round++) {
      const path = await request(shop.id, 100);
      const statuses = await acme.race(50, (client) => client.send("POST", `${path}/approve`));
      expect(statuses).toEqual(
        new Map([
          [200, 1],
          [409, 49],
        ]),
      );
      expect(await acme.get(shop.path)).toMatchObject({ credit: 100 * round, total_credited: 100 * round });
    }
    expect(await acme.get(`${shop.path}/reconciliation`)).toMatchObject({
      entries_count: 10,
      reconciled: true,
    });
  });

  test("T10 an approval and a refusal of one request at once: one of them counts", async () => {
    const shop = await seller();
    let granted = 0;
    for (let round = 0; round < 10; round++) {
      const path = await request(shop.id, 100);
      const statuses = await acme.race(20, (client, i) =>
        client.send("POST", `${path}/${i % 2 === 0 ? "approve" : "reject"}`),
      );
      expect(statuses.get(200)).toBe(1);
      if ((await acme.get(path))["status"] === "approved") granted += 100;
      expect(await acme.get(shop.path)).toMatchObject({ credit: granted });
    }
  });

  test("T10 a retried approval meets its first answer, by another key of the partner too", async () => {
    const shop = await seller();
    const path = await request(shop.id, 100);
    const headers = { "Idempotency-Key": "approve-once" };
    const first = await acme.ask("POST", `${path}/approve`, 200, undefined, headers);
    const { api_key: key } = await acme.post("/v1/partners/acme/keys", 201, { role: "partner" });
    const again = await house.caller(String(key)).client.send("POST", `${path}/approve`, undefined, headers);
    expect([again.status, JSON.parse(again.text)]).toEqual([200, first]);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect(await acme.get(shop.path)).toMatchObject({ credit: 100 });
  });

  test("T14 T22 50 sales of 10 on a credit of 100 at once: 10 win, every time", async () => {
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

  test("T14 a reference names one sale of a seller, also when all come at once", async () => {
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
    // What came to nothing has not used its reference up.
    const failed = { phone: PHONE, amount: 999_999, reference: "later" };
    await shop.caller.refused("POST", "/v1/topups", 422, "insufficient_funds", failed);
    await sell(shop, 1, { reference: "later" });
  });

  test("T21 a suspended seller sells nothing until it is resumed; credit may still change", async () => {
    const shop = await seller(100);
    await shop.caller.refused("POST", `${shop.path}/suspend`, 403, "forbidden");
    expect(await acme.post(`${shop.path}/suspend`, 200)).toMatchObject({ status: "suspended", credit: 100 });
    expect(await acme.post(`${shop.path}/suspend`, 200)).toMatchObject({ status: "suspended" });
    const sale = { phone: PHONE, amount: 10 };
    await shop.caller.refused("POST", "/v1/topups", 422, "seller_suspended", sale);
    await grant(shop.id, 5);
    expect(await acme.post(`${shop.path}/resume`, 200)).toMatchObject({ status: "active" });
    expect(await sell(shop, 10)).toMatchObject({ credit: 95 });
    await acme.refused("POST", "/v1/sellers/nobody/suspend", 404, "seller_not_found");
  });

  test("T21 a sale is taken back by the partner, once, and counts no longer; its reference stays used", async () => {
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

  test("T13 a grant is taken back as long as it is not sold, and the request stays decided", async () => {
    const shop = await seller();
    const path = await request(shop.id, 100);
    await acme.post(`${path}/approve`, 200);
    const [entry] = await acme.all(`${shop.path}/entries`);
    expect(entry).toMatchObject({ type: "credit", request: path.split("/").at(-1) });
    const revert = `/v1/transfers/${String(entry?.["transfer_id"])}/revert`;
    await sell(shop, 1);
    await acme.refused("POST", revert, 422, "insufficient_funds");
    await grant(shop.id, 1);
    await acme.post(revert, 201);
    expect(await acme.get(shop.path)).toMatchObject({ credit: 0, total_credited: 1, total_sold: 1 });
    await acme.refused("POST", `${path}/approve`, 409, "already_decided");
  });

  test("a seller's key opens its own and nothing else", async () => {
    const shop = await seller(100);
    const neighbour = await seller(100);
    const { id } = await sell(neighbour, 10, { reference: "theirs" });
    const theirs = await request(neighbour.id, 5);
    const { caller } = shop;
    for (const path of ["", "/entries", "/reconciliation", "/settlement?date=2026-01-01"])
      await caller.refused("GET", `${neighbour.path}${path}`, 404, "seller_not_found");
    await caller.refused("GET", theirs, 404, "credit_request_not_found");
    await caller.refused("GET", `/v1/topups/${String(id)}`, 404, "topup_not_found");
    const named = { seller: neighbour.id, amount: 1 };
    await caller.refused("POST", "/v1/credit-requests", 404, "seller_not_found", named);
    await caller.refused("POST", "/v1/topups", 404, "seller_not_found", { ...named, phone: PHONE });
    expect(await caller.all(`/v1/topups?seller=${neighbour.id}`)).toEqual([]);
    expect(
      (await caller.all(`/v1/topups?phone=${encodeURIComponent(PHONE)}`)).map((row) => row["seller"]),
    ).toEqual([]);
    await caller.refused("POST", "/v1/sellers", 403, "forbidden", { name: "x" });
    await caller.refused("GET", "/v1/transfers", 403, "forbidden");
    await caller.refused("GET", `/v1/accounts/credit:${shop.id}`, 403, "forbidden");
  });

  test("further keys of a seller are made by naming it, and revoked like any key", async () => {
    const shop = await seller(100);
    const keys = "/v1/partners/acme/keys";
    await acme.refused("POST", keys, 400, "validation_failed", { role: "seller" });
    await acme.refused("POST", keys, 400, "validation_failed", { role: "read", seller: shop.id });
    await acme.refused("POST", keys, 404, "seller_not_found", { role: "seller", seller: "nobody" });
    const second = await acme.post(keys, 201, { role: "seller", seller: shop.id, name: "till 2" });
    expect(second).toMatchObject({ role: "seller", seller: shop.id, name: "till 2" });
    const till = house.caller(String(second["api_key"]));
    expect(await till.get(shop.path)).toMatchObject({ credit: 100 });
    const listed = (await acme.all(`${keys}?limit=500`)).filter((key) => key["seller"] === shop.id);
    expect(listed).toHaveLength(2);
    await acme.ask("DELETE", `${keys}/${String(second["id"])}`, 204);
    await till.refused("GET", shop.path, 401, "unauthenticated");
  });

  test("a retry of a new seller gets the same key, and a sale's its first answer", async () => {
    const headers = { "Idempotency-Key": "seller-once" };
    const body = { name: "Once" };
    const first = await acme.ask("POST", "/v1/sellers", 201, body, headers);
    const again = await acme.client.send("POST", "/v1/sellers", body, headers);
    expect(JSON.parse(again.text)).toEqual(first);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    const changed = await acme.ask("POST", "/v1/sellers", 422, { name: "Twice" }, headers);
    expect(changed).toMatchObject({ code: "idempotency_key_reused" });
    // One key for two sellers is two requests, and makes two keys.
    const [a, b] = await Promise.all(
      ["twin-a", "twin-b"].map((id) => acme.ask("POST", "/v1/sellers", 201, { id, name: id }, headers)),
    );
    expect(a?.["key_id"]).not.toBe(b?.["key_id"]);
    await grant(String(first["id"]), 100);
    const shop = house.caller(String(first["api_key"]));
    const sale = { phone: PHONE, amount: 10 };
    const once = { "Idempotency-Key": "sale-once" };
    const sold = await shop.ask("POST", "/v1/topups", 201, sale, once);
    expect(await shop.ask("POST", "/v1/topups", 201, sale, once)).toEqual(sold);
    expect(await shop.get(`/v1/sellers/${String(first["id"])}`)).toMatchObject({ credit: 90 });
  });

  test("sellers of two partners with the same name have nothing in common", async () => {
    const shop = await seller(100);
    await other.post("/v1/sellers", 201, { id: shop.id, name: "Other" });
    expect(await other.get(shop.path)).toMatchObject({ credit: 0, name: "Other" });
    const mine = await request(shop.id, 10);
    await other.refused("POST", `${mine}/approve`, 404, "credit_request_not_found");
    await other.refused("GET", `/v1/phones/${PHONE}`, 404, "phone_not_found");
    expect(await other.all("/v1/topups")).toEqual([]);
  });

  test("all of it is there after a kill, and the books balance", async () => {
    const shop = await seller(1_000);
    await sell(shop, 100, { reference: "kept" });
    const waiting = await request(shop.id, 50);
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
