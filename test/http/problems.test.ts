import { describe, expect, test } from "vitest";
import { REJECTIONS, type Rejection } from "../../src/actors/records/rejection.ts";
import { PROBLEMS, type ProblemCode } from "../../src/http/problem.ts";
import { createTestApp, problemOf } from "./test-app.ts";

/** Statuses by the API contract, independent of the table under test. */
const STATUSES: Record<Rejection, number> = {
  same_account: 422,
  account_not_found: 404,
  managed_account: 422,
  asset_mismatch: 422,
  account_closed: 422,
  account_frozen: 422,
  insufficient_funds: 422,
  ceiling_exceeded: 422,
  limit_exceeded: 422,
  balance_out_of_range: 422,
  webhook_not_found: 404,
  too_many_webhooks: 422,
  wallet_user_not_found: 404,
  bad_reset_token: 401,
  hold_of_payee: 409,
  amount_exceeds_transfer: 422,
  transfer_not_found: 404,
  transfer_not_pending: 409,
  transfer_expired: 410,
  transfer_not_posted: 409,
  already_reverted: 409,
  amount_exceeds_pending: 422,
  account_exists: 409,
  balance_conflict: 422,
  account_not_empty: 422,
  metadata_too_large: 422,
  partner_exists: 409,
  partner_not_found: 404,
  key_not_found: 404,
  too_many_keys: 422,
  member_exists: 409,
  member_not_found: 404,
  customer_exists: 409,
  customer_erased: 409,
  customer_not_encrypted: 409,
  customer_not_found: 404,
  offer_not_found: 404,
  voucher_not_found: 404,
  voucher_already_redeemed: 409,
  voucher_expired: 410,
  voucher_cancelled: 409,
  not_redeemed: 409,
  too_many_offers: 422,
  redemption_too_old: 409,
  too_many_batches: 422,
  seller_exists: 409,
  seller_not_found: 404,
  seller_suspended: 422,
  credit_request_not_found: 404,
  too_many_pending_requests: 422,
  segment_exists: 409,
  segment_not_found: 404,
  user_exists: 409,
  percent_lowered: 422,
  percent_changed: 409,
  too_many_percent_changes: 422,
  too_many_segments: 422,
  email_taken: 409,
  bad_credentials: 401,
  wallet_not_found: 404,
  duplicate_reference: 409,
  too_many_references: 422,
  hold_not_found: 404,
  payment_request_not_found: 404,
  withdrawal_not_found: 404,
  already_decided: 409,
  too_many_pending: 422,
  monitor_not_found: 404,
  too_many_monitors: 422,
  approver_is_requester: 409,
  amount_below_minimum: 422,
  amount_above_maximum: 422,
  daily_limit_exceeded: 422,
};

const TRANSFER = { debit_account: "@issuance", credit_account: "alice/points", amount: 5 };

test("every rejection of the ledger has a status", () => {
  expect(Object.keys(STATUSES).toSorted()).toEqual(Object.keys(REJECTIONS).toSorted());
});

const PENDING = { ...TRANSFER, pending: true };

/** All rejections of a transfer that are logged. */
const ASKED: [path: string, json: unknown][] = [
  ["/v1/transfers", TRANSFER],
  ["/v1/transfers", PENDING],
  ["/v1/transfers/tr_0a11001/post", { amount: 5 }],
  ["/v1/transfers/tr_0a11001/void", undefined],
  ["/v1/transfers/tr_0a11001/revert", undefined],
];

describe.each(Object.entries(STATUSES))("a transfer rejected as %s", (code, status) => {
  test(`is answered ${status}, names the subject, and has a log position`, async () => {
    const { request, ledger } = createTestApp();
    ledger.faults.rejection = code as Rejection;
    ledger.faults.subject = "alice/points";
    for (const [i, [path, json]] of ASKED.entries()) {
      const response = await request("POST", path, { json });
      const problem = await problemOf(response);
      expect(problem.code).toBe(code);
      expect(response.status).toBe(status);
      expect(problem.detail).toContain("alice/points");
      expect(problem.retryable).toBe(false);
      expect(response.headers.get("daybook-position")).toBe(`0:1-${i + 1}`);
    }
    const transfers = [TRANSFER, PENDING];
    const batch = await request("POST", "/v1/transfers/batch", { json: { transfers } });
    expect(await batch.json()).toEqual({ results: transfers.map(() => ({ status, code })) });
  });

  test(`is also the answer of a dry run, without a log position`, async () => {
    const { request, ledger } = createTestApp();
    ledger.faults.rejection = code as Rejection;
    ledger.faults.subject = "alice/points";
    for (const json of [TRANSFER, PENDING]) {
      const response = await request("POST", "/v1/transfers?dry_run=true", { json });
      expect(await problemOf(response)).toMatchObject({ status, code });
      expect(response.headers.get("daybook-position")).toBeNull();
    }
    expect(ledger.commands).toEqual([]);
  });
});

test.each(["idempotency_key_reused", "idempotency_key_expired"] as const)("%s is 422", async (code) => {
  const { request, ledger } = createTestApp();
  ledger.faults.refusal = code;
  const response = await request("POST", "/v1/transfers", { json: TRANSFER });
  expect((await problemOf(response)).code).toBe(code);
  expect(response.status).toBe(422);
  expect(response.headers.get("daybook-position")).toBeNull();
});

