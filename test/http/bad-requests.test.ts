import { describe, expect, test } from "vitest";
import { createTestApp, problemOf } from "./test-app.ts";

const GOOD = { debit_account: "@issuance", credit_account: "alice/points", amount: 5 };

/** A transfer's body as text, so that it may contain numbers that JavaScript would not write. */
function withAmount(text: string): string {
  return `{"debit_account":"@issuance","credit_account":"alice/points","amount":${text}}`;
}

const OUT = { debit_account: "alice/points", credit_account: "@issuance", amount: "available" };

function withTimeout(timeout_s: number): string {
  return JSON.stringify({ ...GOOD, pending: true, timeout_s });
}

/** A body of three postings with amounts 5, 1 and `amount`. */
function summing(amount: number): string {
  return JSON.stringify({ postings: [GOOD, { ...GOOD, amount }, { ...GOOD, amount: 1 }] });
}

describe("a transfer that is not valid is 400 and never reaches the ledger", () => {
  test.each([
    ["malformed JSON", '{"debit_account":', ""],
    ["an empty body", "", ""],
    ["only spaces", "  ", ""],
    ["null", "null", ""],
    ["an array", "[]", ""],
    ["two byte order marks", '\ufeff\ufeff{"amount":1}', ""],
    ["a float", withAmount("1.5"), "amount"],
    ["a string", withAmount('"5"'), "amount"],
    ["a negative", withAmount("-5"), "amount"],
    ["0", withAmount("0"), "amount"],
    ["2^53", withAmount("9007199254740992"), "amount"],
    ["2^53 + 1", withAmount("9007199254740993"), "amount"],
    ["1e400", withAmount("1e400"), "amount"],
    ["true", withAmount("true"), "amount"],
    ["no amount", JSON.stringify({ ...GOOD, amount: undefined }), "amount"],
    ["an unknown field", JSON.stringify({ ...GOOD, hello: 1 }), "hello"],
    [
      "an idempotency key in the body of a single transfer",
      JSON.stringify({ ...GOOD, idempotency_key: "k" }),
      "idempotency_key",
    ],
    [
      "__proto__ as a field",
      '{"__proto__":{"a":1},"debit_account":"a","credit_account":"b","amount":5}',
      "__proto__",
    ],
    [
      "__proto__ in the metadata",
      JSON.stringify(GOOD).replace("}", ',"metadata":{"__proto__":"x"}}'),
      "__proto__",
    ],
    [
      "__proto__ in a posting",
      '{"postings":[{"debit_account":"a","credit_account":"b","amount":5,"__proto__":1}]}',
      "__proto__",
    ],
    ["an id with a space", JSON.stringify({ ...GOOD, credit_account: "alice points" }), "credit_account"],
    ["an id with two slashes", JSON.stringify({ ...GOOD, credit_account: "a/b/c" }), "credit_account"],
    ["an empty owner", JSON.stringify({ ...GOOD, credit_account: "/points" }), "credit_account"],
    ["an empty id", JSON.stringify({ ...GOOD, credit_account: "" }), "credit_account"],
    [
      "an id of 129 characters",
      JSON.stringify({ ...GOOD, credit_account: "a".repeat(129) }),
      "credit_account",
    ],
    ["an id with a line break", JSON.stringify({ ...GOOD, credit_account: "alice\n" }), "credit_account"],
    ["a memo of 501 characters", JSON.stringify({ ...GOOD, memo: "x".repeat(501) }), "memo"],
    ["a memo with a lone surrogate", JSON.stringify({ ...GOOD, memo: "\ud800" }), "memo"],
    ["metadata with a number", JSON.stringify({ ...GOOD, metadata: { a: 1 } }), "metadata"],
    ["metadata as a list", JSON.stringify({ ...GOOD, metadata: ["a"] }), "metadata"],
    [
      "51 members of metadata",
      JSON.stringify({
        ...GOOD,
        metadata: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, ""])),
      }),
      "metadata",
    ],
    ["a time without offset", JSON.stringify({ ...GOOD, occurred_at: "2026-01-01T00:00:00" }), "occurred_at"],
    ["the 30th of February", JSON.stringify({ ...GOOD, occurred_at: "2026-02-30T00:00:00Z" }), "occurred_at"],
    ["65 postings", JSON.stringify({ postings: Array.from({ length: 65 }, () => GOOD) }), "postings"],
    ["no postings", JSON.stringify({ postings: [] }), "postings"],
    ["timeout_s without pending", JSON.stringify({ ...GOOD, timeout_s: 5 }), "timeout_s"],
    ["timeout_s with pending: false", JSON.stringify({ ...GOOD, pending: false, timeout_s: 5 }), "timeout_s"],
    ["a timeout_s of 0", JSON.stringify({ ...GOOD, pending: true, timeout_s: 0 }), "timeout_s"],
    ["a timeout_s of 366 days and a second", withTimeout(366 * 86_400 + 1), "timeout_s"],
    ["a timeout_s of half a second", withTimeout(0.5), "timeout_s"],
    ["pending as text", JSON.stringify({ ...GOOD, pending: "true" }), "pending"],
    ["max_amount with an amount", JSON.stringify({ ...GOOD, max_amount: 5 }), "max_amount"],
    ["a max_amount of 0", JSON.stringify({ ...OUT, max_amount: 0 }), "max_amount"],
    ["an amount of another word than available", JSON.stringify({ ...OUT, amount: "all" }), "amount"],
    [
      "the available amount of a system account",
      JSON.stringify({ ...OUT, debit_account: "@bank" }),
      "debit_account",
    ],
    ["available as one of the postings", JSON.stringify({ postings: [OUT] }), "amount"],
    ["postings together with accounts", JSON.stringify({ ...GOOD, postings: [GOOD] }), "amount"],
    ["max_amount together with postings", JSON.stringify({ postings: [GOOD], max_amount: 5 }), "max_amount"],
    ["a posting with a memo", JSON.stringify({ postings: [{ ...GOOD, memo: "" }] }), "memo"],
    ["postings that sum to 2^53", summing(Number.MAX_SAFE_INTEGER - 5), "postings"],
    ["postings that sum to 2^54 − 2", summing(Number.MAX_SAFE_INTEGER), "postings"],
  ])("%s", async (_, body, path) => {
    const { request, ledger } = createTestApp();
    const response = await request("POST", "/v1/transfers", {
      body,
      headers: { "content-type": "application/json" },
    });
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ status: 400, code: "validation_failed", retryable: false });
    expect(problem.errors?.map((error) => error.path.split(".").at(-1))).toContain(path);
    expect(ledger.commands).toEqual([]);
    expect(Object.hasOwn(Object.prototype, "a")).toBe(false);
  });
});

