/** I10: two concurrent actions on one transfer. Exactly one wins, and the books agree with both answers. */
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
/** For a longer run: `ROUNDS=1000`. */
const ROUNDS_OF: Readonly<Record<Isolation, number>> = { threads: 250, processes: 60 };
/** Concurrent rounds. */
const LANES = 24;
/** Concurrent rounds where each round waits for 1 s. */
const WAITING_LANES = 340;
/** Posts are sent up to this many ms before or after the expiry, so that some are in time and some are late. */
const AROUND_EXPIRY_MS = 80;
/** The shortest timeout allowed. */
const TIMEOUT_S = 1;

/** How often each action has won. */
type Wins = Record<string, number>;

describe.each(ISOLATIONS)("%s", (isolation) => {
  const rounds = Number(process.env["ROUNDS"] ?? ROUNDS_OF[isolation]);
  const subject = serverOnRedis(isolation, SHARDS);
  let partners = 0;

  const openBooks = (placement: Placement) =>
    CompoundBooks.open(subject.server.url, SHARDS, `partner${partners++}`, placement, rounds);

  // The isolation mode does not change the race: in processes the widest transfers suffice.
  const placements = isolation === "threads" ? PLACEMENTS : PLACEMENTS.slice(-1);
  describe.each(placements)("$where", (placement) => {
    test("post against void: one wins, the other gets transfer_not_pending", async () => {
      const books = await openBooks(placement);
      const wins: Wins = {};
      await inLanes(rounds, async (round) => {
        const { id } = await books.begin();
        const actions = round % 2 === 0 ? (["post", "void"] as const) : (["void", "post"] as const);
        const winner = await race(
          actions.map((action) => async () => {
            // A post may need an answer of another shard first, so the void is delayed more often.
            const lateTurns = { void: (round % 12) - 3, post: 3 - (round % 12) }[action];
            await repeat(lateTurns, () => books.client.get("/v1/accounts?ids=nobody"));
            return books.act(id, action, `${action}-${round}`);
          }),
          "200",
          "409 transfer_not_pending",
        );
        const won = actions[winner.index] as string;
        wins[won] = (wins[won] ?? 0) + 1;
        if (won === "post") books.hasMoved(id);
        expect(await books.read(id)).toMatchObject(
          won === "post" ? { status: "posted", posted_amount: 10 } : { status: "voided", posted_amount: 0 },
        );
      });
      expectAllWon(wins, ["post", "void"]);
      await books.check();
    });

    test("post against post in full: one moves the amount, the other gets transfer_not_pending", async () => {
      const books = await openBooks(placement);
      const wins: Wins = {};
      await inLanes(rounds, async (round) => {
        const { id } = await books.begin();
        const { index } = await race(
          [0, 1].map((caller) => () => books.act(id, "post", `post-${round}-${caller}`)),
          "200",
          "409 transfer_not_pending",
        );
        wins[index] = (wins[index] ?? 0) + 1;
        books.hasMoved(id);
        expect(await books.read(id)).toMatchObject({ status: "posted", posted_amount: 10 });
      });
      expect(wins[0], "the first caller wins sometimes").toBeGreaterThan(0);
      await books.check();
    });

    test("revert against revert: the money goes back once", async () => {
      const books = await openBooks(placement);
      await inLanes(rounds, async (round) => {
        const { id } = await books.move();
        const { answer } = await race(
          [0, 1].map((caller) => () => books.act(id, "revert", `revert-${round}-${caller}`)),
          "201",
          "409 already_reverted",
        );
        const back = answer.transfer;
        expect(back).toMatchObject({ status: "posted", reverts: id, posted_amount: 10 });
        books.hasGoneBack(back.id);
        expect(await books.read(id)).toMatchObject({ status: "posted", reverted_by: back.id });
        expect(await books.read(back.id)).toMatchObject({ status: "posted", reverts: id });
      });
      await books.check();
    });

    test("post against expiry: the transfer is posted or expired, never both", async () => {
      const books = await openBooks(placement);
      const wins: Wins = {};
      await inLanes(
        rounds,
        async (round) => {
          const { id, expires_at } = await books.begin({ timeout_s: TIMEOUT_S });
          const offsetMs = ((round % 41) / 20 - 1) * AROUND_EXPIRY_MS;
          await waitUntil(Date.parse(expires_at ?? "") + offsetMs);
          const key = `post-${round}`;
          const answer = await books.act(id, "post", key);
          const won = answer.code === undefined ? "post" : "expiry";
          wins[won] = (wins[won] ?? 0) + 1;
          expect(verdictOf(answer)).toBe(won === "post" ? "200" : "410 transfer_expired");
          if (won === "post") books.hasMoved(id);
          await waitUntil(Date.parse(expires_at ?? ""));
          expect(await books.read(id)).toMatchObject(
            won === "post"
              ? { status: "posted", posted_amount: 10 }
              : { status: "expired", posted_amount: 0 },
          );
          await expectReplay(answer, () => books.act(id, "post", key));
          const late = await books.act(id, "void", `void-${round}`);
          expect(verdictOf(late)).toBe(won === "post" ? "409 transfer_not_pending" : "410 transfer_expired");
        },
        WAITING_LANES,
      );
      expectAllWon(wins, ["post", "expiry"]);
      await books.check();
    });
  });
});

/** Runs all callers at once. Exactly one gets `yes`, all others `no`, and a retry of each gets its first answer. */
async function race(
  callers: readonly (() => Promise<Said>)[],
  yes: string,
  no: string,
): Promise<Readonly<{ index: number; answer: Said }>> {
  const answers = await Promise.all(callers.map((call) => call()));
  expect(answers.map(verdictOf).toSorted()).toEqual([yes, ...callers.slice(1).map(() => no)]);
  await Promise.all(callers.map((call, i) => expectReplay(answers[i] as Said, call)));
  const index = answers.findIndex(({ code }) => code === undefined);
  return { index, answer: answers[index] as Said };
}

async function expectReplay(first: Said, retry: () => Promise<Said>): Promise<void> {
  const again = await retry();
  expect([first.isRepeat, again.isRepeat]).toEqual([false, true]);
  expect(again.text).toBe(first.text);
}

function expectAllWon(wins: Wins, names: readonly string[]): void {
  for (const name of names)
    expect(wins[name] ?? 0, `${name} wins sometimes: ${JSON.stringify(wins)}`).toBeGreaterThan(0);
}

async function inLanes(rounds: number, work: (round: number) => Promise<void>, lanes = LANES): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < rounds) await work(next++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function repeat(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let turn = 0; turn < times; turn++) await work();
}

/** Waits for an instant of the wall clock, which the server reads too. */
function waitUntil(atMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - Date.now())));
}
