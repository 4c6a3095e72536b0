/** Every rejection of what is done to a transfer or to an account, by a real server; and keys that were used before. */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countedTransferId } from "../../src/actors/ledger/transfer-id.ts";
import { Refusals } from "../support/refusals.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import { type Answer, codeOf, ServerProcess, until } from "../support/server.ts";

const SHARDS = 3;
const AMOUNT = 60;
const ACTIONS = ["post", "void", "revert"] as const;

let dataDir: string;
let server: ServerProcess;
let acme: Refusals;
let other: Refusals;

beforeAll(async () => {
  dataDir = makeScratchFolder("daybook-test");
  server = ServerProcess.launch({ DATA_DIR: dataDir, SHARDS: String(SHARDS) });
  await server.serving();
  acme = await Refusals.open(server, SHARDS, "acme");
  other = await Refusals.open(server, SHARDS, "other");
});
afterAll(async () => {
  await server.kill();
  rmSync(dataDir, { recursive: true, force: true });
});

type Made = Readonly<{ id: string; path: string; debit: string; credit: string }>;

/** On which shards the two accounts are; a second posting has them the other way round. */
const PLACES = [
  { where: "on one shard", here: 0, there: 0 },
  { where: "on two shards", here: 0, there: 1 },
] as const;

/** Moves all that the debit account has but 40; with `isTwofold` a second posting comes from the shard of the other one. */
async function made(
  { here, there }: Readonly<{ here: number; there: number }>,
  more: object = {},
  isTwofold = false,
  of = acme,
): Promise<Made> {
  const [debit, credit] = [await of.account(here, "debit"), await of.account(there, "credit")];
  const postings = [{ debit_account: debit, credit_account: credit, amount: AMOUNT }];
  if (isTwofold) {
    const [back, to] = [await of.account(there, "debit"), await of.account(here, "credit")];
    postings.push({ debit_account: back, credit_account: to, amount: AMOUNT });
  }
  const { id } = await of.must<{ id: string }>("POST", "/v1/transfers", { postings, ...more });
  return { id, path: `/v1/transfers/${id}`, debit, credit };
}

/** One from shard to shard that is pending. */
function openTransfer(): Promise<Made> {
  return made({ here: 0, there: 1 }, { pending: true });
}

async function statusOf({ path }: Made): Promise<string> {
  return (await acme.must<{ status: string }>("GET", path)).status;
}

function named(code: string, status: number, subject: string) {
  return { code, status, subject };
}

