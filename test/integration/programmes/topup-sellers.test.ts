/**
 * Sellers, their keys and their credit requests over HTTP: one scenario per requirement.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { grant, openShop, PHONE, requestCredit, type Shop, sell } from "./shop.ts";
import { type Caller, startTestServer } from "./test-server.ts";

describe("top-up sellers", () => {
  const house = startTestServer();
  let acme: Caller;
  let made = 0;

  beforeAll(async () => {
    acme = await house.partner("acme");
  });

  function seller(credit = 0, partner = acme): Promise<Shop> {
    made += 1;
    return openShop(house, partner, `s${made}`, credit);
  }

  test("T1 each seller has credit, an API key and a history of its own", async () => {
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

  test("T1 sellers of all shards are listed, newest first, and a seller sees only itself", async () => {
    const lister = await house.partner("lister");
    const shops: Shop[] = [];
    for (let i = 0; i < 12; i++) shops.push(await seller(0, lister));
    const ids = shops.map(({ id }) => id).toReversed();
    expect((await lister.all("/v1/sellers?limit=5")).map(({ id }) => id)).toEqual(ids);
    const [first] = shops as [Shop];
    expect((await first.caller.all("/v1/sellers")).map(({ id }) => id)).toEqual([first.id]);
  });

  test("T2 a seller requests credit, and only the partner's approval grants it", async () => {
    const shop = await seller();
    const request = await shop.caller.post("/v1/credit-requests", 201, { amount: 900, note: "weekend" });
    expect(request).toMatchObject({ seller: shop.id, amount: 900, status: "pending", note: "weekend" });
    const path = `/v1/credit-requests/${String(request["id"])}`;
    await shop.caller.refused("POST", `${path}/approve`, 403, "forbidden");
    await shop.caller.refused("POST", `${path}/reject`, 403, "forbidden");
    expect(await acme.get(shop.path)).toMatchObject({ credit: 0 });
    const approved = await acme.post(`${path}/approve`, 200);
    expect(approved).toMatchObject({ id: request["id"], status: "approved", amount: 900, reason: null });
    expect(approved["decided_by"]).toMatch(/^key_/);
    expect(approved["decided_at"]).toMatch(/Z$/);
    expect(await shop.caller.get(path)).toEqual(approved);
    expect(await acme.get(shop.path)).toMatchObject({ credit: 900, total_credited: 900 });
  });

  test("T2 T19 T21 a rejection has a reason, moves nothing, and is final", async () => {
    const shop = await seller();
    const path = await requestCredit(acme, shop.id, 700);
    const rejected = await acme.post(`${path}/reject`, 200, { reason: "Pay first" });
    expect(rejected).toMatchObject({ status: "rejected", reason: "Pay first" });
    await acme.refused("POST", `${path}/approve`, 409, "already_decided");
    await acme.refused("POST", `${path}/reject`, 409, "already_decided");
    expect(await acme.get(path)).toEqual(rejected);
    expect(await acme.get(shop.path)).toMatchObject({ credit: 0 });
    const bare = await requestCredit(acme, shop.id, 1);
    expect(await acme.post(`${bare}/reject`, 200)).toMatchObject({ status: "rejected", reason: null });
    await acme.refused("POST", `${bare}x/approve`, 404, "credit_request_not_found");
    await acme.refused("POST", `${bare.slice(0, -1)}_/approve`, 404, "credit_request_not_found");
  });

  test("T2 requests are listed by status and seller, newest first", async () => {
    const lister = await house.partner("requests");
    const shops = [await seller(0, lister), await seller(0, lister), await seller(0, lister)];
    const paths: string[] = [];
    for (let i = 0; i < 9; i++) paths.push(await requestCredit(lister, (shops[i % 3] as Shop).id, i + 1));
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
    const others = `/v1/credit-requests?seller=${second.id}`;
    await first.caller.refused("GET", others, 404, "seller_not_found");
    await lister.refused("GET", "/v1/credit-requests?status=lost", 400, "validation_failed");
  });

  test("T10 T22 50 concurrent approvals of one request credit it exactly once", async () => {
    const shop = await seller();
    for (let round = 1; round <= 10; round++) {
      const path = await requestCredit(acme, shop.id, 100);
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

  test("T10 concurrent approval and rejection of one request: exactly one succeeds", async () => {
    const shop = await seller();
    let granted = 0;
    for (let round = 0; round < 10; round++) {
      const path = await requestCredit(acme, shop.id, 100);
      const statuses = await acme.race(20, (client, i) =>
        client.send("POST", `${path}/${i % 2 === 0 ? "approve" : "reject"}`),
      );
      expect(statuses.get(200)).toBe(1);
      if ((await acme.get(path))["status"] === "approved") granted += 100;
      expect(await acme.get(shop.path)).toMatchObject({ credit: granted });
    }
  });

  test("T10 a retried approval gets the first answer, also with another key of the partner", async () => {
    const shop = await seller();
    const path = await requestCredit(acme, shop.id, 100);
    const headers = { "Idempotency-Key": "approve-once" };
    const first = await acme.ask("POST", `${path}/approve`, 200, undefined, headers);
    const { api_key: key } = await acme.post("/v1/partners/acme/keys", 201, { role: "partner" });
    const again = await house.caller(String(key)).client.send("POST", `${path}/approve`, undefined, headers);
    expect([again.status, JSON.parse(again.text)]).toEqual([200, first]);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect(await acme.get(shop.path)).toMatchObject({ credit: 100 });
  });

  test("T21 a suspended seller cannot sell until it is resumed; its credit may still change", async () => {
    const shop = await seller(100);
    await shop.caller.refused("POST", `${shop.path}/suspend`, 403, "forbidden");
    expect(await acme.post(`${shop.path}/suspend`, 200)).toMatchObject({ status: "suspended", credit: 100 });
    expect(await acme.post(`${shop.path}/suspend`, 200)).toMatchObject({ status: "suspended" });
    const sale = { phone: PHONE, amount: 10 };
    await shop.caller.refused("POST", "/v1/topups", 422, "seller_suspended", sale);
    await grant(acme, shop.id, 5);
    expect(await acme.post(`${shop.path}/resume`, 200)).toMatchObject({ status: "active" });
    expect(await sell(shop, 10)).toMatchObject({ credit: 95 });
    await acme.refused("POST", "/v1/sellers/nobody/suspend", 404, "seller_not_found");
  });

  test("T13 a grant can be reverted while the credit is unsold, and the request stays decided", async () => {
    const shop = await seller();
    const path = await requestCredit(acme, shop.id, 100);
    await acme.post(`${path}/approve`, 200);
    const [entry] = await acme.all(`${shop.path}/entries`);
    expect(entry).toMatchObject({ type: "credit", request: path.split("/").at(-1) });
    const revert = `/v1/transfers/${String(entry?.["transfer_id"])}/revert`;
    await sell(shop, 1);
    await acme.refused("POST", revert, 422, "insufficient_funds");
    await grant(acme, shop.id, 1);
    await acme.post(revert, 201);
    expect(await acme.get(shop.path)).toMatchObject({ credit: 0, total_credited: 1, total_sold: 1 });
    await acme.refused("POST", `${path}/approve`, 409, "already_decided");
  });

  test("a seller's key reaches the seller's own data and nothing else", async () => {
    const shop = await seller(100);
    const neighbour = await seller(100);
    const { id } = await sell(neighbour, 10, { reference: "theirs" });
    const theirs = await requestCredit(acme, neighbour.id, 5);
    const { caller } = shop;
    for (const path of ["", "/entries", "/reconciliation", "/settlement?date=2026-01-01"])
      await caller.refused("GET", `${neighbour.path}${path}`, 404, "seller_not_found");
    await caller.refused("GET", theirs, 404, "credit_request_not_found");
    await caller.refused("GET", `/v1/topups/${String(id)}`, 404, "topup_not_found");
    const named = { seller: neighbour.id, amount: 1 };
    await caller.refused("POST", "/v1/credit-requests", 404, "seller_not_found", named);
    await caller.refused("POST", "/v1/topups", 404, "seller_not_found", { ...named, phone: PHONE });
    await caller.refused("GET", `/v1/topups?seller=${neighbour.id}`, 404, "seller_not_found");
    expect(
      (await caller.all(`/v1/topups?phone=${encodeURIComponent(PHONE)}`)).map((row) => row["seller"]),
    ).toEqual([]);
    await caller.refused("POST", "/v1/sellers", 403, "forbidden", { name: "x" });
    await caller.refused("GET", "/v1/transfers", 403, "forbidden");
    await caller.refused("GET", `/v1/accounts/credit:${shop.id}`, 403, "forbidden");
  });

  test("more keys for a seller are created by naming the seller, and revoked like any key", async () => {
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

  test("a retry of a seller's creation does not show the key again; a retry of a sale gets the first answer", async () => {
    const headers = { "Idempotency-Key": "seller-once" };
    const body = { name: "Once" };
    const first = await acme.ask("POST", "/v1/sellers", 201, body, headers);
    const again = await acme.client.send("POST", "/v1/sellers", body, headers);
    expect(JSON.parse(again.text)).toEqual({ ...first, api_key: null, secret_shown: true });
    expect(again.headers["idempotency-replayed"]).toBe("true");
    const changed = await acme.ask("POST", "/v1/sellers", 422, { name: "Twice" }, headers);
    expect(changed).toMatchObject({ code: "idempotency_key_reused" });
    const all = await Promise.all(
      Array.from({ length: 10 }, () =>
        acme.ask("POST", "/v1/sellers", 201, { id: "many", name: "Many" }, headers),
      ),
    );
    expect(new Set(all.map((made) => made["key_id"])).size).toBe(1);
    expect(all.filter((made) => made["api_key"] !== null)).toHaveLength(1);
    // The same idempotency key for two sellers means two requests, which create two API keys.
    const [a, b] = await Promise.all(
      ["twin-a", "twin-b"].map((id) => acme.ask("POST", "/v1/sellers", 201, { id, name: id }, headers)),
    );
    expect(a?.["key_id"]).not.toBe(b?.["key_id"]);
    const wish = { seller: first["id"], amount: 5 };
    const once = { "Idempotency-Key": "wish-once" };
    const wished = await acme.ask("POST", "/v1/credit-requests", 201, wish, once);
    expect(await acme.ask("POST", "/v1/credit-requests", 201, wish, once)).toEqual(wished);
    await grant(acme, String(first["id"]), 100);
    const shop = house.caller(String(first["api_key"]));
    const sale = { phone: PHONE, amount: 10 };
    const sold = await shop.ask("POST", "/v1/topups", 201, sale, { "Idempotency-Key": "sale-once" });
    expect(await shop.ask("POST", "/v1/topups", 201, sale, { "Idempotency-Key": "sale-once" })).toEqual(sold);
    expect(await shop.get(`/v1/sellers/${String(first["id"])}`)).toMatchObject({ credit: 90 });
  });
});
