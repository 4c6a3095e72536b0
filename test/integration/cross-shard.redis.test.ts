/** Transfers across shards on a real server and a real Redis. */
import { describe, expect, test } from "vitest";
import { inParallel } from "../support/client.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { isRepeat, PartnerBooks, tally } from "../support/partner-books.ts";
import { Random } from "../support/random.ts";
import { operator, shardsOf } from "../support/server.ts";
import { serverOnRedis } from "../support/server-on-redis.ts";
import { until } from "../support/until.ts";

const SHARDS = 3;
/** For a longer run: `STORM_MS=10000`. */
const STORM_MS = Number(process.env["STORM_MS"] ?? 1_500);
/** The asset of accounts whose balances reach the end of the range. */
const ASSET_OF_GIANTS = "GIANT/0";
const RANGE_END = 2 ** 52;

function manyTimes<T>(count: number, work: (index: number) => Promise<T>): Promise<readonly T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => work(index)));
}

describe.each(ISOLATIONS)("%s", (isolation) => {
  const subject = serverOnRedis(isolation, SHARDS);
  let partners = 0;

  const openBooks = () => PartnerBooks.open(subject.server.url, SHARDS, `partner${partners++}`);

  test("of 200 concurrent transfers of 1 from an account with 100, exactly 100 are posted", async () => {
    const books = await openBooks();
    const from = await books.funded(0, 100);
    const others = await manyTimes(12, (index) => books.account(1 + (index % 2)));
    const random = new Random(7);
    const answers = await manyTimes(200, () => books.move(from, random.oneOf(others), 1));
    expect(tally(answers)).toEqual({ 201: 100, "422 insufficient_funds": 100 });
    expect(await books.posted(from)).toBe(0);
    await books.check();
  });

  test("concurrent transfers in both directions are all answered, and the sum of balances stays", async () => {
    const books = await openBooks();
    const accounts = await manyTimes(6, (index) => books.funded(index % SHARDS, 40));
    const random = new Random(8);
    const endMs = performance.now() + STORM_MS;
    const tallies: Record<string, number>[] = [];
    await manyTimes(48, async (index) => {
      while (performance.now() < endMs) {
        const debit = accounts[index % accounts.length] as string;
        const credit = accounts[(index + 1 + random.below(2)) % accounts.length] as string;
        tallies.push(tally([await books.move(debit, credit, 1 + random.below(30))]));
      }
    });
    const verdicts = new Set(tallies.flatMap((each) => Object.keys(each)));
    expect([...verdicts].toSorted()).toEqual(["201", "422 insufficient_funds"]);
    expect(tallies.length).toBeGreaterThan(STORM_MS / 20);
    await books.check();
  });

  test("20 concurrent requests with one key are one transfer with equal answers, also after its shards restart", async () => {
    const books = await openBooks();
    const [a, b] = [await books.funded(0, 50), await books.account(1)];
    const answers = await manyTimes(20, () => books.move(a, b, 30, "k"));
    expect(tally(answers)).toEqual({ 201: 20 });
    const [first] = answers.filter(({ answer }) => !isRepeat(answer));
    expect(answers.filter(({ answer }) => isRepeat(answer)).length).toBe(19);
    expect(new Set(answers.map(({ answer }) => answer.text)).size, "bodies").toBe(1);
    expect(first?.balances).toMatchObject({ [a]: { posted: 20, seq: 2 }, [b]: { posted: 30, seq: 1 } });
    const position = first?.answer.headers["daybook-position"];
    expect(position).toMatch(/^0:\d+-\d+,1:\d+-\d+$/);
    const refused = await manyTimes(20, () => books.move(a, b, 31, "refused"));
    expect(tally(refused)).toEqual({ "422 insufficient_funds": 20 });
    expect(refused.filter(({ answer }) => isRepeat(answer)).length).toBe(19);

    const admin = operator(subject.server);
    const before = await shardsOf(admin);
    for (const shard of [0, 1])
      expect((await admin.send("POST", `/v1/admin/shards/${shard}/restart`)).status).toBe(202);
    await until("both shards serve again", async () => {
      const now = await shardsOf(admin);
      return now.every(({ status, epoch }, shard) => {
        return status === "ready" && epoch === (before[shard]?.epoch ?? 0) + (shard < 2 ? 1 : 0);
      });
    });
    admin.close();
    expect((await books.move("@issuance", a, 100)).status).toBe(201);
    const again = await books.move(a, b, 30, "k");
    expect([again.answer.text, again.answer.headers["daybook-position"], isRepeat(again.answer)]).toEqual([
      first?.answer.text,
      position,
      true,
    ]);
    const refusedAgain = await books.move(a, b, 31, "refused");
    expect([refusedAgain.answer.text, isRepeat(refusedAgain.answer)]).toEqual([
      refused[0]?.answer.text,
      true,
    ]);
    expect((await books.move(a, b, 29, "k")).code).toBe("idempotency_key_reused");
    await books.check();
  });

  // The rules below do not depend on where shards run.
  if (isolation === "processes") return;

  test("a cross-shard transfer is rejected for the same reasons as any other, in the same precedence", async () => {
    const books = await openBooks();
    const { client } = books;
    const change = async (id: string, action: string) =>
      expect((await client.send("POST", `/v1/accounts/${id}/${action}`)).status).toBe(200);
    const rich = await books.funded(0, 100);
    const poor = await books.account(0);
    const frozen = await books.funded(0, 100);
    await change(frozen, "freeze");
    const closedDebit = await books.account(0);
    await change(closedDebit, "close");
    const overdraft = await books.account(0, { floor: -10 });
    const bottomless = await books.account(0, { floor: null });
    const open = await books.account(1);
    const closed = await books.account(1);
    await change(closed, "close");
    const full = await books.funded(1, 5, { ceiling: 7 });
    const other = await books.account(1, { asset: "USD/2" });
    const otherClosed = await books.account(1, { asset: "USD/2" });
    await change(otherClosed, "close");
    const frozenCredit = await books.account(1);
    await change(frozenCredit, "freeze");
    const vast = await books.account(1, { floor: null, asset: ASSET_OF_GIANTS });
    const giant = await books.account(0, { floor: null, asset: ASSET_OF_GIANTS });
    expect((await books.move(giant, vast, RANGE_END)).status).toBe(201);
    const giantToo = await books.account(0, { floor: null, asset: ASSET_OF_GIANTS });
    const vastToo = await books.account(1, { floor: null, asset: ASSET_OF_GIANTS });
    const [missing, missingCredit] = [books.idOn(0), books.idOn(1)];

    const cases: readonly (readonly [string, string, number, number, string, string])[] = [
      [rich, missingCredit, 1, 404, "account_not_found", missingCredit],
      [missing, missingCredit, 1, 404, "account_not_found", missing],
      [closedDebit, missingCredit, 1, 404, "account_not_found", missingCredit],
      [rich, other, 1, 422, "asset_mismatch", other],
      [closedDebit, other, 1, 422, "asset_mismatch", other],
      [rich, otherClosed, 1, 422, "asset_mismatch", otherClosed],
      [rich, closed, 1, 422, "account_closed", closed],
      [frozen, closed, 1, 422, "account_closed", closed],
      [poor, closed, 1, 422, "account_closed", closed],
      [closedDebit, closed, 1, 422, "account_closed", closedDebit],
      [frozen, full, 1000, 422, "account_frozen", frozen],
      [frozen, open, 1, 422, "account_frozen", frozen],
      [poor, open, 1, 422, "insufficient_funds", poor],
      [poor, full, 1000, 422, "insufficient_funds", poor],
      [overdraft, open, 11, 422, "insufficient_funds", overdraft],
      [rich, full, 3, 422, "ceiling_exceeded", full],
      [bottomless, full, RANGE_END, 422, "ceiling_exceeded", full],
      [giant, vastToo, 1, 422, "balance_out_of_range", giant],
      [giant, vast, 1, 422, "balance_out_of_range", giant],
      [giantToo, vast, 1, 422, "balance_out_of_range", vast],
    ];
    for (const [debit, credit, amount, status, code, account] of cases) {
      const key = `${debit}-${credit}`;
      const first = await books.move(debit, credit, amount, key);
      expect([first.status, first.code], key).toEqual([status, code]);
      expect(first.detail, key).toContain(`: ${account}.`);
      const again = await books.move(debit, credit, amount, key);
      expect([again.answer.text, isRepeat(again.answer)], key).toEqual([first.answer.text, true]);
    }
    const good = [
      await books.move(rich, full, 2),
      await books.move(rich, frozenCredit, 1),
      await books.move(overdraft, open, 10),
    ];
    expect(tally(good)).toEqual({ 201: 3 });
  });

  test("a ceiling holds against concurrent credits from its own shard and from others", async () => {
    const books = await openBooks();
    const tight = await books.account(0, { ceiling: 10 });
    const here = await books.funded(0, 100);
    const there = [await books.funded(1, 100), await books.funded(2, 100)];
    const all = await manyTimes(90, (index) => books.move([here, ...there][index % 3] as string, tight, 1));
    expect(tally(all)).toEqual({ 201: 10, "422 ceiling_exceeded": 80 });
    // A transfer that is rejected for insufficient funds releases its credit reservation.
    const poor = await books.account(1);
    expect((await books.move(tight, here, 4)).status).toBe(201);
    const mixed = await manyTimes(60, (index) => books.move([poor, ...there][index % 3] as string, tight, 1));
    expect(tally(mixed)["422 insufficient_funds"]).toBe(20);
    expect(await books.posted(tight)).toBeLessThanOrEqual(10);
    while ((await books.posted(tight)) < 10)
      expect((await books.move(there[0] as string, tight, 1)).status).toBe(201);
    expect((await books.move(there[0] as string, tight, 1)).code).toBe("ceiling_exceeded");
    await books.check();
  });

  test("a batch may mix shards: each item has its own result at its index", async () => {
    const books = await openBooks();
    const [a, b, c] = [await books.funded(0, 100), await books.funded(1, 100), await books.account(2)];
    const missing = books.idOn(2);
    const kinds = [
      [{ debit: a, credit: b, amount: 1 }, "201"],
      [{ debit: b, credit: c, amount: 1 }, "201"],
      [{ debit: "@issuance", credit: c, amount: 1 }, "201"],
      [{ debit: a, credit: missing, amount: 1 }, "404 account_not_found"],
      [{ debit: b, credit: "@revenue", amount: 1 }, "201"],
      [{ debit: c, credit: a, amount: 1_000_000 }, "422 insufficient_funds"],
    ] as const;
    const moves = Array.from(
      { length: 60 },
      (_, index) => kinds[index % kinds.length] as (typeof kinds)[number],
    );
    const results = await books.batch(moves.map(([move]) => move));
    expect(results.map((result) => Object.keys(tally([result]))[0])).toEqual(
      moves.map(([, verdict]) => verdict),
    );
    await books.check();
  });

  test("no transfer from another shard reaches an account after it was closed", async () => {
    const books = await openBooks();
    const payer = await books.funded(0, 1000);
    const outcomes = new Set<string>();
    await inParallel([...new Array(24).keys()], async (round) => {
      const account = await books.account(1);
      const close = () => books.client.send("POST", `/v1/accounts/${account}/close`);
      const early = round % 4 === 0 ? close() : undefined;
      if (round % 8 === 0) await early;
      const credits = manyTimes(3, () => books.move(payer, account, 1));
      // Delays the close, so that it sometimes falls between the credit reservation and the credit.
      for (let turn = 0; turn < round % 4; turn++) await books.client.get("/v1/accounts?ids=nobody");
      const closed = [await (early ?? close())];
      const moved = (await credits).filter(({ status }) => status === 201).length;
      const back = manyTimes(moved, () => books.move(account, payer, 1));
      const more = manyTimes(3, () => books.move(payer, account, 1));
      closed.push(await close());
      const answers = [...(await credits), ...(await back), ...(await more)];
      for (const verdict of Object.keys(tally(answers))) outcomes.add(verdict);
      for (const { status, text } of closed) {
        const { code } = JSON.parse(text) as { code?: string };
        outcomes.add(`close ${Object.keys(tally([code === undefined ? { status } : { status, code }]))[0]}`);
      }
      const view = await books.client.get<{ status: string; posted: number }>(`/v1/accounts/${account}`);
      const isClosed = closed.some(({ status }) => status === 200);
      expect(view.status).toBe(isClosed ? "closed" : "open");
      if (isClosed) expect(view.posted).toBe(0);
    });
    for (const outcome of outcomes) {
      expect([
        "201",
        "422 account_closed",
        "422 insufficient_funds",
        "close 200",
        "close 422 account_not_empty",
      ]).toContain(outcome);
    }
    expect(outcomes).toContain("201");
    expect(outcomes).toContain("close 200");
    expect(outcomes).toContain("422 account_closed");
    await books.check();
  });

  test("a cross-shard transfer is readable by id, in lists, and in the entries of both accounts", async () => {
    const books = await openBooks();
    const { client } = books;
    const [a, b] = [await books.funded(0, 100), await books.account(2)];
    const moved = [await books.move(a, b, 30), await books.move(b, a, 5), await books.move(a, b, 1)];
    const one = JSON.parse(moved[0]?.answer.text ?? "") as Record<string, unknown>;
    const { balances: _balances, ...transfer } = one;
    expect(await client.get(`/v1/transfers/${moved[0]?.id}`)).toEqual(transfer);
    for (const account of [a, b]) {
      const { data } = await client.get<{ data: { id: string }[] }>(`/v1/transfers?account=${account}`);
      const ids = data.map(({ id }) => id);
      expect(ids.slice(0, 3)).toEqual(moved.map(({ id }) => id).toReversed());
      expect(ids.length).toBe(account === a ? 4 : 3);
      expect(data.find(({ id }) => id === moved[0]?.id)).toEqual(transfer);
    }
    const statement = async (id: string) =>
      (await client.get<{ data: Record<string, unknown>[] }>(`/v1/accounts/${id}/entries?limit=3`)).data;
    const [first, second, third] = moved.map(({ id }) => id);
    expect(await statement(b)).toMatchObject([
      { seq: 3, transfer_id: third, amount: 1, balance_after: 26, counterparty: a },
      { seq: 2, transfer_id: second, amount: -5, balance_after: 25, counterparty: a },
      { seq: 1, transfer_id: first, amount: 30, balance_after: 30, counterparty: a },
    ]);
    expect(await statement(a)).toMatchObject([
      { seq: 4, transfer_id: third, amount: -1, balance_after: 74, counterparty: b },
      { seq: 3, transfer_id: second, amount: 5, balance_after: 75, counterparty: b },
      { seq: 2, transfer_id: first, amount: -30, balance_after: 70, counterparty: b },
    ]);
    expect(await client.get(`/v1/accounts/${b}/reconciliation`)).toMatchObject({
      balance: 26,
      entries_sum: 26,
      entries_count: 3,
      reconciled: true,
    });
    await books.check();
  });
});
