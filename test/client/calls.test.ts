/** The client's calls, against a real server. */
import { expect, test } from "vitest";
import { createDaybook, DaybookError } from "../../clients/typescript/src/index.ts";
import { sharedWorld } from "./daybooks.ts";

const world = sharedWorld();
const issue = { debit_account: "@issuance", credit_account: "alice/points", amount: 500 } as const;

async function errorOf(call: Promise<unknown>): Promise<DaybookError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof DaybookError) return error;
  throw new Error("it is no DaybookError", { cause: error });
}

test("a created account and its transfers are what the server says", async () => {
  const partner = await world.newPartner();
  const account = await partner.post("/v1/accounts", { body: { id: "alice/points", asset: "PTS/0" } });
  expect(account).toMatchObject({ id: "alice/points", status: "open", available: 0 });
  const { id, balances } = await partner.post("/v1/transfers", { body: issue });
  expect(balances["alice/points"]).toMatchObject({ available: 500 });
  expect(await partner.get("/v1/transfers/{id}", { path: { id } })).toMatchObject({ id, status: "posted" });
  expect(await partner.get("/v1/accounts/{id}", { path: { id: "alice/points" } })).toMatchObject({
    posted: 500,
  });
  const dry = await partner.post("/v1/transfers", { body: issue, query: { dry_run: "true" } });
  expect(dry).not.toHaveProperty("id");
  const frozen = await partner.post("/v1/accounts/{id}/freeze", { path: { id: "alice/points" } });
  expect(frozen.status).toBe("frozen");
});

test("a call with a key that was used gets the first answer again, and calls without one are different", async () => {
  const partner = await world.newPartner();
  await partner.post("/v1/accounts", { body: { id: "alice/points", asset: "PTS/0" } });
  const first = await partner.post("/v1/transfers", { body: issue, idempotencyKey: "order-1" });
  expect(await partner.post("/v1/transfers", { body: issue, idempotencyKey: "order-1" })).toEqual(first);
  const { data, response } = await partner.raw.POST("/v1/transfers", {
    body: issue,
    params: { header: { "Idempotency-Key": "order-1" } },
  });
  expect(data).toEqual(first);
  expect(response.headers.get("idempotency-replayed")).toBe("true");
  await partner.post("/v1/transfers", { body: issue });
  await partner.post("/v1/transfers", { body: issue });
  expect(await partner.get("/v1/accounts/{id}", { path: { id: "alice/points" } })).toMatchObject({
    posted: 1500,
  });
});

test("a refusal is thrown with all that its problem document says", async () => {
  const { server, operator } = world;
  const partner = await world.newPartner();
  await partner.post("/v1/accounts", { body: { id: "alice/points", asset: "PTS/0" } });
  const spend = { debit_account: "alice/points", credit_account: "@redeemed", amount: 1 };
  const error = await errorOf(partner.post("/v1/transfers", { body: spend, idempotencyKey: "order-2" }));
  expect(error).toMatchObject({
    name: "DaybookError",
    code: "insufficient_funds",
    status: 422,
    retryable: false,
    errors: [],
    idempotencyKey: "order-2",
    tries: 1,
    requestId: expect.stringMatching(/^[0-9a-f]{12}-/),
    problem: { type: "/problems/insufficient_funds" },
  });
  expect(error.message).toBe(`insufficient_funds: ${error.detail}`);

  const invalid = await errorOf(partner.post("/v1/transfers", { body: { ...spend, amount: -1 } }));
  expect(invalid).toMatchObject({ code: "validation_failed", status: 400, errors: [{ path: "amount" }] });
  const anybody = createDaybook({ url: server.url });
  const refusals: [() => Promise<unknown>, number, string][] = [
    [() => anybody.get("/v1/accounts"), 401, "unauthenticated"],
    [() => partner.get("/v1/partners"), 403, "forbidden"],
    [() => partner.get("/v1/accounts/{id}", { path: { id: "bob" } }), 404, "account_not_found"],
    [() => operator.post("/v1/partners", { body: { id: "house", name: "Again" } }), 409, "partner_exists"],
    [
      () => partner.post("/v1/transfers", { body: { ...issue, amount: 7 }, idempotencyKey: "order-2" }),
      422,
      "idempotency_key_reused",
    ],
  ];
  for (const [call, status, code] of refusals)
    expect(await errorOf(call())).toMatchObject({ status, code, tries: 1 });
});

test("a key may come from a function, which is asked each time", async () => {
  const keys = ["wrong", await world.newKey()];
  const partner = createDaybook({ url: `${world.server.url}/`, key: async () => keys.shift() ?? "" });
  expect(await errorOf(partner.get("/v1/accounts"))).toMatchObject({ code: "unauthenticated" });
  expect(await partner.get("/v1/accounts")).toEqual({ data: [], next_cursor: null });
});

test("lists are read to their end", async () => {
  const partner = await world.newPartner();
  const ids = Array.from({ length: 7 }, (_, index) => `a${index}`);
  for (const id of ids) await partner.post("/v1/accounts", { body: { id, asset: "PTS/0" } });
  const seen: string[] = [];
  for await (const { id } of partner.items("/v1/accounts", { query: { limit: 3 } })) seen.push(id);
  expect(seen.toSorted()).toEqual(ids);
  const pages: string[][] = [];
  const query = { limit: 2, types: "account.created" };
  for await (const page of partner.pages("/v1/events", { query }))
    pages.push(page.map(({ subject }) => subject));
  expect(pages.flat().toSorted()).toEqual(ids);
});

test("an id that no URL can carry is refused before anything is sent", async () => {
  const daybook = createDaybook({ url: "http://127.0.0.1:1" });
  for (const id of ["", ".", ".."])
    await expect(daybook.get("/v1/accounts/{id}", { path: { id } })).rejects.toThrow(
      `id must not be "${id}"`,
    );
});
