/** Pages are full up to the last one, which has no cursor, and cursors reveal nothing about rows of others. */
import { beforeAll, expect, test } from "vitest";
import { openShop, PHONE, requestCredit, type Shop, sell } from "../programmes/shop.ts";
import { type Caller, type Json, startTestServer } from "../programmes/test-server.ts";
import { Wallets } from "../programmes/wallets.ts";

const house = startTestServer({});
let acme: Caller;

beforeAll(async () => {
  acme = await house.partner("acme");
});

/** All rows. Every page but the last is full, and the last one is empty only if the list is. */
async function pagesOf(caller: Caller, path: string, limit: number): Promise<readonly Json[]> {
  const rows: Json[] = [];
  const joint = path.includes("?") ? "&" : "?";
  for (let cursor: string | null = null; ; ) {
    const from: string = cursor === null ? "" : `&cursor=${cursor}`;
    const page = await caller.get(`${path}${joint}limit=${limit}${from}`);
    const data = page["data"] as Json[];
    cursor = page["next_cursor"] as string | null;
    if (cursor !== null) expect(data.length, path).toBe(limit);
    else if (rows.length > 0) expect(data.length, path).toBeGreaterThan(0);
    rows.push(...data);
    if (cursor === null) return rows;
  }
}

/** Expects the same rows with every page size from 1 to one more than `count`. */
async function expectRows(caller: Caller, path: string, count: number): Promise<void> {
  const ids = new Set<string>();
  for (let limit = 1; limit <= count + 1; limit++) {
    const rows = await pagesOf(caller, path, limit);
    expect(rows.length, `${path} by ${limit}`).toBe(count);
    ids.add(JSON.stringify(rows));
  }
  expect(ids.size, path).toBe(1);
}

test("pages of top-ups are full despite reverts, credit grants and other sellers' sales", async () => {
  const [shop, rival] = [
    await openShop(house, acme, "shop", 1_000),
    await openShop(house, acme, "rival", 1_000),
  ];
  const { id: first } = await sell(shop, 1);
  await sell(rival, 2);
  await sell(shop, 3, { phone: "+989120000001" });
  await acme.post(`/v1/transfers/${String(first)}/revert`, 201);
  const { id: last } = await sell(rival, 4);
  await acme.post(`/v1/transfers/${String(last)}/revert`, 201);
  const phone = `phone=${encodeURIComponent(PHONE)}`;
  await expectRows(acme, "/v1/topups", 4);
  await expectRows(acme, "/v1/topups?seller=shop", 2);
  await expectRows(acme, `/v1/topups?${phone}`, 3);
  await expectRows(acme, `/v1/topups?${phone}&seller=rival`, 2);
  await expectRows(shop.caller, "/v1/topups", 2);
  await expectRows(shop.caller, `/v1/topups?${phone}`, 1);
});

test("a phone's list reveals nothing to a seller about the sales of others", async () => {
  const partner = await house.partner("quiet");
  const [shop, rival] = [
    await openShop(house, partner, "shop", 99),
    await openShop(house, partner, "rival", 99),
  ];
  const path = `/v1/topups?limit=1&phone=${encodeURIComponent(PHONE)}`;
  const before = await shop.caller.get(path);
  for (let i = 0; i < 3; i++) await sell(rival, 1);
  expect(await shop.caller.get(path)).toEqual(before);
  await sell(shop, 1);
  const own = await shop.caller.get(path);
  expect(own).toMatchObject({ data: [{ seller: "shop" }], next_cursor: null });
  await sell(rival, 1);
  expect(await shop.caller.get(path)).toEqual(own);
});

test("a cursor depends only on the last row shown, not on later sales of others", async () => {
  const partner = await house.partner("cursors");
  const [shop, rival] = [
    await openShop(house, partner, "shop", 99),
    await openShop(house, partner, "rival", 99),
  ];
  const page = async () =>
    (await shop.caller.get(`/v1/topups?limit=1&phone=${encodeURIComponent(PHONE)}`))["next_cursor"];
  await sell(shop, 1);
  await sell(rival, 1);
  await sell(shop, 2);
  const cursor = await page();
  expect(cursor).not.toBeNull();
  await sell(rival, 1);
  expect(await page()).toBe(cursor);
});