test.each(["\u0000", "ä", "a b", "x".repeat(256), ""])("idempotency key %j is 400", async (key) => {
  const { request } = createTestApp();
  const headers = { "content-type": "application/json", "idempotency-key": key };
  const response = request("POST", "/v1/transfers", { body: JSON.stringify(GOOD), headers });
  // Clients refuse to send some of these.
  const status = await response.then((sent) => sent.status).catch(() => 400);
  expect(status).toBe(400);
});

test("bodies that are too large are 413, with and without a Content-Length", async () => {
  const { request } = createTestApp();
  const large = "x".repeat(10 * 1024 * 1024);
  const json = { "content-type": "application/json" };
  const announced = await request("POST", "/v1/transfers", { body: large, headers: json });
  expect(await announced.json()).toMatchObject({ status: 413, code: "body_too_large" });
  let pulled = 0;
  const stream = new ReadableStream({
    pull(controller) {
      pulled += 1;
      controller.enqueue(new Uint8Array(64 * 1024).fill(32));
    },
  });
  const init: RequestInit & { duplex: "half" } = { body: stream, headers: json, duplex: "half" };
  const chunked = await request("POST", "/v1/transfers", init);
  expect(await chunked.json()).toMatchObject({ status: 413, code: "body_too_large" });
  expect(pulled).toBeLessThan(24);
  const batch = await request("POST", "/v1/transfers/batch", { body: large, headers: json });
  expect(await batch.json()).toMatchObject({ status: 413, code: "body_too_large" });
});

test.each([
  undefined,
  "text/plain",
  "application/xml",
  "application/json; charset=latin1",
  "application/jsonx",
])("content type %s is 415", async (type) => {
  const { request } = createTestApp();
  const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
  const body = new TextEncoder().encode(JSON.stringify(GOOD));
  for (const path of ["/v1/transfers", "/v1/accounts", "/v1/transfers/batch"]) {
    const response = await request("POST", path, { body, headers });
    expect(await response.json()).toMatchObject({ status: 415, code: "unsupported_media_type" });
  }
});

test("the charset UTF-8 is accepted, and bytes that are not UTF-8 are 400", async () => {
  const { request, ledger } = createTestApp();
  ledger.faults.rejection = "same_account";
  const headers = { "content-type": 'Application/JSON; charset="UTF-8"' };
  const good = await request("POST", "/v1/transfers", { body: JSON.stringify(GOOD), headers });
  expect(good.status).toBe(422);
  const latin1 = Buffer.from(JSON.stringify({ ...GOOD, memo: "café" }), "latin1");
  const bad = await request("POST", "/v1/transfers", { body: new Uint8Array(latin1), headers });
  expect(bad.status).toBe(400);
});

const TRANSFER = "/v1/transfers/tr_0a11001";

