/** Statuses: missing permissions, optional bodies, and unknown names in queries. */
import { beforeAll, expect, test } from "vitest";
import { openShop, type Shop } from "../programmes/shop.ts";
import { type Caller, startTestServer } from "../programmes/test-server.ts";
import { type Person, Wallets } from "../programmes/wallets.ts";

const house = startTestServer({});
let acme: Caller;
let shop: Shop;
let person: Person;
let bank: Caller;
let wallets: Wallets;

beforeAll(async () => {
  acme = await house.partner("acme");
  shop = await openShop(house, acme, "kiosk", 100);
  await openShop(house, acme, "corner");
  wallets = new Wallets(house);
  person = await wallets.person(10);
  bank = await wallets.bank("north");
});

test("a wallet session gets 403 on other routes, and an unknown or ended one gets 401", async () => {
  const routes = [
    ["GET", "/v1/accounts"],
    ["POST", "/v1/transfers"],
    ["GET", "/v1/deposits"],
    ["POST", "/v1/deposits"],
    ["GET", "/v1/partners"],
    ["GET", "/v1/sellers"],
    ["GET", "/v1/trial-balance"],
    ["GET", "/v1/admin/shards"],
  ] as const;
  const { caller } = await wallets.person();
  for (const [method, path] of routes) await person.caller.refused(method, path, 403, "forbidden");
  await person.caller.refused("GET", "/v1/nothing", 404, "not_found");
  await person.caller.refused("PUT", "/v1/wallet", 405, "method_not_allowed");
  await shop.caller.refused("GET", "/v1/nothing", 404, "not_found");
  await bank.refused("GET", "/v1/nothing", 404, "not_found");
  const token = person.token.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
  for (const [method, path] of routes)
    await house.caller(token).refused(method, path, 401, "unauthenticated");
  await house.caller(token).refused("GET", "/v1/nothing", 401, "unauthenticated");
  const { password, email } = person;
  const again = await caller.post("/v1/wallet/login", 200, { email, password });
  const ended = house.caller(String(again["token"]));
  await ended.post("/v1/wallet/logout", 200);
  await ended.refused("GET", "/v1/accounts", 401, "unauthenticated");
});

test("a wallet session cookie gets 403 on other routes", async () => {
  const send = async (path: string) =>
    (await fetch(`${house.server.url}${path}`, { headers: { Cookie: `daybook_session=${person.token}` } }))
      .status;
  expect(await send("/v1/wallet")).toBe(200);
  expect(await send("/v1/accounts")).toBe(403);
  expect((await fetch(`${house.server.url}/v1/accounts`)).status).toBe(401);
});

test("a body may be omitted if all its members are optional", async () => {
  await acme.post("/v1/users", 201);
  await acme.post("/v1/loyalty/members", 201);
  await acme.post("/v1/accounts", 201, { id: "alice", asset: "PTS/0" });
  await acme.ask("PATCH", "/v1/accounts/alice", 200);
  await acme.ask("PATCH", "/v1/users/ann/segments", 200);
  for (const type of ["application/json", "text/plain"])
    await acme.ask("POST", "/v1/users", 201, "", { "Content-Type": type });
  const { id } = await acme.post("/v1/credit-requests", 201, { seller: "kiosk", amount: 1 });
  await acme.post(`/v1/credit-requests/${String(id)}/reject`, 200);
  await acme.ask("POST", "/v1/users", 415, "{}", { "Content-Type": "text/plain" });
  await acme.refused("POST", "/v1/loyalty/members", 400, "validation_failed", { nick: "x" });
  for (const path of ["/v1/accounts", "/v1/transfers", "/v1/segments", "/v1/sellers"])
    expect((await acme.client.send("POST", path, "")).status, path).toBe(400);
});

test("a key of role bank needs a name that is valid in an account id", async () => {
  const owner = house.caller("operator-key-for-tests-0123456789abcdef");
  const keys = "/v1/partners/house/keys";
  for (const name of [undefined, "a/b", "a bank", "ü", "x".repeat(123)])
    await owner.refused("POST", keys, 400, "validation_failed", { role: "bank", name });
  await owner.post(keys, 201, { role: "bank", name: "x".repeat(122) });
  await owner.post(keys, 201, { role: "read" });
});

test("a list that is filtered by an unknown name gets 404", async () => {
  await acme.post("/v1/accounts", 201, { id: "bare", asset: "PTS/0" });
  expect(await acme.get("/v1/transfers?account=bare")).toMatchObject({ data: [] });
  const other = await house.partner("other");
  await other.post("/v1/accounts", 201, { id: "theirs", asset: "PTS/0" });
  for (const account of ["nobody", "theirs", "@nobody"])
    for (const more of ["", "&status=pending", "&limit=1"])
      await acme.refused("GET", `/v1/transfers?account=${account}${more}`, 404, "account_not_found");
  for (const path of ["/v1/topups", "/v1/credit-requests"]) {
    expect(await acme.get(`${path}?seller=corner`)).toMatchObject({ data: [] });
    await acme.refused("GET", `${path}?seller=nobody`, 404, "seller_not_found");
    // Another seller gets the same answer as an unknown one.
    const unknown = await shop.caller.ask("GET", `${path}?seller=nobody`, 404);
    const foreign = await shop.caller.ask("GET", `${path}?seller=corner`, 404);
    expect(foreign).toEqual(JSON.parse(JSON.stringify(unknown).replaceAll("nobody", "corner")));
    await shop.caller.get(`${path}?seller=kiosk`);
  }
  await acme.refused("GET", "/v1/vouchers?email=nobody@example.com", 404, "customer_not_found");
  const report = { year: 2026, month: 1, user_id: "nobody" };
  await acme.refused("POST", "/v1/segment-reports", 404, "user_not_found", report);
});