test.each([
  ["overloaded", 503],
  ["log_unavailable", 503],
  ["outcome_unknown", 503],
  ["not_implemented", 501],
] as const)("%s is %i, with Retry-After where waiting may help", async (code, status) => {
  const { request, ledger } = createTestApp();
  ledger.faults.operating = code;
  const response = await request("POST", "/v1/transfers", { json: TRANSFER });
  const problem = await problemOf(response);
  expect(problem).toMatchObject({ code, status, retryable: status === 503 });
  expect(response.headers.get("retry-after")).toBe(status === 503 ? "1" : null);
});

test("an unexpected error is a 500; its details are in the log only", async () => {
  const { request, ledger, logged } = createTestApp();
  ledger.faults.bug = true;
  const response = await request("POST", "/v1/transfers", { json: TRANSFER });
  const problem = await problemOf(response);
  expect(problem).toMatchObject({ status: 500, code: "internal_error" });
  expect(JSON.stringify(problem)).not.toContain("secret");
  expect(logged).toHaveLength(1);
  expect(logged[0]?.fields["request_id"]).toBe(response.headers.get("request-id"));
});

test("a request that takes longer than 10 s is answered outcome_unknown, and its late answer is dropped", async () => {
  const { app, request, ledger, elapse, lines } = createTestApp();
  const { promise, resolve } = Promise.withResolvers<void>();
  ledger.faults.held = promise;
  const slow = request("POST", "/v1/transfers", { json: TRANSFER });
  const quick = createTestApp();
  await quick.request("GET", "/healthz");
  elapse(9_999);
  app.sweep();
  expect(app.inFlight()).toBe(1);
  elapse(1);
  app.sweep();
  const response = await slow;
  expect((await problemOf(response)).code).toBe("outcome_unknown");
  expect(app.inFlight()).toBe(0);
  resolve();
  await promise;
  await new Promise((done) => setImmediate(done));
  expect(lines).toHaveLength(1);
});

test("until the ledger is ready everything except probes and pages is 503, and afterwards nothing is", async () => {
  const { request, ledger } = createTestApp();
  ledger.faults.unready = ["Shard 1 is recovering.", "The log is loading."];
  for (const path of ["/v1/accounts/x", "/v1/trial-balance", "/v1/nothing"]) {
    const response = await request("GET", path);
    expect(await problemOf(response)).toMatchObject({
      code: "log_unavailable",
      detail: "Shard 1 is recovering.",
    });
    expect(response.headers.get("retry-after")).toBe("1");
  }
  const unready = await request("GET", "/readyz", { key: "" });
  expect(await problemOf(unready)).toMatchObject({ status: 503, reasons: ledger.faults.unready });
  for (const path of ["/healthz", "/metrics", "/", "/docs", "/openapi.json", "/problems/forbidden"])
    expect((await request("GET", path, { key: "" })).status, path).toBe(200);
  ledger.faults.unready = [];
  expect((await request("GET", "/v1/trial-balance")).status).toBe(200);
  ledger.faults.unready = ["Shard 1 restarts."];
  expect((await request("GET", "/v1/trial-balance")).status).toBe(200);
  expect((await request("GET", "/readyz")).status).toBe(503);
});

test("answers contain no stack and no file paths", async () => {
  const { request, ledger } = createTestApp();
  ledger.faults.unready = [
    "shard 0 is failed: no room in /var/lib/daybook/log.sqlite (ENOSPC)\n    at open (/srv/x.ts:1:2)",
  ];
  const shown = "shard 0 is failed: no room in … (ENOSPC)";
  expect(await problemOf(await request("GET", "/readyz", { key: "" }))).toMatchObject({ reasons: [shown] });
  expect(await problemOf(await request("GET", "/v1/accounts/x"))).toMatchObject({ detail: shown });
});

test.each(Object.keys(PROBLEMS))("/problems/%s is a page", async (code) => {
  const { request } = createTestApp();
  const response = await request("GET", `/problems/${code}`, { key: "" });
  expect(response.status).toBe(200);
  const page = await response.text();
  expect(page).toContain(PROBLEMS[code as ProblemCode].title);
});

test("an unknown problem and route are 404, a wrong method is 405", async () => {
  const { request } = createTestApp();
  expect((await problemOf(await request("GET", "/problems/toString", { key: "" }))).status).toBe(404);
  expect((await problemOf(await request("GET", "/nothing", { key: "" }))).code).toBe("not_found");
  expect((await problemOf(await request("GET", "/v1/nothing", { key: "" }))).code).toBe("unauthenticated");
  expect((await problemOf(await request("GET", "/v1/nothing"))).code).toBe("not_found");
  const wrong = await request("DELETE", "/v1/accounts/alice");
  expect((await problemOf(wrong)).code).toBe("method_not_allowed");
  expect(wrong.headers.get("allow")).toBe("GET, HEAD, PATCH");
  const posted = await request("POST", "/v1/transfers/tr_0a11001");
  expect(posted.status).toBe(405);
  expect(posted.headers.get("allow")).toBe("GET, HEAD");
});
