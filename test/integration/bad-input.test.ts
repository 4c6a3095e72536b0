/** Invalid requests are refused before they reach the ledger: they change nothing and are not logged. */

import { connect } from "node:net";
import { beforeAll, expect, test } from "vitest";
import { Client, makePartner, OPERATOR_KEY, shardsOf } from "../support/server.ts";
import { startTestServer } from "./programmes/test-server.ts";

const MIB = 1024 * 1024;
const house = startTestServer({ SHARDS: "2" });
let admin: Client;
let acmeKey: string;
let acme: Client;
let other: Client;

beforeAll(async () => {
  admin = new Client(house.server.url, OPERATOR_KEY);
  acmeKey = await makePartner(admin, "acme");
  acme = new Client(house.server.url, acmeKey);
  other = new Client(house.server.url, await makePartner(admin, "other"));
  for (const id of ["alice/a", "alice/b"]) await acme.send("POST", "/v1/accounts", { id, asset: "PTS/0" });
  await other.send("POST", "/v1/accounts", { id: "secret", asset: "PTS/0" });
  await acme.send("POST", "/v1/transfers", GOOD);
  await other.send("POST", "/v1/transfers", { ...GOOD, credit_account: "secret" });
});

const GOOD = { debit_account: "@issuance", credit_account: "alice/a", amount: 10 };

/** All state that a request could change. */
async function footprint(): Promise<unknown> {
  const shards = await shardsOf(admin);
  const views = await Promise.all([
    acme.get("/v1/accounts"),
    acme.get("/v1/accounts/@issuance"),
    acme.get("/v1/transfers"),
    other.get("/v1/accounts"),
    other.get("/v1/transfers"),
    admin.get<{ assets: object }>("/v1/trial-balance").then(({ assets }) => assets),
    admin.get("/v1/partners"),
  ]);
  return { positions: shards.map(({ position, durable_position }) => [position, durable_position]), views };
}

type Case = readonly [what: string, status: number, code: string, path: string, body: unknown, type?: string];

const transfer = (what: string, body: unknown): Case => [
  what,
  400,
  "validation_failed",
  "/v1/transfers",
  body,
];
const account = (what: string, body: unknown): Case => [what, 400, "validation_failed", "/v1/accounts", body];

const CASES: readonly Case[] = [
  transfer("malformed JSON", '{"debit_account": "@issuance", '),
  transfer("an empty body", ""),
  transfer("a list", [GOOD]),
  transfer("null", "null"),
  transfer("an unknown field", { ...GOOD, colour: "red" }),
  transfer("a field that sets the prototype", `{"__proto__":{"admin":true},${JSON.stringify(GOOD).slice(1)}`),
  transfer(
    "metadata that sets the prototype",
    `{"metadata":{"__proto__":"x"},${JSON.stringify(GOOD).slice(1)}`,
  ),
  transfer("a fraction", { ...GOOD, amount: 1.5 }),
  transfer("an amount as text", { ...GOOD, amount: "10" }),
  transfer("a negative amount", { ...GOOD, amount: -1 }),
  transfer("an amount of 0", { ...GOOD, amount: 0 }),
  transfer("an amount of 2^53", { ...GOOD, amount: 2 ** 53 }),
  transfer("an amount that JSON cannot keep", JSON.stringify(GOOD).replace("10", "1e999")),
  transfer("an amount that is null", { ...GOOD, amount: null }),
  transfer("an id with a space", { ...GOOD, credit_account: "alice a" }),
  transfer("an id with two slashes", { ...GOOD, credit_account: "a/b/c" }),
  transfer("an id that is too long", { ...GOOD, credit_account: "a".repeat(129) }),
  transfer("an empty id", { ...GOOD, credit_account: "" }),
  transfer("metadata that is not text", { ...GOOD, metadata: { n: 1 } }),
  transfer("no postings", { postings: [] }),
  transfer(
    "a lone surrogate",
    '{"memo":"\\ud800","debit_account":"@issuance","credit_account":"alice/a","amount":1}',
  ),
  account("an id with a space", { id: "no good", asset: "PTS/0" }),
  account("a system account", { id: "@mine", asset: "PTS/0" }),
  account("an asset without a scale", { id: "x", asset: "PTS" }),
  account("a positive floor", { id: "x", asset: "PTS/0", floor: 1 }),
  account("a floor below the range", { id: "x", asset: "PTS/0", floor: -(2 ** 53) }),
  account("an unknown field", { id: "x", asset: "PTS/0", owner: "me" }),
  ["a body of 10 MiB", 413, "body_too_large", "/v1/transfers", { ...GOOD, memo: "x".repeat(10 * MIB) }],
  ["a batch of 10 MiB", 413, "body_too_large", "/v1/transfers/batch", "x".repeat(10 * MIB)],
  [
    "10,001 items",
    413,
    "batch_too_large",
    "/v1/transfers/batch",
    { transfers: Array.from({ length: 10_001 }, () => GOOD) },
  ],
  ["a form", 415, "unsupported_media_type", "/v1/transfers", "a=b", "application/x-www-form-urlencoded"],
  [
    "another charset",
    415,
    "unsupported_media_type",
    "/v1/transfers",
    GOOD,
    "application/json; charset=latin1",
  ],
  ["an unknown address", 404, "not_found", "/v1/nothing", GOOD],
  ["an address without that method", 405, "method_not_allowed", "/v1/trial-balance", GOOD],
  ["a batch that is no list", 400, "validation_failed", "/v1/transfers/batch", { transfers: {} }],
];

