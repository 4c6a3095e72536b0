/** I10: two that want the same pending transfer. One of them wins, and the books say what both were told. */
import { describe, expect, test } from "vitest";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import {
  CompoundBooks,
  PLACEMENTS,
  type Placement,
  type Said,
  verdictOf,
} from "../support/compound-books.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { serverOnRedis } from "../support/server-on-redis.ts";

const SHARDS = 2;
/** What carries the shards makes a race no other one: the second mode repeats it in brief, and in full by `ROUNDS=1000`. */
const ROUNDS_OF: Readonly<Record<Isolation, number>> = { threads: 1_000, processes: 200 };
/** Rounds at once. */
const LANES = 24;
/** The same where each round waits for a second. */
const WAITING_LANES = 340;
/** Posts come within so many ms before or after the end: early enough to be in time, late enough not to be. */
const AROUND_END_MS = 80;
/** The shortest that there is. */
const TIMEOUT_S = 1;

/** The places of a race, each of which must be won from time to time. */
type Wins = Record<string, number>;

describe.each(ISOLATIONS)("%s", (isolation) => {
  const rounds = Number(process.env["ROUNDS"] ?? ROUNDS_OF[isolation]);
  const subject = serverOnRedis(isolation, SHARDS);
  let partners = 0;

  const begun = (placement: Placement) =>
    CompoundBooks.open(subject.server.url, SHARDS, `partner${partners++}`, placement, rounds);

  describe.each(PLACEMENTS)("$where", (placement) => {
    test("post against void: one of them wins, and the other hears that it is not pending", async () => {
      const books = await begun(placement);
      const wins: Wins = {};
      await inLanes(rounds, async (round) => {
        const { id } = await books.begin();
        const actions = round % 2 === 0 ? (["post", "void"] as const) : (["void", "post"] as const);
        const winner = await race(
          actions.map((action) => async () => {
            // A post may have to ask another shard first, so it is the void that is to be late more often.
            const lateTurns = { void: (round % 12) - 3, post: 3 - (round % 12) }[action];
            await inTurn(lateTurns, () => books.client.get("/v1/accounts?ids=nobody"));
            return books.act(id, action, `${action}-${round}`);
          }),
          "200",
          "409 transfer_not_pending",
        );
        const won = actions[winner.place] as string;
        wins[won] = (wins[won] ?? 0) + 1;
        if (won === "post") books.hasMoved(id);
        expect(await books.read(id)).toMatchObject(
          won === "post" ? { status: "posted", posted_amount: 10 } : { status: "voided", posted_amount: 0 },
        );
      });
      expectAllWon(wins, ["post", "void"]);
      await books.check();
    });

    test("post against post of everything: one moves it, and the other hears that it is not pending", async () => {
      const books = await begun(placement);
      const wins: Wins = {};
      await inLanes(rounds, async (round) => {
        const { id } = await books.begin();
        const { place } = await race(
          [0, 1].map((caller) => () => books.act(id, "post", `post-${round}-${caller}`)),
          "200",
          "409 transfer_not_pending",
        );
        wins[place] = (wins[place] ?? 0) + 1;
        books.hasMoved(id);
        expect(await books.read(id)).toMatchObject({ status: "posted", posted_amount: 10 });
      });
      expect(wins[0], "the first one wins at times").toBeGreaterThan(0);
      await books.check();
    });

    test("revert against revert: the money goes back once", async () => {
      const books = await begun(placement);
      await inLanes(rounds, async (round) => {
        const { id } = await books.move();
        const { said } = await race(
          [0, 1].map((caller) => () => books.act(id, "revert", `revert-${round}-${caller}`)),
          "201",
          "409 already_reverted",
        );
        const back = said.transfer;
        expect(back).toMatchObject({ status: "posted", reverts: id, posted_amount: 10 });
        books.hasGoneBack(back.id);
        expect(await books.read(id)).toMatchObject({ status: "posted", reverted_by: back.id });
        expect(await books.read(back.id)).toMatchObject({ status: "posted", reverts: id });
      });
      await books.check();
    });

    test("post against the end of its time: it is posted or expired, and never both", async () => {
      const books = await begun(placement);
      const wins: Wins = {};
      await inLanes(
        rounds,
        async (round) => {
          const { id, expires_at } = await books.begin({ timeout_s: TIMEOUT_S });
          const offsetMs = ((round % 41) / 20 - 1) * AROUND_END_MS;
          await moment(Date.parse(expires_at ?? "") + offsetMs);
          const key = `post-${round}`;
          const said = await books.act(id, "post", key);
          const won = said.code === undefined ? "post" : "end";
          wins[won] = (wins[won] ?? 0) + 1;
          expect(verdictOf(said)).toBe(won === "post" ? "200" : "410 transfer_expired");
          if (won === "post") books.hasMoved(id);
          await moment(Date.parse(expires_at ?? ""));
          expect(await books.read(id)).toMatchObject(
            won === "post"
              ? { status: "posted", posted_amount: 10 }
              : { status: "expired", posted_amount: 0 },
          );
          await expectSameAgain(said, () => books.act(id, "post", key));
          const late = await books.act(id, "void", `void-${round}`);
          expect(verdictOf(late)).toBe(won === "post" ? "409 transfer_not_pending" : "410 transfer_expired");
        },
        WAITING_LANES,
      );
      expectAllWon(wins, ["post", "end"]);
      await books.check();
    });
  });
});

/** All at once; exactly one of them is told `yes`, all others `no`, and whoever asks again is told the same. */
async function race(
  callers: readonly (() => Promise<Said>)[],
  yes: string,
  no: string,
): Promise<Readonly<{ place: number; said: Said }>> {
  const answers = await Promise.all(callers.map((ask) => ask()));
  expect(answers.map(verdictOf).toSorted()).toEqual([yes, ...callers.slice(1).map(() => no)]);
  await Promise.all(callers.map((ask, i) => expectSameAgain(answers[i] as Said, ask)));
  const place = answers.findIndex(({ code }) => code === undefined);
  return { place, said: answers[place] as Said };
}

async function expectSameAgain(said: Said, ask: () => Promise<Said>): Promise<void> {
  const again = await ask();
  expect([said.isRepeat, again.isRepeat]).toEqual([false, true]);
  expect(again.text).toBe(said.text);
}

function expectAllWon(wins: Wins, names: readonly string[]): void {
  for (const name of names)
    expect(wins[name] ?? 0, `${name} wins at times: ${JSON.stringify(wins)}`).toBeGreaterThan(0);
}

async function inLanes(rounds: number, work: (round: number) => Promise<void>, lanes = LANES): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < rounds) await work(next++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function inTurn(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let turn = 0; turn < times; turn++) await work();
}

/** The race is for this instant of the wall clock, which the server reads too. */
function moment(atMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - Date.now())));
}
