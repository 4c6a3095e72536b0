/** Routes refuse unknown query parameters; only the POST routes of the ledger core accept `dry_run`. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, codeOf } from "../../support/server.ts";
import type { OpenApi } from "../programmes/route-walk.ts";
import { type Caller, type Json, startTestServer } from "../programmes/test-server.ts";
import { fresh, type World, worldOf } from "./world.ts";

const DRY_RUN_ROUTES = [
  "POST /v1/transfers",
  "POST /v1/transfers/batch",
  "POST /v1/transfers/{id}/post",
  "POST /v1/transfers/{id}/void",
  "POST /v1/transfers/{id}/revert",
  "POST /v1/accounts",
  "POST /v1/accounts/{id}/freeze",
  "POST /v1/accounts/{id}/unfreeze",
  "POST /v1/accounts/{id}/close",
];

type Route = Readonly<{ name: string; method: string; path: string; queries: readonly string[] }>;

const house = startTestServer({ ISOLATION: "threads" });
let world: World;
let routes: readonly Route[];
let callers: readonly Caller[];

beforeAll(async () => {
  world = await worldOf(house);
  const { acme, operator, wallets } = world;
  const { caller: person } = await wallets.person();
  const seller = await acme.post("/v1/sellers", 201, { name: "Sara" });
  callers = [acme, operator, await wallets.bank("north"), person, house.caller(String(seller["api_key"]))];
  const { paths } = (await acme.get("/openapi.json")) as unknown as OpenApi;
  routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { parameters = [] }]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path: path.replace(/\{[a-z_]+\}/g, "x"),
      queries: parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name),
    })),
  );
});

/** Sends the request as the first caller who may use the route. */
async function ask({ method, path }: Route, query: string): Promise<Answer> {
  let answer: Answer | undefined;
  for (const { client } of callers) {
    answer = await client.send(method, `${path}?${query}`);
    if (answer.status !== 401 && answer.status !== 403) return answer;
  }
  return answer as Answer;
}

async function expectRefused(route: Route, query: string, named: string): Promise<void> {
  const answer = await ask(route, query);
  expect([route.name, query, answer.status, answer.text]).toEqual([
    route.name,
    query,
    400,
    expect.anything(),
  ]);
  const { code, errors } = JSON.parse(answer.text) as { code: string; errors: { path: string }[] };
  expect([route.name, query, code, errors.map(({ path }) => path)]).toEqual([
    route.name,
    query,
    "validation_failed",
    expect.arrayContaining([named]),
  ]);
}

test("every route refuses an unknown parameter", async () => {
  expect(routes.length).toBeGreaterThan(100);
  for (const route of routes) {
    await expectRefused(route, "nonsense=1", "nonsense");
    await expectRefused(route, "nonsense", "nonsense");
    await expectRefused(route, "__proto__=1", "__proto__");
    for (const known of route.queries) await expectRefused(route, `${known}=true&Nonsense=1`, "Nonsense");
  }
});

test("a known parameter is refused with an invalid value, and if it is repeated", async () => {
  for (const route of routes) {
    for (const known of route.queries) {
      await expectRefused(route, `${known}=%00%20!`, known);
      await expectRefused(route, `${known}=1&${known}=2`, known);
    }
  }
});

test("exactly the POST routes of the ledger core accept dry_run", async () => {
  const knowing = routes.filter(({ queries }) => queries.includes("dry_run")).map(({ name }) => name);
  expect(knowing.toSorted()).toEqual(DRY_RUN_ROUTES.toSorted());
  for (const route of routes) {
    if (!DRY_RUN_ROUTES.includes(route.name)) await expectRefused(route, "dry_run=true", "dry_run");
    else await expectRefused(route, "dry_run=yes", "dry_run");
  }
});

