/** Holds combined with the other rules of accounts: frozen, closed, bounds and limits, on one shard and on two. */
import { beforeAll, describe, expect, test } from "vitest";
import { Refusals } from "../support/refusals.ts";
import { startTestServer } from "./programmes/test-server.ts";

const SHARDS = 3;
const AMOUNT = 60;

const house = startTestServer({ SHARDS: String(SHARDS) });
let acme: Refusals;

beforeAll(async () => {
  acme = await Refusals.open(house.server, SHARDS, "acme");
});

type Account = Readonly<{ posted: number; held: number; available: number; status: string; seq: number }>;

function accountOf(id: string): Promise<Account> {
  return acme.must("GET", `/v1/accounts/${id}`);
}

function rejection(code: string, subject: string) {
  return { code, status: 422, subject };
}

function posting(debit_account: string, credit_account: string, amount = AMOUNT) {
  return { debit_account, credit_account, amount };
}

async function hold(debit: string, credit: string, amount = AMOUNT): Promise<string> {
  const body = { ...posting(debit, credit, amount), pending: true };
  const { id } = await acme.must<{ id: string }>("POST", "/v1/transfers", body);
  return `/v1/transfers/${id}`;
}

describe.each([
  { where: "on one shard", here: 0, there: 0 },
  { where: "on two shards", here: 0, there: 1 },
])("$where", ({ here, there }) => {
  const pair = async () => [await acme.account(here, "debit"), await acme.account(there, "credit")] as const;

  test("holds made before a freeze can be posted, in part or in full, and voided; new debits are rejected", async () => {
    const [debit, credit] = await pair();
    const [inParts, whole, voided] = [
      await hold(debit, credit, 40),
      await hold(debit, credit, 30),
      await hold(debit, credit, 20),
    ];
    await acme.must("POST", `/v1/accounts/${debit}/freeze`);
    const frozen = rejection("account_frozen", debit);
    await acme.refuses("POST", "/v1/transfers", posting(debit, credit, 1), frozen);
    await acme.refuses("POST", "/v1/transfers", { ...posting(debit, credit, 1), pending: true }, frozen);
    await acme.must("POST", `${inParts}/post`, { amount: 15 });
    expect(await acme.must("POST", `${inParts}/post`, { amount: 5, final: true })).toMatchObject({
      status: "posted",
      posted_amount: 20,
    });
    await acme.must("POST", `${whole}/post`);
    await acme.must("POST", `${voided}/void`);
    expect(await accountOf(debit)).toMatchObject({ posted: 50, held: 0, available: 50, status: "frozen" });
    expect(await accountOf(credit)).toMatchObject({ posted: 50, held: 0 });
    // Credits to a frozen account are accepted.
    expect((await acme.books.move("@issuance", debit, 7)).status).toBe(201);
  });

  test("a hold with several postings can be posted although its accounts on all shards are frozen", async () => {
    const [debit, credit] = await pair();
    const [back, to] = [await acme.account(there, "debit"), await acme.account(here, "credit")];
    const postings = [posting(debit, credit), posting(back, to), posting(credit, to, 10)];
    const { id } = await acme.must<{ id: string }>("POST", "/v1/transfers", { postings, pending: true });
    for (const each of [debit, back, credit]) await acme.must("POST", `/v1/accounts/${each}/freeze`);
    await acme.must("POST", `/v1/transfers/${id}/post`);
    for (const [each, posted] of [
      [debit, 40],
      [back, 40],
      [credit, 50],
      [to, 70],
    ] as const)
      expect(await accountOf(each)).toMatchObject({ posted, held: 0 });
  });

  test.each([
    { code: "ceiling_exceeded", rules: { ceiling: 59 }, later: { ceiling: 60 } },
    {
      code: "limit_exceeded",
      rules: { limits: [{ window_s: 3600, direction: "credit", max_amount: 59 }] },
      later: { limits: [{ window_s: 3600, direction: "credit", max_amount: 60 }] },
    },
    {
      code: "limit_exceeded",
      rules: { limits: [{ window_s: 3600, direction: "credit", max_count: 0 }] },
      later: { limits: [] },
    },
  ])(
    "a post that the credit account rejects ($code) leaves the hold pending, to be posted later",
    async (row) => {
      const { code, rules, later } = row;
      const [debit, credit] = await pair();
      const transfer = await hold(debit, credit);
      await acme.must("PATCH", `/v1/accounts/${credit}`, rules);
      const before = [await accountOf(debit), await accountOf(credit)];
      await acme.refuses("POST", `${transfer}/post`, undefined, rejection(code, credit));
      expect(await acme.must("GET", transfer)).toMatchObject({ status: "pending", posted_amount: 0 });
      expect([await accountOf(debit), await accountOf(credit)]).toEqual(before);
      await acme.must("PATCH", `/v1/accounts/${credit}`, later);
      expect(await acme.must("POST", `${transfer}/post`)).toMatchObject({
        status: "posted",
        posted_amount: AMOUNT,
        balances: { [debit]: { posted: 40, held: 0 }, [credit]: { posted: 60, held: 0 } },
      });
    },
  );

  test("a post beyond the balance range leaves the hold pending; a part that fits is posted, the rest voided", async () => {
    const [debit, credit] = await pair();
    const transfer = await hold(debit, credit);
    expect((await acme.books.move("@end", credit, 2 ** 52 - 10)).status).toBe(201);
    await acme.refuses("POST", `${transfer}/post`, undefined, rejection("balance_out_of_range", credit));
    await acme.must("POST", `${transfer}/post`, { amount: 10 });
    expect(await acme.must("POST", `${transfer}/void`)).toMatchObject({
      status: "voided",
      posted_amount: 10,
    });
    expect(await accountOf(debit)).toMatchObject({ posted: 90, held: 0, available: 90 });
    expect(await accountOf(credit)).toMatchObject({ posted: 2 ** 52 });
  });

  test("a post to a closed credit account leaves the hold pending, and it can only be voided", async () => {
    const [debit, credit] = await pair();
    const transfer = await hold(debit, credit);
    await acme.must("POST", `/v1/accounts/${credit}/close`);
    await acme.refuses("POST", `${transfer}/post`, undefined, rejection("account_closed", credit));
    expect(await acme.must("GET", transfer)).toMatchObject({ status: "pending" });
    expect(await accountOf(debit)).toMatchObject({ posted: 100, held: AMOUNT, available: 40 });
    await acme.must("POST", `${transfer}/void`);
    expect(await accountOf(debit)).toMatchObject({ posted: 100, held: 0, available: 100 });
  });

  test("a hold counts against the debit limit when it is made, and a void restores the limit", async () => {
    const [debit, credit] = await pair();
    await acme.must("PATCH", `/v1/accounts/${debit}`, {
      limits: [{ window_s: 3600, direction: "debit", max_amount: AMOUNT, max_count: 1 }],
    });
    const transfer = await hold(debit, credit);
    const refusal = rejection("limit_exceeded", debit);
    await acme.refuses("POST", "/v1/transfers", posting(debit, credit, 1), refusal);
    await acme.must("POST", `${transfer}/void`);
    const again = await hold(debit, credit);
    await acme.must("POST", `${again}/post`);
    await acme.refuses("POST", "/v1/transfers", { ...posting(debit, credit, 1), pending: true }, refusal);
    // A revert does not restore the debit limit.
    await acme.must("POST", `${again}/revert`);
    await acme.refuses("POST", "/v1/transfers", posting(debit, credit, 1), refusal);
  });

  test("an account with a zero balance and a hold cannot be closed", async () => {
    const [, credit] = await pair();
    const debit = await acme.books.account(here, { floor: -100 });
    const transfer = await hold(debit, credit);
    expect(await accountOf(debit)).toMatchObject({ posted: 0, held: AMOUNT, available: -AMOUNT });
    await acme.refuses(
      "POST",
      `/v1/accounts/${debit}/close`,
      undefined,
      rejection("account_not_empty", debit),
    );
    await acme.must("POST", `${transfer}/void`);
    expect(await acme.must("POST", `/v1/accounts/${debit}/close`)).toMatchObject({ status: "closed" });
  });

  test("bounds that the current balance or its holds would break are rejected", async () => {
    const [, credit] = await pair();
    const debit = await acme.books.funded(here, 10, { floor: -100 });
    const path = `/v1/accounts/${debit}`;
    await hold(debit, credit);
    const refusal = rejection("balance_conflict", debit);
    await acme.refuses("PATCH", path, { floor: 0 }, refusal);
    await acme.refuses("PATCH", path, { floor: -49 }, refusal);
    await acme.refuses("PATCH", path, { ceiling: 9 }, refusal);
    await acme.refuses("PATCH", path, { floor: -50, ceiling: 9, metadata: { a: "b" } }, refusal);
    expect(await acme.must("GET", path)).toMatchObject({ floor: -100, ceiling: null, metadata: {} });
    expect(await acme.must("PATCH", path, { floor: -50, ceiling: 10 })).toMatchObject({
      floor: -50,
      ceiling: 10,
    });
    await acme.refuses("POST", `${path}/close`, undefined, rejection("account_not_empty", debit));
  });
});

test("after a restart of all shards retries of rejected requests get their first answers, and holds are unchanged", async () => {
  const [debit, credit] = [await acme.account(0, "debit"), await acme.account(1, "credit", "full")];
  const transfer = await hold(debit, credit);
  await acme.refuses("POST", `${transfer}/post`, undefined, rejection("ceiling_exceeded", credit));
  const before = await accountOf(debit);
  await acme.surviveRestart();
  expect(await accountOf(debit)).toEqual(before);
  await acme.must("PATCH", `/v1/accounts/${credit}`, { ceiling: AMOUNT });
  expect(await acme.must("POST", `${transfer}/post`)).toMatchObject({ status: "posted" });
});
