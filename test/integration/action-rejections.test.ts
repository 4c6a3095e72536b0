/** A real server: every rejection of an action on a transfer or an account, and reused idempotency keys. */
import { beforeAll, describe, expect, test } from "vitest";
import { countedTransferId } from "../../src/actors/ledger/transfer-id.ts";
import { Refusals } from "../support/refusals.ts";
import { type Answer, codeOf } from "../support/server.ts";
import { until } from "../support/until.ts";
import { startTestServer } from "./programmes/test-server.ts";

const SHARDS = 3;
const AMOUNT = 60;
const ACTIONS = ["post", "void", "revert"] as const;

const house = startTestServer({ SHARDS: String(SHARDS) });
let acme: Refusals;
let other: Refusals;

beforeAll(async () => {
  acme = await Refusals.open(house.server, SHARDS, "acme");
  other = await Refusals.open(house.server, SHARDS, "other");
});

type Created = Readonly<{ id: string; path: string; debit: string; credit: string }>;

/** Shards of the debit and the credit account; a second posting has them the other way round. */
const PLACEMENTS = [
  { where: "on one shard", here: 0, there: 0 },
  { where: "on two shards", here: 0, there: 1 },
] as const;

/** Creates a transfer that leaves 40 on the debit account. With `hasTwoPostings` a second one debits the other shard. */
async function create(
  { here, there }: Readonly<{ here: number; there: number }>,
  more: object = {},
  hasTwoPostings = false,
  partner = acme,
): Promise<Created> {
  const [debit, credit] = [await partner.account(here, "debit"), await partner.account(there, "credit")];
  const postings = [{ debit_account: debit, credit_account: credit, amount: AMOUNT }];
  if (hasTwoPostings) {
    const [back, to] = [await partner.account(there, "debit"), await partner.account(here, "credit")];
    postings.push({ debit_account: back, credit_account: to, amount: AMOUNT });
  }
  const { id } = await partner.must<{ id: string }>("POST", "/v1/transfers", { postings, ...more });
  return { id, path: `/v1/transfers/${id}`, debit, credit };
}

/** A pending transfer across shards. */
function createPending(): Promise<Created> {
  return create({ here: 0, there: 1 }, { pending: true });
}

async function statusOf({ path }: Created): Promise<string> {
  return (await acme.must<{ status: string }>("GET", path)).status;
}

function refusalOf(code: string, status: number, subject: string) {
  return { code, status, subject };
}

