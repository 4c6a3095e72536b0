/** Concurrent transfers against one bound: partial posts of a hold, velocity limits, and the available balance. */
import { describe, expect, test } from "vitest";
import { CompoundBooks, PLACEMENTS, type Said, tell, verdictOf } from "../support/compound-books.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { PartnerBooks, tally } from "../support/partner-books.ts";
import { serverOnRedis } from "../support/server-on-redis.ts";

const SHARDS = 3;
/** For a longer run: `ROUNDS=100`. */
const ROUNDS = Number(process.env["ROUNDS"] ?? 10);
/** One account is on shard 0; the other one on the same shard or another one. */
const PLACES = [
  { where: "on one shard", there: 0 },
  { where: "from shard to shard", there: 1 },
];
const LIMIT = 30;

function manyTimes<T>(count: number, work: (index: number) => Promise<T>): Promise<readonly T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => work(index)));
}

function limited(direction: "debit" | "credit", maxima: Readonly<Record<string, number>>) {
  return { limits: [{ window_s: 86_400, direction, ...maxima }] };
}

/** Creates `count` pending transfers of 1 per posting, concurrently. */
function holds(books: PartnerBooks, count: number, postings: readonly (readonly [string, string])[]) {
  const body = {
    pending: true,
    postings: postings.map(([debit_account, credit_account]) => ({
      debit_account,
      credit_account,
      amount: 1,
    })),
  };
  return manyTimes(count, () => tell(books.client, "/v1/transfers", body));
}

/** Posts or voids the accepted transfers, concurrently. */
function endAll(books: PartnerBooks, answers: readonly Said[], action: "post" | "void") {
  const pending = answers.filter(({ code }) => code === undefined);
  return manyTimes(pending.length, (index) =>
    tell(books.client, `/v1/transfers/${pending[index]?.transfer.id}/${action}`),
  );
}