test("a request with an unknown parameter has no effect", async () => {
  const { acme } = world;
  const id = fresh("owner");
  await acme.post("/v1/accounts", 201, { id, asset: "PTS/0" });
  const move = { debit_account: "@a", credit_account: id, amount: 5 };
  const transfer = await acme.post("/v1/transfers", 201, move);
  await acme.refused(
    "POST",
    `/v1/transfers/${String(transfer["id"])}/revert?dryrun=true`,
    400,
    "validation_failed",
  );
  await acme.refused("POST", "/v1/transfers?dryrun=true", 400, "validation_failed", move);
  await acme.refused("POST", `/v1/accounts/${id}/freeze?dryrun=true`, 400, "validation_failed");
  await acme.refused("GET", "/v1/trial-balance?at=2020-01-01T00:00:00Z", 400, "validation_failed");
  expect(await acme.get(`/v1/accounts/${id}`)).toMatchObject({ status: "open", posted: 5 });
});

/** Creates an account of a new owner, so that accounts spread over the shards. */
async function account(posted = 0, more: Readonly<{ id?: string; [rule: string]: unknown }> = {}) {
  const { id = fresh("owner") } = more;
  await world.acme.post("/v1/accounts", 201, { ...more, id, asset: "PTS/0" });
  if (posted > 0) await world.acme.post("/v1/transfers", 201, move("@a", id, posted));
  return id;
}

function move(debit_account: string, credit_account: string, amount: number | "available") {
  return { debit_account, credit_account, amount };
}

/** All accounts and transfers. */
async function books(): Promise<readonly unknown[]> {
  return Promise.all([world.acme.all("/v1/accounts"), world.acme.all("/v1/transfers")]);
}

/** An answer without the id and time that only the execution assigns. */
function content({ status, text }: Answer, isNew: boolean) {
  const body = JSON.parse(text) as Json;
  const { id, created_at, ...rest } = body;
  return { status, body: isNew || status >= 400 ? rest : { id, created_at, ...rest } };
}

/** Expects a dry run to predict the real request with the same key. @param isNew whether the server assigns an id */
async function expectPredicted(path: string, body?: unknown, isNew = false): Promise<Answer> {
  const headers = { "Idempotency-Key": fresh("key-") };
  const { client } = world.acme;
  const before = await books();
  const tried = await client.send("POST", `${path}?dry_run=true`, body, headers);
  const twice = await client.send("POST", `${path}?dry_run=true`, body, headers);
  expect(await books(), "a dry run changes nothing").toEqual(before);
  expect(tried.headers["daybook-position"]).toBeUndefined();
  expect(tried.headers["idempotency-replayed"]).toBeUndefined();
  if (isNew && tried.status < 300) expect(JSON.parse(tried.text)).not.toHaveProperty("id");
  const done = await client.send("POST", path, body, headers);
  expect(done.headers["idempotency-replayed"], "a dry run does not use the key").toBeUndefined();
  expect(content(tried, isNew), `${path}: ${tried.text}`).toEqual(content(done, isNew));
  expect(content(twice, isNew)).toEqual(content(tried, isNew));
  return done;
}

const idIn = ({ text }: Answer): string => String((JSON.parse(text) as Json)["id"]);