describe.each(PLACES)("a transfer $where", (place) => {
  describe.each([
    { of: "of one posting", isTwofold: false },
    { of: "of two, with money from both sides", isTwofold: true },
  ])("$of", ({ isTwofold }) => {
    const pending = () => made(place, { pending: true }, isTwofold);

    test("transfer_not_pending: it was posted at once, posted later, or voided", async () => {
      const atOnce = await made(place, {}, isTwofold);
      const [posted, voided] = [await pending(), await pending()];
      await acme.must("POST", `${posted.path}/post`);
      await acme.must("POST", `${voided.path}/void`);
      for (const { id, path } of [atOnce, posted, voided]) {
        const refusal = named("transfer_not_pending", 409, id);
        await acme.refuses("POST", `${path}/post`, undefined, refusal);
        await acme.refuses("POST", `${path}/void`, undefined, refusal);
        await acme.refuses("POST", `${path}/post`, { amount: 1, final: true }, refusal);
      }
      expect([await statusOf(atOnce), await statusOf(posted), await statusOf(voided)]).toEqual([
        "posted",
        "posted",
        "voided",
      ]);
    });

    test("transfer_expired: its time is over", async () => {
      const short = await made(place, { pending: true, timeout_s: 1 }, isTwofold);
      await until("it has expired", async () => (await statusOf(short)) === "expired");
      const refusal = named("transfer_expired", 410, short.id);
      await acme.refuses("POST", `${short.path}/post`, undefined, refusal);
      await acme.refuses("POST", `${short.path}/void`, undefined, refusal);
      await acme.refuses(
        "POST",
        `${short.path}/revert`,
        undefined,
        named("transfer_not_posted", 409, short.id),
      );
    });

    test("transfer_not_posted and already_reverted: there is nothing to take back", async () => {
      const open = await pending();
      const voided = await pending();
      await acme.must("POST", `${voided.path}/void`);
      for (const { id, path } of [open, voided])
        await acme.refuses("POST", `${path}/revert`, undefined, named("transfer_not_posted", 409, id));
      const posted = await made(place, {}, isTwofold);
      await acme.must("POST", `${posted.path}/revert`);
      await acme.refuses(
        "POST",
        `${posted.path}/revert`,
        undefined,
        named("already_reverted", 409, posted.id),
      );
    });

    test("amount_exceeds_pending, before anything that the credit account has against it", async () => {
      const open = await pending();
      const refusal = named("amount_exceeds_pending", 422, open.id);
      const whole = isTwofold ? 2 * AMOUNT : AMOUNT;
      await acme.must("PATCH", `/v1/accounts/${open.credit}`, { ceiling: 0 });
      await acme.refuses("POST", `${open.path}/post`, { amount: whole + 1 }, refusal);
      await acme.must("PATCH", `/v1/accounts/${open.credit}`, { ceiling: null });
      if (isTwofold) await acme.refuses("POST", `${open.path}/post`, { amount: AMOUNT }, refusal);
      else {
        await acme.must("POST", `${open.path}/post`, { amount: 20 });
        await acme.refuses("POST", `${open.path}/post`, { amount: 41 }, refusal);
      }
      expect(await statusOf(open)).toBe("pending");
      await acme.must("POST", `${open.path}/post`);
    });

    test.each(ACTIONS)("transfer_not_found: to %s somebody else's, which stays as it was", async (action) => {
      const theirs = await made(place, { pending: action !== "revert" }, isTwofold, other);
      const { id, path } = theirs;
      const before = await other.must("GET", path);
      await acme.refusesUnkept("POST", `${path}/${action}`, undefined, named("transfer_not_found", 404, id));
      expect(await other.must("GET", path)).toEqual(before);
      await other.must("POST", `${path}/${action}`);
    });
  });

  test("a revert obeys the rules of the accounts that it comes from and goes to", async () => {
    const transfers = {
      frozen: await made(place),
      spent: await made(place),
      full: await made(place),
      ended: await made(place),
      closed: await made(place),
    };
    const { frozen, spent, full, ended, closed } = transfers;
    await acme.must("POST", `/v1/accounts/${frozen.credit}/freeze`);
    await acme.books.move(spent.credit, "@spent", 1);
    await acme.must("PATCH", `/v1/accounts/${full.debit}`, { ceiling: 99 });
    await acme.books.move("@end", ended.debit, 2 ** 52 - 40);
    await acme.books.move(closed.debit, "@spent", 40);
    await acme.must("POST", `/v1/accounts/${closed.debit}/close`);
    for (const [{ path }, code, subject] of [
      [frozen, "account_frozen", frozen.credit],
      [spent, "insufficient_funds", spent.credit],
      [full, "ceiling_exceeded", full.debit],
      [ended, "balance_out_of_range", ended.debit],
      [closed, "account_closed", closed.debit],
    ] as const)
      await acme.refuses("POST", `${path}/revert`, undefined, named(code, 422, subject));
    // Once the reason has gone, another key takes it back.
    await acme.must("POST", `/v1/accounts/${frozen.credit}/unfreeze`);
    await acme.must("PATCH", `/v1/accounts/${full.debit}`, { ceiling: 100 });
    for (const { path } of [frozen, full]) await acme.must("POST", `${path}/revert`);
  });
});

test("transfer_not_found: an id that no transfer has, and one that none can have", async () => {
  for (const vnode of [0, 500, 1000]) {
    const id = countedTransferId(vnode, 1, 999_999);
    for (const action of ACTIONS)
      await acme.refusesUnkept(
        "POST",
        `/v1/transfers/${id}/${action}`,
        undefined,
        named("transfer_not_found", 404, id),
      );
  }
  for (const id of ["nonsense", "tr_", "tr_zz1zzz", "TR_00111001", "tr_0011100%2F1"]) {
    for (const action of ACTIONS) {
      const path = `/v1/transfers/${id}/${action}`;
      const answer = await acme.books.client.send("POST", path, undefined, { "Idempotency-Key": "n" });
      expect([id, answer.status, codeOf(answer)]).toEqual([id, 404, "transfer_not_found"]);
      expect(answer.headers["daybook-position"]).toBeUndefined();
    }
  }
});

describe.each([0, 1, 2])("an account on shard %i", (shard) => {
  test("account_exists, and a new one whose own bounds leave no room for 0", async () => {
    const id = await acme.account(shard, "debit");
    await acme.refuses("POST", "/v1/accounts", { id, asset: "PTS/0" }, named("account_exists", 409, id));
    const fresh = acme.books.idOn(shard);
    const body = { id: fresh, asset: "PTS/0", ceiling: -1 };
    await acme.refuses("POST", "/v1/accounts", body, named("balance_conflict", 422, fresh));
    await acme.must("POST", "/v1/accounts", { ...body, ceiling: 0 });
  });

  test("what is done to one that does not exist, or is closed", async () => {
    const missing = acme.books.idOn(shard);
    const closed = await acme.account(shard, "debit", "closed");
    for (const [id, code, status] of [
      [missing, "account_not_found", 404],
      [closed, "account_closed", 422],
    ] as const) {
      const refusal = named(code, status, id);
      await acme.refuses("PATCH", `/v1/accounts/${id}`, { ceiling: 5 }, refusal);
      await acme.refuses("POST", `/v1/accounts/${id}/freeze`, undefined, refusal);
      await acme.refuses("POST", `/v1/accounts/${id}/unfreeze`, undefined, refusal);
    }
    await acme.refuses(
      "POST",
      `/v1/accounts/${missing}/close`,
      undefined,
      named("account_not_found", 404, missing),
    );
  });
});

