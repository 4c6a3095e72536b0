/** Every programme on shards in processes: its acts cross sockets, and are there again after the server is killed. */
import { beforeAll, expect, test } from "vitest";
import { OPERATOR_KEY } from "../../support/server.ts";
import { grant, openShop, sell } from "./shop.ts";
import { type Caller, startTestServer } from "./test-server.ts";
import { balanceOf, Wallets } from "./wallets.ts";

const house = startTestServer({ ISOLATION: "processes" });
const wallets = new Wallets(house);
let key: string;
let acme: Caller;

beforeAll(async () => {
  key = await house.newPartner("acme");
  acme = house.caller(key, "acme");
});

/** What `read` returns is the same after the server was killed and started again. */
async function expectKept(read: (caller: Caller) => Promise<unknown>): Promise<void> {
  const before = await read(acme);
  await house.restart();
  acme = house.caller(key, "acme");
  expect(await read(acme)).toEqual(before);
}

test("loyalty: points are accrued, redeemed and listed", async () => {
  const members = Array.from({ length: 12 }, (_, i) => `m${i}`);
  for (const id of members) {
    await acme.post("/v1/loyalty/members", 201, { id });
    await acme.post(`/v1/loyalty/members/${id}/accruals`, 201, { points: 10, description: "visit" });
  }
  await acme.post("/v1/loyalty/members/m1/redemptions", 201, { points: 4, description: "coffee" });
  expect(await acme.get("/v1/loyalty/summary")).toMatchObject({ members: 12, outstanding: 116, spent: 4 });
  await expectKept(async (caller) => [
    await caller.get("/v1/loyalty/summary"),
    await caller.all("/v1/loyalty/members?limit=5"),
  ]);
});

test("vouchers: an offer is known on every shard, and a voucher is redeemed once", async () => {
  await acme.ask("PUT", "/v1/offers/sale", 200, { discount: 20 });
  const codes: string[] = [];
  for (let i = 0; i < 12; i++) {
    const email = `c${i}@example.com`;
    await acme.post("/v1/customers", 201, { email });
    const made = await acme.post("/v1/vouchers", 201, {
      offer_name: "sale",
      email,
      expires_at: "2090-01-01T00:00:00.000Z",
    });
    codes.push(String(made["code"]));
  }
  const statuses = await acme.race(8, (client) =>
    client.send("POST", `/v1/vouchers/${codes[0]}/redeem`, { email: "c0@example.com" }),
  );
  expect(statuses).toEqual(
    new Map([
      [200, 1],
      [409, 7],
    ]),
  );
  await expectKept((caller) => caller.all("/v1/vouchers?email=c0@example.com&status=redeemed"));
});

test("vouchers: the uses of a batch with an amount are taken once each, and its codes are listed", async () => {
  await acme.ask("PUT", "/v1/offers/fixed", 200, { amount: 500, asset: "USD/2" });
  const batch = { offer_name: "fixed", expires_at: "2090-01-01T00:00:00.000Z", emails: "all", uses_max: 3 };
  const { id } = await acme.post("/v1/voucher-batches", 202, batch);
  const path = `/v1/voucher-batches/${String(id)}/codes`;
  let rows = await acme.all(`${path}?limit=5`);
  for (; rows.length < 12; rows = await acme.all(`${path}?limit=5`));
  expect(new Set(rows.map(({ email }) => email)).size).toBe(12);
  const { code, email } = rows[0] ?? {};
  const made = await acme.post("/v1/partners/acme/keys", 201, { role: "redeemer", name: "till" });
  const till = house.caller(String(made["api_key"]));
  const race = (caller: Caller, action: string) =>
    caller.race(8, (client) => client.send("POST", `/v1/vouchers/${String(code)}/${action}`, { email }));
  expect((await race(till, "redeem")).get(200)).toBe(3);
  expect((await race(till, "rollback")).get(403)).toBe(8);
  await acme.post(`/v1/vouchers/${String(code)}/rollback`, 200, { email, redemption: 2 });
  await expectKept(async (caller) => [
    await caller.all(`${path}?limit=5`),
    await caller.all(`/v1/vouchers?email=${String(email)}&status=all`),
    (await caller.client.send("GET", path, undefined, { Accept: "text/csv" })).text,
  ]);
  await acme.refused("POST", `/v1/vouchers/${String(code)}/rollback`, 409, "not_redeemed", {
    email,
    redemption: 2,
  });
});

