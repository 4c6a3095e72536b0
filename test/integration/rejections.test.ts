/** A real server: every rejection of a transfer, its text, its record in the log and its precedence. */
import { beforeAll, describe, expect, test } from "vitest";
import { isRepeat } from "../support/partner-books.ts";
import { type Refusal, Refusals, type Trait } from "../support/refusals.ts";
import { startTestServer } from "./programmes/test-server.ts";

const SHARDS = 3;
const AMOUNT = 60;

const house = startTestServer({ SHARDS: String(SHARDS) });
let acme: Refusals;
/** The accounts of the valid posting that is sent together with an invalid one. */
let rich: string;
let saver: string;

beforeAll(async () => {
  acme = await Refusals.open(house.server, SHARDS, "acme");
  rich = await acme.books.funded(2, 1_000_000);
  saver = await acme.books.account(2);
});

/** Shards of the debit and the credit account. */
const PLACES = [
  { where: "on one shard", shards: [0, 0] },
  { where: "on two shards", shards: [0, 1] },
] as const;

type Side = "debit" | "credit";

/** The rejection of a transfer between two accounts in these states, and the side that it names. */
type Case = Readonly<{
  code: string;
  side: Side;
  status: number;
  debit: readonly Trait[];
  credit: readonly Trait[];
  /** A pending transfer does not check the ceiling, the limits and the range of its credit account. */
  appliesToPending: boolean;
}>;

function refusal(
  code: string,
  side: Side,
  status: number,
  debit: readonly Trait[],
  credit: readonly Trait[],
  appliesToPending = true,
): Case {
  return { code, side, status, debit, credit, appliesToPending };
}

const SINGLE: readonly Case[] = [
  refusal("account_not_found", "debit", 404, ["missing"], []),
  refusal("account_not_found", "credit", 404, [], ["missing"]),
  refusal("asset_mismatch", "credit", 422, [], ["in euros"]),
  refusal("account_closed", "debit", 422, ["closed"], []),
  refusal("account_closed", "credit", 422, [], ["closed"]),
  refusal("account_frozen", "debit", 422, ["frozen"], []),
  refusal("insufficient_funds", "debit", 422, ["empty"], []),
  refusal("ceiling_exceeded", "credit", 422, [], ["full"], false),
  refusal("limit_exceeded", "debit", 422, ["limited in amount"], []),
  refusal("limit_exceeded", "debit", 422, ["limited in count"], []),
  refusal("limit_exceeded", "credit", 422, [], ["limited in amount"], false),
  refusal("limit_exceeded", "credit", 422, [], ["limited in count"], false),
  refusal("balance_out_of_range", "debit", 422, ["at the end of the range"], []),
  refusal("balance_out_of_range", "credit", 422, [], ["at the end of the range"], false),
];

/** Each case has further faults, whose rejections rank below the expected one. */
const PRECEDENCE: readonly Case[] = [
  refusal("account_not_found", "debit", 404, ["missing"], ["missing"]),
  refusal("account_not_found", "credit", 404, ["frozen"], ["missing"]),
  refusal("asset_mismatch", "credit", 422, ["closed"], ["in euros", "closed"]),
  refusal("account_closed", "debit", 422, ["closed"], ["closed"]),
  refusal("account_closed", "credit", 422, ["frozen"], ["closed"]),
  refusal("account_frozen", "debit", 422, ["frozen", "empty"], ["full"]),
  refusal("insufficient_funds", "debit", 422, ["empty", "limited in count"], ["full"]),
  refusal("ceiling_exceeded", "credit", 422, ["limited in count"], ["full", "limited in count"], false),
  refusal("limit_exceeded", "debit", 422, ["limited in count"], ["limited in count"], false),
  refusal("limit_exceeded", "credit", 422, ["at the end of the range"], ["limited in amount"], false),
  refusal(
    "balance_out_of_range",
    "debit",
    422,
    ["at the end of the range"],
    ["at the end of the range"],
    false,
  ),
];

function posting(debit_account: string, credit_account: string, amount = AMOUNT) {
  return { debit_account, credit_account, amount };
}

/** Expects the same rejection alone, among several postings, in a batch, as a dry run, and pending. */
async function expectRejected(
  invalid: ReturnType<typeof posting>,
  rejection: Refusal,
  appliesToPending: boolean,
) {
  const path = "/v1/transfers";
  const valid = posting(rich, saver, 1);
  const several = { postings: [valid, invalid, posting(saver, rich, 1)] };
  await acme.refuses("POST", path, invalid, rejection);
  await acme.refuses("POST", path, several, rejection);
  await acme.refusesItem(valid, invalid, rejection);
  await acme.refusesItem(valid, several, rejection);
  for (const body of [invalid, several])
    await acme.refusesUnlogged({ method: "POST", path: `${path}?dry_run=true`, body }, rejection);
  if (!appliesToPending) return;
  await acme.refuses("POST", path, { ...invalid, pending: true }, rejection);
  await acme.refuses("POST", path, { ...several, pending: true }, rejection);
  await acme.refusesItem(valid, { ...invalid, pending: true }, rejection);
}