test("pages of transfers and credit requests by status, and of deposits and withdrawals, are full", async () => {
  await acme.post("/v1/accounts", 201, { id: "alice", asset: "PTS/0" });
  const given = { debit_account: "@issuance", credit_account: "alice", amount: 9 };
  await acme.post("/v1/transfers", 201, given);
  const held = { debit_account: "alice", credit_account: "@redeemed", amount: 1, pending: true };
  for (let i = 0; i < 6; i++) {
    const { id } = await acme.post("/v1/transfers", 201, held);
    if (i % 3 !== 0) await acme.post(`/v1/transfers/${String(id)}/${i % 3 === 1 ? "void" : "post"}`, 200);
  }
  for (const status of ["pending", "voided"]) {
    await expectRows(acme, `/v1/transfers?account=alice&status=${status}`, 2);
    await expectRows(acme, `/v1/transfers?status=${status}`, 2);
  }
  const lister = await house.partner("lister");
  const shop: Shop = await openShop(house, lister, "s", 0);
  for (let i = 0; i < 6; i++) {
    const path = await requestCredit(lister, shop.id, i + 1);
    if (i % 3 !== 0) await lister.post(`${path}/${i % 3 === 1 ? "approve" : "reject"}`, 200);
  }
  for (const status of ["pending", "approved", "rejected"])
    for (const caller of [lister, shop.caller])
      await expectRows(caller, `/v1/credit-requests?status=${status}`, 2);
  const wallets = new Wallets(house);
  const bank = await wallets.bank("south");
  const { wallet, caller } = await wallets.person();
  const deposit = { wallet_id: wallet, amount: 9, details: "x" };
  await bank.post("/v1/deposits", 201, deposit);
  for (const verb of ["confirm", "fail", "confirm"]) {
    const withdrawal = await caller.post("/v1/wallet/withdrawals", 201, { amount: 2, details: "out" });
    await bank.post(`/v1/withdrawals/${String(withdrawal["id"])}/${verb}`, 200);
  }
  await bank.post("/v1/deposits", 201, deposit);
  await bank.post(
    `/v1/withdrawals/${String((await caller.post("/v1/wallet/withdrawals", 201, { amount: 1, details: "y" }))["id"])}/confirm`,
    200,
  );
  await expectRows(bank, "/v1/deposits", 2);
  await expectRows(bank, "/v1/withdrawals?status=failed", 1);
  await expectRows(bank, "/v1/withdrawals?status=confirmed", 3);
});

test("pages of vouchers by status, and of a segment with few users, are full", async () => {
  const email = "ann@example.com";
  await acme.post("/v1/customers", 201, { email });
  await acme.ask("PUT", "/v1/offers/sale", 200, { discount: 10 });
  for (let i = 0; i < 6; i++) {
    const issued = await acme.post("/v1/vouchers", 201, {
      email,
      offer_name: "sale",
      expires_at: "2099-01-01T00:00:00Z",
    });
    if (i % 3 !== 0)
      await acme.post(
        `/v1/vouchers/${String(issued["code"])}/${i % 3 === 1 ? "cancel" : "redeem"}`,
        200,
        i % 3 === 1 ? undefined : { email },
      );
  }
  for (const status of ["valid", "cancelled", "redeemed"])
    await expectRows(acme, `/v1/vouchers?email=${email}&status=${status}`, 2);
  for (const slug of ["FEW", "CROWD"]) await acme.post("/v1/segments", 201, { slug });
  await acme.post("/v1/segments/FEW/users", 200, { ids: ["a", "b"] });
  await acme.post("/v1/segments/CROWD/users", 200, { ids: Array.from({ length: 9_000 }, (_, i) => `c${i}`) });
  await acme.post("/v1/segments/FEW/users", 200, { ids: ["c"] });
  await expectRows(acme, "/v1/segments/FEW/users", 3);
});