describe.each(PLACEMENTS)("a transfer $where", (placement) => {
  describe.each([
    { shape: "with one posting", hasTwoPostings: false },
    { shape: "with two postings that debit both shards", hasTwoPostings: true },
  ])("$shape", ({ hasTwoPostings }) => {
    const pending = () => create(placement, { pending: true }, hasTwoPostings);

    test("transfer_not_pending: a transfer that was posted or voided is neither posted nor voided again", async () => {
      const atOnce = await create(placement, {}, hasTwoPostings);
      const [posted, voided] = [await pending(), await pending()];
      await acme.must("POST", `${posted.path}/post`);
      await acme.must("POST", `${voided.path}/void`);
      for (const { id, path } of [atOnce, posted, voided]) {
        const refusal = refusalOf("transfer_not_pending", 409, id);
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

    test("transfer_expired: an expired transfer is neither posted nor voided, and has nothing to revert", async () => {
      const short = await create(placement, { pending: true, timeout_s: 1 }, hasTwoPostings);
      await until("it has expired", async () => (await statusOf(short)) === "expired");
      const refusal = refusalOf("transfer_expired", 410, short.id);
      await acme.refuses("POST", `${short.path}/post`, undefined, refusal);
      await acme.refuses("POST", `${short.path}/void`, undefined, refusal);
      await acme.refuses(
        "POST",
        `${short.path}/revert`,
        undefined,
        refusalOf("transfer_not_posted", 409, short.id),
      );
    });

    test("transfer_not_posted and already_reverted: only a posted transfer is reverted, and only once", async () => {
      const open = await pending();
      const voided = await pending();
      await acme.must("POST", `${voided.path}/void`);
      for (const { id, path } of [open, voided])
        await acme.refuses("POST", `${path}/revert`, undefined, refusalOf("transfer_not_posted", 409, id));
      const posted = await create(placement, {}, hasTwoPostings);
      await acme.must("POST", `${posted.path}/revert`);
      await acme.refuses(
        "POST",
        `${posted.path}/revert`,
        undefined,
        refusalOf("already_reverted", 409, posted.id),
      );
    });

    test("amount_exceeds_pending outranks every rejection by the credit account", async () => {
      const open = await pending();
      const refusal = refusalOf("amount_exceeds_pending", 422, open.id);
      const whole = hasTwoPostings ? 2 * AMOUNT : AMOUNT;
      await acme.must("PATCH", `/v1/accounts/${open.credit}`, { ceiling: 0 });
      await acme.refuses("POST", `${open.path}/post`, { amount: whole + 1 }, refusal);
      await acme.must("PATCH", `/v1/accounts/${open.credit}`, { ceiling: null });
      if (hasTwoPostings) await acme.refuses("POST", `${open.path}/post`, { amount: AMOUNT }, refusal);
      else {
        await acme.must("POST", `${open.path}/post`, { amount: 20 });
        await acme.refuses("POST", `${open.path}/post`, { amount: 41 }, refusal);
      }
      expect(await statusOf(open)).toBe("pending");
      await acme.must("POST", `${open.path}/post`);
    });

    test.each(ACTIONS)(
      "transfer_not_found: a partner cannot %s another partner's transfer, which stays unchanged",
      async (action) => {
        const theirs = await create(placement, { pending: action !== "revert" }, hasTwoPostings, other);
        const { id, path } = theirs;
        const before = await other.must("GET", path);
        await acme.refusesUnkept(
          "POST",
          `${path}/${action}`,
          undefined,
          refusalOf("transfer_not_found", 404, id),
        );
        expect(await other.must("GET", path)).toEqual(before);
        await other.must("POST", `${path}/${action}`);
      },
    );
  });

  test("a revert obeys the rules of the accounts that it debits and credits", async () => {
    const transfers = {
      frozen: await create(placement),
      spent: await create(placement),
      full: await create(placement),
      outOfRange: await create(placement),
      closed: await create(placement),
    };
    const { frozen, spent, full, outOfRange, closed } = transfers;
    await acme.must("POST", `/v1/accounts/${frozen.credit}/freeze`);
    await acme.books.move(spent.credit, "@spent", 1);
    await acme.must("PATCH", `/v1/accounts/${full.debit}`, { ceiling: 99 });
    await acme.books.move("@end", outOfRange.debit, 2 ** 52 - 40);
    await acme.books.move(closed.debit, "@spent", 40);
    await acme.must("POST", `/v1/accounts/${closed.debit}/close`);
    for (const [{ path }, code, subject] of [
      [frozen, "account_frozen", frozen.credit],
      [spent, "insufficient_funds", spent.credit],
      [full, "ceiling_exceeded", full.debit],
      [outOfRange, "balance_out_of_range", outOfRange.debit],
      [closed, "account_closed", closed.debit],
    ] as const)
      await acme.refuses("POST", `${path}/revert`, undefined, refusalOf(code, 422, subject));
    // Once the cause is removed, another idempotency key reverts it.
    await acme.must("POST", `/v1/accounts/${frozen.credit}/unfreeze`);
    await acme.must("PATCH", `/v1/accounts/${full.debit}`, { ceiling: 100 });
    for (const { path } of [frozen, full]) await acme.must("POST", `${path}/revert`);
  });
});

test("transfer_not_found: an unknown id and a malformed id", async () => {
  for (const vnode of [0, 500, 1000]) {
    const id = countedTransferId(vnode, 1, 999_999);
    for (const action of ACTIONS)
      await acme.refusesUnkept(
        "POST",
        `/v1/transfers/${id}/${action}`,
        undefined,
        refusalOf("transfer_not_found", 404, id),
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
  test("account_exists for a known id, and balance_conflict for bounds that exclude 0", async () => {
    const id = await acme.account(shard, "debit");
    await acme.refuses("POST", "/v1/accounts", { id, asset: "PTS/0" }, refusalOf("account_exists", 409, id));
    const fresh = acme.books.idOn(shard);
    const body = { id: fresh, asset: "PTS/0", ceiling: -1 };
    await acme.refuses("POST", "/v1/accounts", body, refusalOf("balance_conflict", 422, fresh));
    await acme.must("POST", "/v1/accounts", { ...body, ceiling: 0 });
  });

  test("account_not_found or account_closed for every action on a missing or closed account", async () => {
    const missing = acme.books.idOn(shard);
    const closed = await acme.account(shard, "debit", "closed");
    for (const [id, code, status] of [
      [missing, "account_not_found", 404],
      [closed, "account_closed", 422],
    ] as const) {
      const refusal = refusalOf(code, status, id);
      await acme.refuses("PATCH", `/v1/accounts/${id}`, { ceiling: 5 }, refusal);
      await acme.refuses("POST", `/v1/accounts/${id}/freeze`, undefined, refusal);
      await acme.refuses("POST", `/v1/accounts/${id}/unfreeze`, undefined, refusal);
    }
    await acme.refuses(
      "POST",
      `/v1/accounts/${missing}/close`,
      undefined,
      refusalOf("account_not_found", 404, missing),
    );
  });
});

/** Two different requests with the same idempotency key. */
type Reuse = Readonly<{ what: string; first: Sent; second: Sent }>;
type Sent = readonly [method: string, path: string, body?: unknown];

function reuse(what: string, first: Sent, second: Sent): Reuse {
  return { what, first, second };
}

async function reuses(): Promise<readonly Reuse[]> {
  const [debit, credit] = [await acme.account(0, "debit"), await acme.account(1, "credit")];
  const move = { debit_account: debit, credit_account: credit, amount: 10 };
  const [inParts, toPost, toVoid] = [await createPending(), await createPending(), await createPending()];
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

test("idempotency_key_reused is not logged, and the first request keeps its answer", async () => {
  for (const [index, { what, first, second }] of (await reuses()).entries()) {
    const headers = { "Idempotency-Key": `reused-${index}` };
    const send = ([method, path, body]: Sent): Promise<Answer> =>
      acme.books.client.send(method, path, body, headers);
    const original = await send(first);
    expect(original.status, `${what}: ${original.text}`).toBeLessThan(300);
    const [method, path, body] = second;
    const refusal = { code: "idempotency_key_reused", status: 422, subject: null };
    await acme.refusesUnlogged({ method, path, body }, refusal, headers);
    const again = await send(first);
    expect([again.text, again.headers["idempotency-replayed"]], what).toEqual([original.text, "true"]);
  }
});

test("a key of a rejected post is reserved for that request, and so is a key within a batch", async () => {
  const open = await createPending();
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

test("after a restart of all shards a retry of a rejected request gets its first answer", async () => {
  const open = await createPending();
  const refusal = refusalOf("amount_exceeds_pending", 422, open.id);
  await acme.refuses("POST", `${open.path}/post`, { amount: 61 }, refusal);
  const gone = refusalOf("transfer_not_pending", 409, open.id);
  await acme.must("POST", `${open.path}/void`);
  await acme.refuses("POST", `${open.path}/post`, { amount: 60 }, gone);
  await acme.surviveRestart();
});
