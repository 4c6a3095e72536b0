/** The codes of a batch, and the list of customers, over HTTP. */
import { beforeAll, expect, test } from "vitest";
import { sendUntilDone } from "../../support/server.ts";
import { type Caller, type Json, startTestServer } from "./test-server.ts";
import { at, BATCHES, completed, LATER, redeem } from "./voucher-callers.ts";

const house = startTestServer();
const CUSTOMERS = 900;
const COLUMNS = "code,email,offer_name,discount,amount,asset,expires_at,status,uses_left";
const emails = Array.from({ length: CUSTOMERS }, (_, i) => `m${i}@example.com`);
let acme: Caller;
let key: string;

beforeAll(async () => {
  key = await house.newPartner("acme");
  acme = house.caller(key);
  await acme.race(CUSTOMERS, (client, i) => sendUntilDone(client, "/v1/customers", { email: emails[i] }));
  await acme.ask("PUT", "/v1/offers/mass", 200, { discount: 12.5 });
});

async function newBatch(caller: Caller, more: Json = {}): Promise<string> {
  const body = { offer_name: "mass", expires_at: LATER, emails: "all", ...more };
  const { id } = await caller.post(BATCHES, 202, body);
  await completed(caller, id);
  return `${BATCHES}/${String(id)}/codes`;
}

async function csvOf(caller: Caller, path: string, accept = "text/csv"): Promise<readonly string[]> {
  const answer = await caller.client.send("GET", path, undefined, { Accept: accept });
  expect(answer.status).toBe(200);
  expect(answer.headers).toMatchObject({
    "content-type": "text/csv; charset=utf-8; header=present",
    vary: "Accept",
  });
  const [header, ...lines] = answer.text.trimEnd().split("\r\n");
  expect(header).toBe(COLUMNS);
  return lines;
}

test("all codes of a batch are listed once, in pages and as one CSV file, with their status now", async () => {
  const path = await newBatch(acme, { uses_max: 2 });
  const other = await newBatch(acme, { emails: emails.slice(0, 40) });
  const rows = await acme.all(`${path}?limit=100`);
  expect(new Set(rows.map(({ email }) => email))).toEqual(new Set(emails));
  expect(new Set(rows.map(({ code }) => code)).size).toBe(CUSTOMERS);
  expect(rows).toHaveLength(CUSTOMERS);
  const [first, second] = rows as [Json, Json];
  expect(first).toEqual({
    code: expect.any(String),
    email: expect.any(String),
    offer_name: "mass",
    discount: 12.5,
    expires_at: LATER,
    status: "valid",
    uses_left: 2,
  });
  await redeem(acme, first, String(first["email"]));
  await acme.post(`${at(second)}/cancel`, 200);
  const lines = await csvOf(acme, path);
  expect(lines).toHaveLength(CUSTOMERS);
  const { code, email } = first;
  expect(lines[0]).toBe(`${String(code)},${String(email)},mass,12.5,,,${LATER},valid,1`);
  expect(lines[1]).toContain(",cancelled,");
  expect(lines.map((line) => line.split(",")[0])).toEqual(rows.map((row) => row["code"]));
  expect(await acme.all(other)).toHaveLength(40);
  // A page that ends within a record continues there.
  const small = await acme.all(`${other}?limit=7`);
  expect(small).toEqual(await acme.all(other));
  const { data, next_cursor } = await acme.get(`${other}?limit=15`);
  expect(data).toHaveLength(15);
  expect(await csvOf(acme, `${other}?cursor=${String(next_cursor)}`)).toHaveLength(25);
});

test("the media type is chosen by quality; a batch of another partner does not exist", async () => {
  const path = await newBatch(acme, { emails: emails.slice(0, 5) });
  await csvOf(acme, path, "application/json;q=0.4, text/csv;q=0.9");
  for (const accept of ["application/json", "*/*", "text/csv;q=0.3, application/json"]) {
    const answer = await acme.client.send("GET", path, undefined, { Accept: accept });
    expect(answer.headers).toMatchObject({ "content-type": "application/json", vary: "Accept" });
    expect(JSON.parse(answer.text)).toMatchObject({ data: expect.any(Array), next_cursor: null });
  }
  const other = await house.partner("other");
  await other.refused("GET", path, 404, "voucher_batch_not_found");
  await acme.refused("GET", `${BATCHES}/none/codes`, 404, "voucher_batch_not_found");
  for (const query of ["limit=0", "limit=501", "cursor=x", "cursor=.-1.0", "cursor=x.0.0", "status=valid"])
    await acme.refused("GET", `${path}?${query}`, 400, "validation_failed");
  const made = await acme.post("/v1/partners/acme/keys", 201, { role: "read" });
  await house.caller(String(made["api_key"])).get(path);
});

test("amounts have columns of their own, and no cell runs as a formula", async () => {
  const shop = await house.partner("formulas");
  const email = "=1+1@example.com";
  await shop.post("/v1/customers", 201, { email });
  const name = "=cmd, the offer";
  const terms = { amount: 500, asset: "USD/2" };
  await shop.ask("PUT", `/v1/offers/${encodeURIComponent(name)}`, 200, terms);
  const path = await newBatch(shop, { offer_name: name });
  const [line] = await csvOf(shop, path);
  expect(line).toContain(`,'${email},"'${name}",,500,USD/2,`);
});

test("the codes are listed after a kill, and after other vouchers came between", async () => {
  const body = { offer_name: "mass", expires_at: LATER, emails: "all" };
  const ids = await Promise.all([0, 1].map(async () => String((await acme.post(BATCHES, 202, body))["id"])));
  const waited = ids.map((id) => completed(acme, id));
  const voucher = { email: emails[0], offer_name: "mass", expires_at: LATER };
  await acme.race(50, (client) => client.send("POST", "/v1/vouchers", voucher));
  await Promise.all(waited);
  const read = (caller: Caller) =>
    Promise.all(ids.map((id) => caller.all(`${BATCHES}/${id}/codes?limit=500`)));
  const before = await read(acme);
  for (const rows of before) expect(new Set(rows.map(({ email }) => email)).size).toBe(CUSTOMERS);
  await house.restart();
  acme = house.caller(key);
  expect(await read(acme)).toEqual(before);
});

test("customers are listed once each, newest first, and only to their partner", async () => {
  const shop = await house.partner("lister");
  expect(await shop.get("/v1/customers")).toEqual({ data: [], next_cursor: null });
  const added: Json[] = [];
  for (let i = 0; i < 12; i++)
    added.push(await shop.post("/v1/customers", 201, { email: `l${i}@example.com`, name: `L ${i}` }));
  expect(await shop.all("/v1/customers?limit=5")).toEqual(added.toReversed());
  for (const query of ["limit=501", "cursor=x", "email=l1@example.com"])
    await shop.refused("GET", `/v1/customers?${query}`, 400, "validation_failed");
  expect(await acme.all("/v1/customers?limit=500")).toHaveLength(CUSTOMERS);
});