test.each([
  ["/v1/accounts", { asset: "usd/2" }, "asset"],
  ["/v1/accounts", { asset: "USD/9" }, "asset"],
  ["/v1/accounts", { asset: "USD/2", id: "@bank" }, "id"],
  ["/v1/accounts", { asset: "USD/2", id: ".." }, "id"],
  ["/v1/accounts", { asset: "USD/2", floor: 1 }, "floor"],
  ["/v1/accounts", { asset: "USD/2", floor: -(2 ** 53) }, "floor"],
  ["/v1/accounts", { asset: "USD/2", ceiling: 1.5 }, "ceiling"],
  ["/v1/accounts", { asset: "USD/2", status: "open" }, "status"],
  [`${TRANSFER}/post`, { amount: 0 }, "amount"],
  [`${TRANSFER}/post`, { amount: "available" }, "amount"],
  [`${TRANSFER}/post`, { amount: 1.5 }, "amount"],
  [`${TRANSFER}/post`, { final: 1 }, "final"],
  [`${TRANSFER}/post`, { amount: null }, "amount"],
  [`${TRANSFER}/post`, { memo: "" }, "memo"],
  [`${TRANSFER}/post`, [], ""],
  [`${TRANSFER}/void`, { amount: 1 }, ""],
  [`${TRANSFER}/revert`, { memo: "sorry" }, ""],
])("POST %s %j is 400", async (path, json, field) => {
  const { request, ledger } = createTestApp();
  const problem = await problemOf(await request("POST", path, { json }));
  expect(problem).toMatchObject({ code: "validation_failed" });
  expect(problem.errors?.[0]?.path).toBe(field);
  expect(ledger.commands).toEqual([]);
});

const RULE = { window_s: 60, direction: "debit", max_count: 1 };

describe.each([
  ["POST", "/v1/accounts", { asset: "USD/2" }],
  ["PATCH", "/v1/accounts/alice", {}],
])("%s %s", (method, path, more) => {
  test.each<[string, unknown, string]>([
    ["an object instead of a list", RULE, "limits"],
    ["null", null, "limits"],
    ["17 rules", Array.from({ length: 17 }, (_, i) => ({ ...RULE, window_s: i + 1 })), "limits"],
    ["a window of 0 s", [{ ...RULE, window_s: 0 }], "limits.0.window_s"],
    ["a window of half a second", [{ ...RULE, window_s: 0.5 }], "limits.0.window_s"],
    ["a window of 366 days and a second", [{ ...RULE, window_s: 31_622_401 }], "limits.0.window_s"],
    ["no window", [{ direction: "debit", max_count: 1 }], "limits.0.window_s"],
    ["another direction", [RULE, { ...RULE, direction: "up" }], "limits.1.direction"],
    ["neither amount nor count", [RULE, { window_s: 61, direction: "debit" }], "limits.1"],
    ["a negative amount", [{ ...RULE, max_amount: -1 }], "limits.0.max_amount"],
    ["an amount of 2^53", [{ ...RULE, max_amount: 2 ** 53 }], "limits.0.max_amount"],
    ["a count that is text", [{ ...RULE, max_count: "1" }], "limits.0.max_count"],
    ["an amount of null", [{ ...RULE, max_amount: null }], "limits.0.max_amount"],
    ["an unknown member", [{ ...RULE, asset: "USD/2" }], "limits.0.asset"],
    ["a window twice", [RULE, { ...RULE, direction: "credit" }, { ...RULE, max_count: 2 }], "limits.2"],
  ])("limits with %s are 400", async (_, limits, field) => {
    const { request, ledger } = createTestApp();
    const problem = await problemOf(await request(method, path, { json: { ...more, limits } }));
    expect(problem).toMatchObject({ code: "validation_failed" });
    expect(problem.errors?.map((error) => error.path)).toEqual([field]);
    expect(ledger.commands).toEqual([]);
  });
});

test.each([
  "/v1/accounts?limit=0",
  "/v1/accounts?limit=501",
  "/v1/accounts?limit=x",
  "/v1/accounts?limit=1&limit=2",
  "/v1/accounts?hello=1",
  "/v1/accounts?__proto__=1",
  "/v1/accounts?ids=a,b%20c",
  "/v1/accounts?ids=@bank",
  `/v1/accounts?ids=${Array.from({ length: 101 }, (_, i) => `a${i}`).join(",")}`,
  "/v1/accounts?consistent=true",
  "/v1/accounts/a%20b",
  "/v1/accounts/alice?at=yesterday",
  "/v1/accounts/alice?at=2026-11-20T10:00:01.001Z",
  "/v1/accounts/@bank?at=2026-01-01T00:00:00Z",
  "/v1/accounts?ids=a&consistent=yes",
  "/v1/accounts/alice/entries?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
  "/v1/transfers?status=done",
  "/v1/transfers?cursor=made-up",
])("GET %s is 400", async (path) => {
  const { request } = createTestApp();
  expect(await (await request("GET", path)).json()).toMatchObject({ status: 400, code: "validation_failed" });
});

test("an invalid dry run is 400", async () => {
  const { request, ledger } = createTestApp();
  const path = "/v1/transfers?dry_run=true";
  expect((await request("POST", path, { json: { ...GOOD, amount: 0 } })).status).toBe(400);
  const headers = { "idempotency-key": "a key" };
  expect((await request("POST", path, { json: GOOD, headers })).status).toBe(400);
  expect((await request("POST", "/v1/transfers?dry_run=yes", { json: GOOD })).status).toBe(400);
  expect(ledger.dryRuns).toEqual([]);
});
