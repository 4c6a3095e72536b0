/** Holds beside what else the rules of an account say: frozen, closed, bounds and limits, on one shard and on two. */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Refusals } from "../support/refusals.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import { ServerProcess } from "../support/server.ts";

const SHARDS = 3;
const AMOUNT = 60;

let dataDir: string;
let server: ServerProcess;
let acme: Refusals;

beforeAll(async () => {
  dataDir = makeScratchFolder("daybook-test");
  server = ServerProcess.launch({ DATA_DIR: dataDir, SHARDS: String(SHARDS) });
  await server.serving();
  acme = await Refusals.open(server, SHARDS, "acme");
});
afterAll(async () => {
  await server.kill();
  rmSync(dataDir, { recursive: true, force: true });
});

type Account = Readonly<{ posted: number; held: number; available: number; status: string; seq: number }>;

function accountOf(id: string): Promise<Account> {
  return acme.must("GET", `/v1/accounts/${id}`);
}

function named(code: string, subject: string) {
  return { code, status: 422, subject };
}

function posting(debit_account: string, credit_account: string, amount = AMOUNT) {
  return { debit_account, credit_account, amount };
}

async function held(debit: string, credit: string, amount = AMOUNT): Promise<string> {
  const body = { ...posting(debit, credit, amount), pending: true };
  const { id } = await acme.must<{ id: string }>("POST", "/v1/transfers", body);
  return `/v1/transfers/${id}`;
}