test("segments: users of all shards hold a segment, and lose it with the segment", async () => {
  const ids = Array.from({ length: 30 }, (_, i) => `u${i}`);
  await acme.post("/v1/segments", 201, { slug: "ALL" });
  expect(await acme.post("/v1/segments/ALL/users", 200, { ids })).toEqual({ added: 30 });
  await expectKept(async (caller) => [
    await caller.get("/v1/segments/ALL"),
    await caller.all("/v1/segments/ALL/users?limit=7"),
  ]);
  await acme.ask("DELETE", "/v1/segments/ALL", 204);
  expect(await acme.get("/v1/users/u0/segments")).toMatchObject({ segments: [] });
});

test("top-up: concurrent sales never exceed the seller's credit", async () => {
  const shop = await openShop(house, acme, "shop", 100);
  const statuses = await shop.caller.race(30, (client, i) =>
    client.send("POST", "/v1/topups", { phone: `+98912000${1000 + i}`, amount: 10 }),
  );
  expect(statuses.get(201)).toBe(10);
  await grant(acme, "shop", 10);
  await sell(shop, 10);
  await expectKept(async (caller) => [
    await caller.get("/v1/sellers/shop"),
    await caller.all("/v1/phones?limit=4"),
  ]);
});

test("wallets: money is sent, held and captured between shards", async () => {
  const [ann, ben] = [await wallets.person(1_000), await wallets.person()];
  await ann.caller.post("/v1/wallet/transfers", 201, { to_wallet_id: ben.wallet, amount: 300 });
  const { id: hold } = await ann.caller.post("/v1/wallet/holds", 201, { amount: 200, timeout_s: 600 });
  await ann.caller.post(`/v1/wallet/holds/${String(hold)}/capture`, 200, { to_wallet_id: ben.wallet });
  expect([await balanceOf(ann), await balanceOf(ben)]).toEqual([500, 500]);
  await house.restart();
  expect([await balanceOf(wallets.again(ann)), await balanceOf(wallets.again(ben))]).toEqual([500, 500]);
});

test("wallets: a merchant captures a hold, a deposit is returned, a transfer is corrected, a wallet is closed", async () => {
  const operator = house.caller(OPERATOR_KEY);
  const [ann, shop] = [await wallets.person(100), await wallets.person()];
  const { id: hold } = await ann.caller.post("/v1/wallet/holds", 201, { amount: 60, to_email: shop.email });
  const path = `/v1/wallet/holds/${String(hold)}`;
  await ann.caller.refused("POST", `${path}/void`, 409, "hold_of_payee");
  await shop.caller.post(`${path}/capture`, 200, { amount: 50 });
  const { id: sent } = await ann.caller.post("/v1/wallet/transfers", 201, {
    to_email: shop.email,
    amount: 10,
  });
  const why = { reason: "mistake" };
  await operator.post(`/v1/wallet-transfers/${String(sent)}/correct`, 201, why);
  const { id: deposit } = await wallets.deposit(shop.wallet, 5);
  await (await wallets.bank("north")).post(`/v1/deposits/${String(deposit)}/return`, 201, why);
  expect([await balanceOf(ann), await balanceOf(shop)]).toEqual([50, 50]);
  await ann.caller.post("/v1/wallet/transfers", 201, { to_wallet_id: shop.wallet, amount: 50 });
  await operator.post(`/v1/wallet-users/${shop.user}/freeze`, 200);
  await operator.post(`/v1/wallet-users/${ann.user}/close`, 200);
  const statuses = async (caller: Caller) =>
    Promise.all(
      [ann, shop].map(async ({ user }) => (await caller.get(`/v1/wallet-users/${user}`))["status"]),
    );
  expect(await statuses(operator)).toEqual(["closed", "frozen"]);
  await house.restart();
  expect(await statuses(house.caller(OPERATOR_KEY))).toEqual(["closed", "frozen"]);
  expect(await balanceOf(wallets.again(shop))).toBe(100);
  expect(await house.caller(OPERATOR_KEY).get("/v1/trial-balance")).toMatchObject({ balanced: true });
});