describe.each(PLACES)("$where", ({ shards: [here, there] }) => {
  describe.each([
    { why: "alone", cases: SINGLE },
    { why: "with faults of lower precedence", cases: PRECEDENCE },
  ])("$why", ({ cases }) => {
    test.each(cases)("$code of the $side account ($debit, $credit)", async (row) => {
      const { code, side, status, debit, credit, appliesToPending } = row;
      const asked = posting(
        await acme.account(here, "debit", ...debit),
        await acme.account(there, "credit", ...credit),
      );
      const subject = asked[`${side}_account`];
      await expectRejected(asked, { code, status, subject }, appliesToPending);
    });
  });

  test("a dry run changes nothing and does not use its idempotency key, accepted or rejected", async () => {
    const giver = await acme.account(here, "debit");
    const taker = await acme.account(there, "credit");
    const { client } = acme.books;
    const accounts = () => acme.must("GET", `/v1/accounts?ids=${giver},${taker}`);
    const [whole, tooMuch] = [posting(giver, taker, 10), posting(giver, taker, 101)];
    for (const [index, body] of [
      whole,
      { postings: [whole, whole] },
      { ...whole, pending: true },
    ].entries()) {
      const headers = { "Idempotency-Key": `dry-${here}-${there}-${index}` };
      const before = await accounts();
      const dry = await client.send("POST", "/v1/transfers?dry_run=true", body, headers);
      expect(dry.status, dry.text).toBe(201);
      expect(await accounts()).toEqual(before);
      const real = await client.send("POST", "/v1/transfers", body, headers);
      expect([real.status, isRepeat(real)], real.text).toEqual([201, false]);
      const { balances } = JSON.parse(real.text) as { balances: object };
      expect(JSON.parse(dry.text)).toMatchObject({ balances });
    }
    const headers = { "Idempotency-Key": `dry-${here}-${there}` };
    const refused = { code: "insufficient_funds", status: 422, subject: giver };
    const request = { method: "POST", path: "/v1/transfers?dry_run=true", body: tooMuch };
    await acme.refusesUnlogged(request, refused, headers);
    expect((await acme.books.move("@issuance", giver, 200)).status).toBe(201);
    const real = await client.send("POST", "/v1/transfers", tooMuch, headers);
    expect([real.status, isRepeat(real)], real.text).toEqual([201, false]);
  });

  test("of several postings, the first that fails decides the rejection, on whatever shard it is", async () => {
    const poor = await acme.account(here, "debit", "empty");
    const missing = await acme.account(there, "credit", "missing");
    const full = await acme.account(there, "credit", "full");
    const late = posting(poor, saver);
    const early = posting(rich, missing);
    const first = { code: "insufficient_funds", status: 422, subject: poor };
    const second = { code: "account_not_found", status: 404, subject: missing };
    const third = { code: "ceiling_exceeded", status: 422, subject: full };
    const path = "/v1/transfers";
    await acme.refuses("POST", path, { postings: [late, early] }, first);
    await acme.refuses("POST", path, { postings: [early, late] }, second);
    await acme.refuses("POST", path, { postings: [posting(rich, full), early, late] }, third);
    await acme.refuses("POST", path, { postings: [late, posting(rich, full), early] }, first);
    await acme.refuses("POST", path, { postings: [late, early], pending: true }, first);
    await acme.refuses("POST", path, { postings: [early, late], pending: true }, second);
  });
});

test("same_account outranks all other rejections", async () => {
  for (const id of [await acme.account(0, "debit"), await acme.account(1, "debit", "missing"), "@pot"])
    await expectRejected(posting(id, id), { code: "same_account", status: 422, subject: id }, true);
});

test("asset_mismatch between two system accounts, because neither determines the asset", async () => {
  await expectRejected(posting("@pot", "@jar"), { code: "asset_mismatch", status: 422, subject: null }, true);
});

test("a rejected transfer with several postings moves and holds nothing", async () => {
  const [giver, taker] = [await acme.account(0, "debit"), await acme.account(1, "credit")];
  const [poor, full] = [await acme.account(2, "debit", "empty"), await acme.account(2, "credit", "full")];
  const before = await acme.must("GET", `/v1/accounts?ids=${giver},${taker},${poor},${full}`);
  const moved = posting(giver, taker);
  const path = "/v1/transfers";
  const isPoor = { code: "insufficient_funds", status: 422, subject: poor };
  await acme.refuses("POST", path, { postings: [moved, posting(poor, taker)] }, isPoor);
  await acme.refuses("POST", path, { postings: [moved, posting(poor, taker)], pending: true }, isPoor);
  const isFull = { code: "ceiling_exceeded", status: 422, subject: full };
  await acme.refuses("POST", path, { postings: [moved, posting(giver, full, 1)] }, isFull);
  expect(await acme.must("GET", `/v1/accounts?ids=${giver},${taker},${poor},${full}`)).toEqual(before);
  // The full balance is still available.
  expect((await acme.books.move(giver, taker, 100)).status).toBe(201);
});

test("after a restart of all shards a retry of a rejected request gets its first answer", async () => {
  const other = await Refusals.open(house.server, SHARDS, "other");
  const poor = await other.account(0, "debit", "empty");
  const subject = poor;
  const to = [await other.account(0, "credit"), await other.account(1, "credit")];
  for (const credit of to)
    await other.refuses("POST", "/v1/transfers", posting(poor, credit), {
      code: "insufficient_funds",
      status: 422,
      subject,
    });
  // Later funding does not change the answer of a retry.
  expect((await other.books.move("@issuance", poor, 1000)).status).toBe(201);
  await other.surviveRestart();
  await acme.surviveRestart();
});