describe("a dry run predicts the answer, changes nothing, and does not use its key", () => {
  test("for a transfer: create, post, void, revert, and their rejections", async () => {
    for (let i = 0; i < 4; i++) {
      const [a, b, c] = [await account(100), await account(), await account(100)];
      const plain = await expectPredicted("/v1/transfers", move(a, b, 10), true);
      await expectPredicted(`/v1/transfers/${idIn(plain)}/revert`, undefined, true);
      expect(codeOf(await expectPredicted(`/v1/transfers/${idIn(plain)}/revert`))).toBe("already_reverted");
      expect(codeOf(await expectPredicted("/v1/transfers", move(b, a, 10)))).toBe("insufficient_funds");
      const several = { postings: [move(a, b, 10), move(c, b, 20), move(b, a, 5)] };
      const held = { ...several, pending: true };
      const first = await expectPredicted("/v1/transfers", held, true);
      await expectPredicted(`/v1/transfers/${idIn(first)}/post`);
      const second = await expectPredicted("/v1/transfers", held, true);
      await expectPredicted(`/v1/transfers/${idIn(second)}/void`);
      expect(codeOf(await expectPredicted(`/v1/transfers/${idIn(second)}/void`))).toBe(
        "transfer_not_pending",
      );
      const single = await expectPredicted("/v1/transfers", { ...move(a, b, 10), pending: true }, true);
      await expectPredicted(`/v1/transfers/${idIn(single)}/post`, { amount: 4 });
      expect(codeOf(await expectPredicted(`/v1/transfers/${idIn(single)}/post`, { amount: 7 }))).toBe(
        "amount_exceeds_pending",
      );
      await expectPredicted(`/v1/transfers/${idIn(single)}/post`, { amount: 1, final: true });
    }
    const unknown = await expectPredicted("/v1/transfers/tr_0011001/revert");
    expect(codeOf(unknown)).toBe("transfer_not_found");
  });

  test("for a new account, with and without an id", async () => {
    await expectPredicted("/v1/accounts", { asset: "PTS/0", ceiling: 5 }, true);
    const id = fresh("owner");
    const named = await world.acme.post("/v1/accounts?dry_run=true", 201, { id, asset: "PTS/0" });
    expect(named).toMatchObject({ id, status: "open", posted: 0 });
    await world.acme.refused("GET", `/v1/accounts/${id}`, 404, "account_not_found");
  });

  test("for an account: freeze, unfreeze, close, and their rejections", async () => {
    const id = await account(5);
    const path = `/v1/accounts/${id}`;
    await expectPredicted(`${path}/freeze`);
    await expectPredicted(`${path}/unfreeze`);
    expect(codeOf(await expectPredicted(`${path}/close`))).toBe("account_not_empty");
    await world.acme.post("/v1/transfers", 201, move(id, "@a", 5));
    await expectPredicted(`${path}/close`);
    expect(codeOf(await expectPredicted(`${path}/freeze`))).toBe("account_closed");
    expect(codeOf(await expectPredicted("/v1/accounts", { id, asset: "PTS/0" }))).toBe("account_exists");
  });

  test("for a batch: each item as if the items before it were executed", async () => {
    // All of one owner, because items to another shard may be executed after later items.
    const owner = fresh("owner");
    const limits = [{ window_s: 3600, direction: "debit", max_amount: 30 }];
    const a = await account(100, { id: `${owner}/a` });
    const b = await account(0, { id: `${owner}/b` });
    const c = await account(0, { id: `${owner}/c`, ceiling: 50 });
    const d = await account(100, { id: `${owner}/d`, limits });
    const away = await account();
    const transfers = [
      move(a, b, 60),
      move(a, b, 60),
      move(b, a, 30),
      move(a, b, 60),
      { ...move(a, c, "available"), memo: "all" },
      move("@a", c, 45),
      move("@a", c, 45),
      move(d, b, 20),
      move(d, b, 20),
      { postings: [move("@a", a, 5), move(a, b, 5)] },
      { ...move(b, a, 10), pending: true },
      move(b, "@a", 1_000),
      move(b, "nobody", 1),
      { ...move(a, b, 0) },
      move("@a", "@b", 1),
      move(d, away, 5),
    ];
    const before = await books();
    const tried = await world.acme.post("/v1/transfers/batch?dry_run=true", 200, { transfers });
    expect(await books()).toEqual(before);
    const done = await world.acme.post("/v1/transfers/batch", 200, { transfers });
    const results = (done["results"] as Json[]).map(({ status, code }) => ({
      status,
      ...(code !== undefined && { code }),
    }));
    expect(tried["results"]).toEqual(results);
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set([201, 400, 404, 422]));
  });
});