describe.each([
  { where: "on one shard", here: 0, there: 0 },
  { where: "on two shards", here: 0, there: 1 },
])("$where", ({ here, there }) => {
  const pair = async () => [await acme.account(here, "debit"), await acme.account(there, "credit")] as const;

  test("what was held before its account was frozen goes through, in parts and whole, and nothing new does", async () => {
    const [debit, credit] = await pair();
    const [inParts, whole, voided] = [
      await held(debit, credit, 40),
      await held(debit, credit, 30),
      await held(debit, credit, 20),
    ];
    await acme.must("POST", `/v1/accounts/${debit}/freeze`);
    const frozen = named("account_frozen", debit);
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
    // What comes to it arrives all the same.
    expect((await acme.books.move("@issuance", debit, 7)).status).toBe(201);
  });

  test("a hold of several postings goes through on frozen accounts of all shards", async () => {
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
  ])("a post that the credit account refuses ($code) leaves it pending, to be posted later", async (row) => {
    const { code, rules, later } = row;
    const [debit, credit] = await pair();
    const transfer = await held(debit, credit);
    await acme.must("PATCH", `/v1/accounts/${credit}`, rules);
    const before = [await accountOf(debit), await accountOf(credit)];
    await acme.refuses("POST", `${transfer}/post`, undefined, named(code, credit));
    expect(await acme.must("GET", transfer)).toMatchObject({ status: "pending", posted_amount: 0 });
    expect([await accountOf(debit), await accountOf(credit)]).toEqual(before);
    await acme.must("PATCH", `/v1/accounts/${credit}`, later);
    expect(await acme.must("POST", `${transfer}/post`)).toMatchObject({
      status: "posted",
      posted_amount: AMOUNT,
      balances: { [debit]: { posted: 40, held: 0 }, [credit]: { posted: 60, held: 0 } },
    });
  });

  test("so does one that the range refuses; a part that fits is posted, and the rest voided", async () => {
    const [debit, credit] = await pair();
    const transfer = await held(debit, credit);
    expect((await acme.books.move("@end", credit, 2 ** 52 - 10)).status).toBe(201);
    await acme.refuses("POST", `${transfer}/post`, undefined, named("balance_out_of_range", credit));
    await acme.must("POST", `${transfer}/post`, { amount: 10 });
    expect(await acme.must("POST", `${transfer}/void`)).toMatchObject({
      status: "voided",
      posted_amount: 10,
    });
    expect(await accountOf(debit)).toMatchObject({ posted: 90, held: 0, available: 90 });
    expect(await accountOf(credit)).toMatchObject({ posted: 2 ** 52 });
  });

  test("so does one whose credit account was closed meanwhile, and only void is left", async () => {
    const [debit, credit] = await pair();
    const transfer = await held(debit, credit);
    await acme.must("POST", `/v1/accounts/${credit}/close`);
    await acme.refuses("POST", `${transfer}/post`, undefined, named("account_closed", credit));
    expect(await acme.must("GET", transfer)).toMatchObject({ status: "pending" });
    expect(await accountOf(debit)).toMatchObject({ posted: 100, held: AMOUNT, available: 40 });
    await acme.must("POST", `${transfer}/void`);
    expect(await accountOf(debit)).toMatchObject({ posted: 100, held: 0, available: 100 });
  });

  test("a hold counts against the debit limit when made, and is given back by void", async () => {
    const [debit, credit] = await pair();
    await acme.must("PATCH", `/v1/accounts/${debit}`, {
      limits: [{ window_s: 3600, direction: "debit", max_amount: AMOUNT, max_count: 1 }],
    });
    const transfer = await held(debit, credit);
    const refusal = named("limit_exceeded", debit);
    await acme.refuses("POST", "/v1/transfers", posting(debit, credit, 1), refusal);
    await acme.must("POST", `${transfer}/void`);
    const again = await held(debit, credit);
    await acme.must("POST", `${again}/post`);
    await acme.refuses("POST", "/v1/transfers", { ...posting(debit, credit, 1), pending: true }, refusal);
    // What goes back is no debit of this kind.
    await acme.must("POST", `${again}/revert`);
    await acme.refuses("POST", "/v1/transfers", posting(debit, credit, 1), refusal);
  });

  test("an account that has nothing, but of which something is held, is not closed", async () => {
    const [, credit] = await pair();
    const debit = await acme.books.account(here, { floor: -100 });
    const transfer = await held(debit, credit);
    expect(await accountOf(debit)).toMatchObject({ posted: 0, held: AMOUNT, available: -AMOUNT });
    await acme.refuses("POST", `/v1/accounts/${debit}/close`, undefined, named("account_not_empty", debit));
    await acme.must("POST", `${transfer}/void`);
    expect(await acme.must("POST", `/v1/accounts/${debit}/close`)).toMatchObject({ status: "closed" });
  });

  test("bounds that the present balance would break are refused, what is held included", async () => {
    const [, credit] = await pair();
    const debit = await acme.books.funded(here, 10, { floor: -100 });
    const path = `/v1/accounts/${debit}`;
    await held(debit, credit);
    const refusal = named("balance_conflict", debit);
    await acme.refuses("PATCH", path, { floor: 0 }, refusal);
    await acme.refuses("PATCH", path, { floor: -49 }, refusal);
    await acme.refuses("PATCH", path, { ceiling: 9 }, refusal);
    await acme.refuses("PATCH", path, { floor: -50, ceiling: 9, metadata: { a: "b" } }, refusal);
    expect(await acme.must("GET", path)).toMatchObject({ floor: -100, ceiling: null, metadata: {} });
    expect(await acme.must("PATCH", path, { floor: -50, ceiling: 10 })).toMatchObject({
      floor: -50,
      ceiling: 10,
    });
    await acme.refuses("POST", `${path}/close`, undefined, named("account_not_empty", debit));
  });
});

test("each that was refused has its first answer once all shards have started anew, and holds are what they were", async () => {
  const [debit, credit] = [await acme.account(0, "debit"), await acme.account(1, "credit", "full")];
  const transfer = await held(debit, credit);
  await acme.refuses("POST", `${transfer}/post`, undefined, named("ceiling_exceeded", credit));
  const before = await accountOf(debit);
  await acme.surviveRestart();
  expect(await accountOf(debit)).toEqual(before);
  await acme.must("PATCH", `/v1/accounts/${credit}`, { ceiling: AMOUNT });
  expect(await acme.must("POST", `${transfer}/post`)).toMatchObject({ status: "posted" });
});
