/** Every rejection of the contract by a real server: what it says, what is logged of it, which one goes first. */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isRepeat } from "../support/partner-books.ts";
import { type Refusal, Refusals, type Trait } from "../support/refusals.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import { ServerProcess } from "../support/server.ts";

const SHARDS = 3;
const AMOUNT = 60;

let dataDir: string;
let server: ServerProcess;
let acme: Refusals;
/** Both sides of the posting that goes through beside one that does not. */
let rich: string;
let saver: string;

beforeAll(async () => {
  dataDir = makeScratchFolder("daybook-test");
  server = ServerProcess.launch({ DATA_DIR: dataDir, SHARDS: String(SHARDS) });
  await server.serving();
  acme = await Refusals.open(server, SHARDS, "acme");
  rich = await acme.books.funded(2, 1_000_000);
  saver = await acme.books.account(2);
});
afterAll(async () => {
  await server.kill();
  rmSync(dataDir, { recursive: true, force: true });
});

/** On which shards the two accounts are. */
const PLACES = [
  { where: "on one shard", shards: [0, 0] },
  { where: "on two shards", shards: [0, 1] },
] as const;

type Side = "debit" | "credit";

/** What is against it when these two accounts are like this, and which of them it names. */
type Case = Readonly<{
  code: string;
  of: Side;
  status: number;
  debit: readonly Trait[];
  credit: readonly Trait[];
  /** A pending transfer needs nothing of its receiver but to be there. */
  mayBePending: boolean;
}>;

function refusal(
  code: string,
  of: Side,
  status: number,
  debit: readonly Trait[],
  credit: readonly Trait[],
  mayBePending = true,
): Case {
  return { code, of, status, debit, credit, mayBePending };
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

/** Each holds with all that could be said against it further down in the table. */
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

/** Asked for in every way, it is refused so. */
async function isRefused(asked: ReturnType<typeof posting>, refused: Refusal, mayBePending: boolean) {
  const path = "/v1/transfers";
  const good = posting(rich, saver, 1);
  const several = { postings: [good, asked, posting(saver, rich, 1)] };
  await acme.refuses("POST", path, asked, refused);
  await acme.refuses("POST", path, several, refused);
  await acme.refusesItem(good, asked, refused);
  await acme.refusesItem(good, several, refused);
  for (const body of [asked, several])
    await acme.refusesUnlogged({ method: "POST", path: `${path}?dry_run=true`, body }, refused);
  if (!mayBePending) return;
  await acme.refuses("POST", path, { ...asked, pending: true }, refused);
  await acme.refuses("POST", path, { ...several, pending: true }, refused);
  await acme.refusesItem(good, { ...asked, pending: true }, refused);
}

describe.each(PLACES)("$where", ({ shards: [here, there] }) => {
  describe.each([
    { why: "alone", cases: SINGLE },
    { why: "with others that come after it", cases: PRECEDENCE },
  ])("$why", ({ cases }) => {
    test.each(cases)("$code of the $of account ($debit, $credit)", async (row) => {
      const { code, of, status, debit, credit, mayBePending } = row;
      const asked = posting(
        await acme.account(here, "debit", ...debit),
        await acme.account(there, "credit", ...credit),
      );
      const subject = asked[`${of}_account`];
      await isRefused(asked, { code, status, subject }, mayBePending);
    });
  });

  test("a dry run leaves nothing and uses up no key, whether it would be refused or not", async () => {
    const giver = await acme.account(here, "debit");
    const taker = await acme.account(there, "credit");
    const { client } = acme.books;
    const accounts = () => acme.must("GET", `/v1/accounts?ids=${giver},${taker}`);
    const [whole, tooMuch] = [posting(giver, taker, 10), posting(giver, taker, 101)];
    for (const [no, body] of [whole, { postings: [whole, whole] }, { ...whole, pending: true }].entries()) {
      const headers = { "Idempotency-Key": `dry-${here}-${there}-${no}` };
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

  test("of several postings the first that fails counts, whatever is against later ones, and wherever", async () => {
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

test("same_account, which comes before all", async () => {
  for (const id of [await acme.account(0, "debit"), await acme.account(1, "debit", "missing"), "@pot"])
    await isRefused(posting(id, id), { code: "same_account", status: 422, subject: id }, true);
});

test("asset_mismatch between system accounts, where nothing says which asset is meant", async () => {
  await isRefused(posting("@pot", "@jar"), { code: "asset_mismatch", status: 422, subject: null }, true);
});

test("a transfer that is refused has moved and held nothing, whatever was asked with it", async () => {
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
  // All that there is may still be spent.
  expect((await acme.books.move(giver, taker, 100)).status).toBe(201);
});

test("each that was refused has its first answer once all shards have started anew", async () => {
  const other = await Refusals.open(server, SHARDS, "other");
  const poor = await other.account(0, "debit", "empty");
  const subject = poor;
  const to = [await other.account(0, "credit"), await other.account(1, "credit")];
  for (const credit of to)
    await other.refuses("POST", "/v1/transfers", posting(poor, credit), {
      code: "insufficient_funds",
      status: 422,
      subject,
    });
  // The money comes, and changes nothing.
  expect((await other.books.move("@issuance", poor, 1000)).status).toBe(201);
  await other.surviveRestart();
  await acme.surviveRestart();
});