/** Two requests that must not have one key. */
type Reuse = Readonly<{ what: string; first: Sent; second: Sent }>;
type Sent = readonly [method: string, path: string, body?: unknown];

function reuse(what: string, first: Sent, second: Sent): Reuse {
  return { what, first, second };
}

async function reuses(): Promise<readonly Reuse[]> {
  const [debit, credit] = [await acme.account(0, "debit"), await acme.account(1, "credit")];
  const move = { debit_account: debit, credit_account: credit, amount: 10 };
  const [inParts, toPost, toVoid] = [await openTransfer(), await openTransfer(), await openTransfer()];
  const id = acme.books.idOn(2);
  const transfers = "/v1/transfers";
  const account = `/v1/accounts/${debit}`;
  return [
    reuse("another amount", ["POST", transfers, move], ["POST", transfers, { ...move, amount: 11 }]),
    reuse("pending", ["POST", transfers, move], ["POST", transfers, { ...move, pending: true }]),
    reuse(
      "another posting",
      ["POST", transfers, { postings: [move, move] }],
      ["POST", transfers, { postings: [move, { ...move, amount: 9 }] }],
    ),
    reuse(
      "another asset",
      ["POST", "/v1/accounts", { id, asset: "PTS/0" }],
      ["POST", "/v1/accounts", { id, asset: "USD/2" }],
    ),
    reuse("another ceiling", ["PATCH", account, { ceiling: 500 }], ["PATCH", account, { ceiling: 501 }]),
    reuse("another action", ["POST", `${account}/freeze`], ["POST", `${account}/unfreeze`]),
    reuse("a transfer", ["POST", `${account}/unfreeze`], ["POST", transfers, move]),
    reuse(
      "another part",
      ["POST", `${inParts.path}/post`, { amount: 10 }],
      ["POST", `${inParts.path}/post`, { amount: 20 }],
    ),
    reuse("void after post", ["POST", `${toPost.path}/post`], ["POST", `${toPost.path}/void`]),
    reuse("post after void", ["POST", `${toVoid.path}/void`], ["POST", `${toVoid.path}/post`]),
  ];
}

test("idempotency_key_reused: not logged, and the first one keeps its answer", async () => {
  for (const [no, { what, first, second }] of (await reuses()).entries()) {
    const headers = { "Idempotency-Key": `reused-${no}` };
    const send = ([method, path, body]: Sent): Promise<Answer> =>
      acme.books.client.send(method, path, body, headers);
    const told = await send(first);
    expect(told.status, `${what}: ${told.text}`).toBeLessThan(300);
    const [method, path, body] = second;
    const refusal = { code: "idempotency_key_reused", status: 422, subject: null };
    await acme.refusesUnlogged({ method, path, body }, refusal, headers);
    const again = await send(first);
    expect([again.text, again.headers["idempotency-replayed"]], what).toEqual([told.text, "true"]);
  }
});

test("a refused post, void or revert keeps its key to itself too, and an item of a batch is no other", async () => {
  const open = await openTransfer();
  const headers = { "Idempotency-Key": "refused-first" };
  const tooMuch = await acme.books.client.send("POST", `${open.path}/post`, { amount: 61 }, headers);
  expect(codeOf(tooMuch)).toBe("amount_exceeds_pending");
  const refusal = { code: "idempotency_key_reused", status: 422, subject: null };
  for (const request of [
    { method: "POST", path: `${open.path}/post`, body: { amount: 60 } },
    { method: "POST", path: `${open.path}/void`, body: undefined },
  ])
    await acme.refusesUnlogged(request, refusal, headers);
  expect(await statusOf(open)).toBe("pending");
  const item = { debit_account: open.debit, credit_account: open.credit, idempotency_key: "item" };
  const transfers = [1, 2].map((amount) => ({ ...item, amount }));
  expect(await acme.must("POST", "/v1/transfers/batch", { transfers })).toEqual({
    results: [
      { status: 201, id: expect.any(String) },
      { status: 422, code: "idempotency_key_reused" },
    ],
  });
});

test("each that was refused has its first answer once all shards have started anew", async () => {
  const open = await openTransfer();
  const refusal = named("amount_exceeds_pending", 422, open.id);
  await acme.refuses("POST", `${open.path}/post`, { amount: 61 }, refusal);
  const gone = named("transfer_not_pending", 409, open.id);
  await acme.must("POST", `${open.path}/void`);
  await acme.refuses("POST", `${open.path}/post`, { amount: 60 }, gone);
  await acme.surviveRestart();
});