describe.each(ISOLATIONS)("%s", (isolation) => {
  const subject = serverOnRedis(isolation, SHARDS);
  let partners = 0;

  const openBooks = () => PartnerBooks.open(subject.server.url, SHARDS, `partner${partners++}`);

  const whole = PLACEMENTS.filter(({ postings }) => postings.length === 1);
  // Limits do not depend on where shards run: in processes the transfers between shards suffice.
  const isHere = ({ where }: Readonly<{ where: string }>) =>
    isolation === "threads" || where === "from shard to shard";
  const places = PLACES.filter(isHere);
  test.each(
    whole.filter(isHere).flatMap((placement) => [100, 105].map((amount) => ({ ...placement, amount }))),
  )(
    "of 50 concurrent posts of 10 from a hold of $amount, exactly 10 succeed, $where",
    async ({ where, postings, amount }) => {
      const hold = { where, postings: postings.map((each) => ({ ...each, amount })) };
      const books = await CompoundBooks.open(
        subject.server.url,
        SHARDS,
        `partner${partners++}`,
        hold,
        ROUNDS,
      );
      const isFullyPosted = amount === 100;
      for (let round = 0; round < ROUNDS; round++) {
        const { id } = await books.begin();
        const answers = await manyTimes(50, (index) =>
          books.act(id, "post", `${round}-${index}`, { amount: 10 }),
        );
        const done = answers.filter(({ code }) => code === undefined);
        const postedAmounts = done.map(({ transfer }) => transfer.posted_amount);
        expect(postedAmounts.toSorted((a, b) => a - b)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        const refused = isFullyPosted ? "409 transfer_not_pending" : "422 amount_exceeds_pending";
        expect(tally(answers)).toEqual({ 200: 10, [refused]: 40 });
        for (let part = 0; part < 10; part++) books.hasMoved(id, 10);
        const status = isFullyPosted ? "posted" : "pending";
        expect(await books.read(id)).toMatchObject({ status, posted_amount: 100 });
        if (!isFullyPosted) expect(verdictOf(await books.act(id, "void", `${round}-void`))).toBe("200");
      }
      await books.check();
    },
  );

  test.each(places)("a debit limit holds against 100 concurrent transfers, $where", async ({ there }) => {
    const books = await openBooks();
    const to = await books.account(there);
    const often = await books.funded(0, 1000, limited("debit", { max_count: LIMIT }));
    const much = await books.funded(0, 1000, limited("debit", { max_amount: 100 }));
    const amounts = Array.from({ length: 100 }, (_, index) => 3 + (index % 5));
    const both = await manyTimes(100, (index) =>
      Promise.all([books.move(often, to, 1), books.move(much, to, amounts[index] as number)]),
    );
    expect(tally(both.map(([count]) => count))).toEqual({ 201: LIMIT, "422 limit_exceeded": 70 });
    const refused = both.flatMap(([, { code }], index) =>
      code === "limit_exceeded" ? [amounts[index] as number] : [],
    );
    const moved = 1000 - (await books.posted(much));
    expect(moved).toBeLessThanOrEqual(100);
    expect(moved + Math.min(...refused), "every rejected amount exceeds the limit").toBeGreaterThan(100);
    expect(await books.posted(often)).toBe(1000 - LIMIT);
    await books.check();
  });

  test.each(places)("a credit limit holds against 100 concurrent transfers, $where", async ({ there }) => {
    const books = await openBooks();
    const rich = [await books.funded(there, 1000), await books.funded(2, 1000)];
    const poor = await books.account(there);
    const often = await books.account(0, limited("credit", { max_count: LIMIT }));
    const much = await books.account(0, limited("credit", { max_amount: 100 }));
    const both = await manyTimes(100, (index) => {
      const from = rich[index % 2] as string;
      return Promise.all([books.move(from, often, 1), books.move(from, much, 7)]);
    });
    expect(tally(both.map(([count]) => count))).toEqual({ 201: LIMIT, "422 limit_exceeded": 70 });
    expect(tally(both.map(([, amount]) => amount))).toEqual({ 201: 14, "422 limit_exceeded": 86 });
    // A transfer that is rejected for insufficient funds releases its share of the limit.
    const mixed = await books.account(0, limited("credit", { max_count: LIMIT }));
    const some = await manyTimes(80, (index) =>
      books.move(index % 2 === 0 ? poor : (rich[1] as string), mixed, 1),
    );
    expect(tally(some)["422 insufficient_funds"]).toBe(40);
    expect(await books.posted(mixed)).toBeLessThanOrEqual(LIMIT);
    while ((await books.posted(mixed)) < LIMIT)
      expect((await books.move(rich[0] as string, mixed, 1)).status).toBe(201);
    expect((await books.move(rich[0] as string, mixed, 1)).code).toBe("limit_exceeded");
    await books.check();
  });

  test.each(places)("a void restores the part of a limit that a hold has used, $where", async ({ there }) => {
    const books = await openBooks();
    const to = await books.account(there);
    const from = await books.funded(0, 1000, limited("debit", { max_count: LIMIT, max_amount: LIMIT }));
    for (const action of ["void", "void", "post"] as const) {
      const answers = await holds(books, 100, [[from, to]]);
      expect(tally(answers)).toEqual({ 201: LIMIT, "422 limit_exceeded": 70 });
      const pending = answers.filter(({ code }) => code === undefined);
      expect(tally(await endAll(books, pending, action))).toEqual({ 200: LIMIT });
    }
    expect((await books.move(from, to, 1)).code).toBe("limit_exceeded");
    expect([await books.posted(from), await books.posted(to)]).toEqual([1000 - LIMIT, LIMIT]);
  });

  test("a debit limit on another shard than the transfer's home holds too, and a void restores it", async () => {
    const books = await openBooks();
    const [first, to, toFirst] = [
      await books.funded(0, 1000),
      await books.account(0),
      await books.account(1),
    ];
    const second = await books.funded(1, 1000, limited("debit", { max_count: LIMIT }));
    const postings = [
      [first, toFirst],
      [second, to],
    ] as const;
    for (const action of ["void", "post"] as const) {
      const answers = await holds(books, 100, postings);
      expect(tally(answers)).toEqual({ 201: LIMIT, "422 limit_exceeded": 70 });
      expect(tally(await endAll(books, answers, action))).toEqual({ 200: LIMIT });
    }
    expect((await books.move(second, to, 1)).code).toBe("limit_exceeded");
    expect([await books.posted(first), await books.posted(second)]).toEqual([1000 - LIMIT, 1000 - LIMIT]);
  });

  test.each(places)(
    "20 concurrent transfers of the available balance move it exactly once, $where",
    async ({ there }) => {
      const books = await openBooks();
      const source = await books.funded(2, 70 * ROUNDS);
      const to = await manyTimes(4, () => books.account(there));
      let taken = 0;
      let refused = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const from = await books.funded(0, 100);
        const credits: Promise<unknown>[] = [];
        const answers = await manyTimes(20, (index) => {
          if (index % 2 === 0) credits.push(books.move(source, from, 7));
          const body = { debit_account: from, credit_account: to[index % to.length], amount: "available" };
          return tell(books.client, "/v1/transfers", body);
        });
        await Promise.all(credits);
        const sum = answers.reduce((all, { transfer }) => all + (transfer.posted_amount ?? 0), 0);
        const left = await books.posted(from);
        expect([sum + left, left >= 0]).toEqual([170, true]);
        for (const { code, transfer, text } of answers) {
          if (code === undefined) expect(transfer.posted_amount, text).toBeGreaterThan(0);
          else expect(code).toBe("insufficient_funds");
        }
        refused += answers.filter(({ code }) => code !== undefined).length;
        taken += sum;
      }
      const arrived = await Promise.all(to.map((id) => books.posted(id)));
      expect(arrived.reduce((all, posted) => all + posted, 0)).toBe(taken);
      expect(refused, "some find no available balance").toBeGreaterThan(0);
    },
  );
});