test("an invalid request gets its exact problem, changes nothing and is not logged", async () => {
  const before = await footprint();
  for (const [what, status, code, path, body, type = "application/json"] of CASES) {
    const sent = await acme.send("POST", path, body, { "Content-Type": type, "Idempotency-Key": "bad" });
    const problem = JSON.parse(sent.text) as object;
    expect({ status: sent.status, ...problem }, what).toMatchObject({
      status,
      code,
      type: `/problems/${code}`,
    });
    expect(sent.headers["content-type"], what).toContain("application/problem+json");
    expect(sent.headers["request-id"], what).toBeDefined();
    expect(sent.headers["daybook-position"], what).toBeUndefined();
  }
  for (const [key, status, code] of [
    ["dk_partner_unknown", 401, "unauthenticated"],
    [OPERATOR_KEY, 403, "forbidden"],
  ] as const) {
    const sent = await new Client(house.server.url, key).send("POST", "/v1/transfers", GOOD);
    expect([sent.status, (JSON.parse(sent.text) as { code: string }).code]).toEqual([status, code]);
  }
  for (const key of ["with space", "é", "k".repeat(256)]) {
    // Node's client refuses some of these itself, so they go out as bytes.
    expect(await rawStatus(key), key).toBe(400);
  }
  expect(await footprint()).toEqual(before);
});

/** The status of a transfer with this idempotency key, sent over a raw socket. */
function rawStatus(key: string): Promise<number> {
  const { hostname, port } = new URL(house.server.url);
  const body = JSON.stringify(GOOD);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.end(
        `POST /v1/transfers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${acmeKey}\r\nIdempotency-Key: ${key}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
    });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", reject);
    socket.on("end", () => resolve(Number(text.slice(9, 12))));
  });
}

test("a rejection by the ledger is logged once, and changes no balance", async () => {
  const { views: before } = (await footprint()) as { views: unknown[] };
  for (const [body, status, code] of [
    [{ ...GOOD, credit_account: "nobody" }, 404, "account_not_found"],
    [{ ...GOOD, credit_account: "secret" }, 404, "account_not_found"],
    [{ ...GOOD, credit_account: "__proto__" }, 404, "account_not_found"],
    [{ ...GOOD, credit_account: "constructor" }, 404, "account_not_found"],
    [{ ...GOOD, debit_account: "alice/a", credit_account: "alice/b", amount: 11 }, 422, "insufficient_funds"],
    [{ ...GOOD, debit_account: "alice/a" }, 422, "same_account"],
    [{ ...GOOD, amount: 2 ** 53 - 1 }, 422, "balance_out_of_range"],
  ] as const) {
    const sent = await acme.send("POST", "/v1/transfers", body);
    expect([sent.status, (JSON.parse(sent.text) as { code: string }).code]).toEqual([status, code]);
    const position = String(sent.headers["daybook-position"]);
    expect((await shardsOf(admin)).map((shard) => shard.durable_position)).toContain(position);
  }
  expect(((await footprint()) as { views: unknown[] }).views).toEqual(before);
});

test("another partner's data is answered like data that does not exist", async () => {
  const before = await footprint();
  const { data } = await other.get<{ data: { id: string }[] }>("/v1/transfers");
  for (const path of [
    "/v1/accounts/secret",
    "/v1/accounts/secret/entries",
    "/v1/accounts/secret/reconciliation",
    "/v1/transfers?account=secret",
    `/v1/transfers/${data[0]?.id}`,
    "/v1/partners/other",
    "/v1/partners/other/keys",
  ]) {
    const theirs = await acme.send("GET", path);
    const absent = await acme.send(
      "GET",
      path.replace(/secret|other/, "absent").replace(/tr_\w+/, "tr_000000101"),
    );
    expect([path, theirs.status]).toEqual([path, path === "/v1/partners/other" ? absent.status : 404]);
    expect(theirs.text.replaceAll(/secret|other/g, "absent"), path).toBe(absent.text);
  }
  expect(await acme.get("/v1/accounts?ids=secret,alice/a")).toMatchObject({ missing: ["secret"] });
  expect(await footprint()).toEqual(before);
});
