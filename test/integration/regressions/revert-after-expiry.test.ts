/** Reverts and rollbacks never bring back what has expired. */
import { beforeAll, expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { type Caller, type Json, startTestServer } from "../programmes/test-server.ts";

const house = startTestServer({});
const LATE = "2999-01-01T00:00:00.000Z";
let acme: Caller;
let made = 0;

beforeAll(async () => {
  acme = await house.partner("acme");
});

/** An expiry that leaves time for a few requests. */
function soon(): string {
  return new Date(Date.now() + 1_000).toISOString();
}

class Member {
  readonly path: string;

  private constructor(id: string) {
    this.path = `/v1/loyalty/members/${id}`;
  }

  static async make(): Promise<Member> {
    made += 1;
    await acme.post("/v1/loyalty/members", 201, { id: `m${made}` });
    return new Member(`m${made}`);
  }

  async accrue(points: number, expires_at?: string): Promise<string> {
    const body = { points, description: "x", ...(expires_at !== undefined && { expires_at }) };
    return String((await acme.post(`${this.path}/accruals`, 201, body))["id"]);
  }

  async redeem(points: number): Promise<string> {
    return String((await acme.post(`${this.path}/redemptions`, 201, { points, description: "x" }))["id"]);
  }

  async expectState(totals: Json, lots: readonly (readonly [string, number])[] = []): Promise<void> {
    expect(await acme.get(this.path)).toMatchObject(totals);
    const rows = await acme.all(`${this.path}/lots`);
    expect(rows.map(({ expires_at, points }) => [expires_at, points])).toEqual(lots);
    const account = this.path.replace("/v1/loyalty/members/", "/v1/accounts/points:");
    expect(await acme.get(`${account}/reconciliation`)).toMatchObject({ reconciled: true });
  }

  waitForExpiry(points: number): Promise<void> {
    return until(`${points} have expired`, async () => (await acme.get(this.path))["expired"] === points);
  }
}

function revert(transfer: string, status = 201): Promise<Json> {
  return acme.post(`/v1/transfers/${transfer}/revert`, status);
}

test("an expired accrual cannot be reverted, and other points stay", async () => {
  const member = await Member.make();
  const accrual = await member.accrue(40, soon());
  await member.accrue(100);
  await member.waitForExpiry(40);
  expect(await revert(accrual, 422)).toMatchObject({ code: "insufficient_funds" });
  await member.expectState({ balance: 100, earned: 140, expired: 40, spent: 0 });
});

test("a revert of an expired accrual debits only the part that was spent before", async () => {
  const member = await Member.make();
  const accrual = await member.accrue(40, soon());
  await member.redeem(15);
  await member.accrue(100);
  await member.waitForExpiry(25);
  expect(await revert(accrual)).toMatchObject({ reverts: accrual, posted_amount: 15 });
  await member.expectState({ balance: 85, earned: 125, expired: 25, spent: 15 });
  expect(await revert(accrual, 409)).toMatchObject({ code: "already_reverted" });
});

test("a revert of an accrual before its expiry debits all of it, starting with its own lot", async () => {
  const member = await Member.make();
  const accrual = await member.accrue(40, LATE);
  await member.redeem(15);
  await member.accrue(100);
  expect(await revert(accrual)).toMatchObject({ posted_amount: 40 });
  await member.expectState({ balance: 85, earned: 100, expired: 0, spent: 15 });
});

test("a revert of an accrual without expiry debits points without expiry first", async () => {
  const member = await Member.make();
  const accrual = await member.accrue(100);
  await member.accrue(50, LATE);
  await revert(accrual);
  await member.expectState({ balance: 50, earned: 50 }, [[LATE, 50]]);
});

test("points that a reverted redemption returns to an expired lot expire at once", async () => {
  const member = await Member.make();
  const accrual = await member.accrue(40, soon());
  await member.accrue(10);
  const redemption = await member.redeem(30);
  await member.waitForExpiry(10);
  await revert(redemption);
  await member.expectState({ balance: 10, earned: 50, expired: 40, spent: 0 });
  expect(await revert(accrual, 422)).toMatchObject({ code: "insufficient_funds" });
  await member.expectState({ balance: 10, earned: 50, expired: 40, spent: 0 });
});

test("points that a reverted redemption returns to a reverted accrual do not restore its lot", async () => {
  const member = await Member.make();
  const accrual = await member.accrue(40, LATE);
  await member.accrue(100);
  const redemption = await member.redeem(40);
  await revert(accrual);
  await member.expectState({ balance: 60, earned: 100, spent: 40 });
  await revert(redemption);
  await member.expectState({ balance: 100, earned: 100, spent: 0 });
});

test("a restarted server reverts an expired accrual in the same way", async () => {
  const member = await Member.make();
  const accrual = await member.accrue(40, soon());
  await member.redeem(15);
  await member.accrue(100);
  await member.waitForExpiry(25);
  const key = await acme.post("/v1/partners/acme/keys", 201, { role: "partner" });
  await house.restart();
  acme = house.caller(String(key["api_key"]));
  expect(await revert(accrual)).toMatchObject({ posted_amount: 15 });
  await member.expectState({ balance: 85, earned: 125, expired: 25, spent: 15 });
});

test("neither an expiry nor a revert of points can be reverted", async () => {
  const member = await Member.make();
  const back = await revert(await member.accrue(5));
  await member.accrue(40, soon());
  await member.waitForExpiry(40);
  const [expiry] = await acme.all(`${member.path}/entries?limit=1`);
  for (const id of [back["id"], expiry?.["transfer_id"]])
    expect(await revert(String(id), 422)).toMatchObject({ code: "managed_account" });
});

test("a revert of an expired transfer returns the part that was posted before", async () => {
  for (const id of ["payer", "payee"]) await acme.post("/v1/accounts", 201, { id, asset: "PTS/0" });
  await acme.post("/v1/transfers", 201, { debit_account: "@x", credit_account: "payer", amount: 100 });
  const sides = { debit_account: "payer", credit_account: "payee" };
  const { id } = await acme.post("/v1/transfers", 201, { ...sides, amount: 80, pending: true, timeout_s: 1 });
  const path = `/v1/transfers/${String(id)}`;
  await acme.post(`${path}/post`, 200, { amount: 30 });
  await until("it has expired", async () => (await acme.get(path))["status"] === "expired");
  expect(await acme.post(`${path}/revert`, 201)).toMatchObject({ posted_amount: 30 });
  expect(await acme.get("/v1/accounts/payer")).toMatchObject({ posted: 100, held: 0 });
});

test("a rollback of an expired voucher's redemption does not make the voucher valid again", async () => {
  const email = "ann@example.com";
  await acme.post("/v1/customers", 201, { email });
  const issue = { email, offer_name: "Sale", discount: 10, expires_at: soon() };
  const { code } = await acme.post("/v1/vouchers", 201, issue);
  await acme.post("/v1/vouchers", 201, issue);
  await acme.post(`/v1/vouchers/${String(code)}/redeem`, 200, { email });
  const valid = `/v1/vouchers?email=${email}`;
  await until("the other one has expired", async () => (await acme.all(valid)).length === 0);
  expect(await acme.post(`/v1/vouchers/${String(code)}/rollback`, 200, { email })).toMatchObject({
    status: "expired",
  });
  expect(await acme.all(valid)).toEqual([]);
});
