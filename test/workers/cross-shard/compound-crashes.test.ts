/**
 * Transfers over three shards whose coordinator or participant crashes at any step of the protocol. Afterwards all
 * replies agree with the logs, nothing is half done, and no reservation of an abandoned transfer is left.
 */
import { describe, expect, test } from "vitest";
import type { Failpoint } from "../../../src/workers/shard/failpoint.ts";
import { Random } from "../../support/random.ts";
import { problemsOf } from "./compound-checks.ts";
import { type Round, runRound, SHAPES, type Shape } from "./compound-crashes.ts";

/** Rounds of each kind of crash. */
const ROUNDS = Number(process.env["ROUNDS"] ?? 200);
const FIRST_SEED = Number(process.env["SEED"] ?? 1);
/** Most of the time a round waits for the shards' timers. */
const AT_ONCE = 12;
/** For a failpoint, the last pass at which it may be armed. */
const PASSES_MAX = 3;

const COORDINATOR = 0;
const PARTICIPANTS = [1, 2];

type Point = Failpoint["point"];
/** Failpoints that one shard passes in transfers of these shapes, with or without the last step of pending ones. */
type Places = Readonly<{ points: readonly Point[]; shapes: readonly Shape[]; late: readonly Shape[] }>;
type Kind = Readonly<{ name: string; victims: readonly number[]; places: readonly Places[] }>;

const PENDING: readonly Shape[] = [
  "pending, then posted",
  "pending, then voided",
  "pending until it expires",
];
const SENDING = SHAPES.filter((shape) => shape !== "refused");

const KINDS: readonly Kind[] = [
  {
    name: "the coordinator crashes while it sends prepare requests",
    victims: [COORDINATOR],
    places: [{ points: ["before_ask_legs"], shapes: SHAPES, late: ["pending, then posted"] }],
  },
  {
    name: "the coordinator crashes after some shards have prepared",
    victims: [COORDINATOR],
    places: [{ points: ["after_ask_legs"], shapes: SHAPES, late: ["pending, then posted"] }],
  },
  {
    name: "the coordinator crashes around its record",
    victims: [COORDINATOR],
    places: [
      {
        points: ["before_commit", "after_commit", "before_append", "after_append"],
        shapes: SHAPES,
        late: PENDING,
      },
      { points: ["before_expire"], shapes: ["pending until it expires"], late: ["pending until it expires"] },
    ],
  },
  {
    name: "the coordinator crashes after its record, while it sends messages to the others",
    victims: [COORDINATOR],
    places: [
      {
        points: ["before_send", "after_send", "before_settle", "after_settle", "before_forget"],
        shapes: SENDING,
        late: PENDING,
      },
      { points: ["before_release"], shapes: ["refused"], late: [] },
    ],
  },
  {
    name: "a participant crashes while it reserves",
    victims: PARTICIPANTS,
    places: [
      { points: ["before_reserve", "after_reserve"], shapes: SHAPES, late: [] },
      { points: ["before_append", "after_append"], shapes: SHAPES, late: PENDING },
    ],
  },
  {
    name: "a participant crashes while it applies its portion or releases its reservation",
    victims: PARTICIPANTS,
    places: [
      {
        points: ["before_credit", "after_credit", "before_acknowledge", "after_acknowledge"],
        shapes: SENDING,
        late: PENDING,
      },
      { points: ["before_released", "after_released"], shapes: ["refused"], late: [] },
    ],
  },
];

type Death = Readonly<{ shape: Shape; isLate: boolean; failpoint: Failpoint }>;

/** Every failpoint, transfer shape and crashing shard, repeatedly; the rest of a round is random. */
function deathOf({ victims, places }: Kind, seed: number, random: Random): Death {
  const all = places.flatMap(({ points, shapes, late }) =>
    points.flatMap((point) =>
      shapes.flatMap((shape) => victims.map((shard) => ({ shard, point, shape, late }))),
    ),
  );
  const { shard, point, shape, late } = all[seed % all.length] as (typeof all)[number];
  const failpoint = { shard, point, at: 1 + random.below(PASSES_MAX) };
  return { shape, isLate: late.includes(shape) && random.chance(0.5), failpoint };
}

async function atOnce(rounds: number, round: (seed: number) => Promise<void>): Promise<void> {
  const seeds = Array.from({ length: rounds }, (_, no) => FIRST_SEED + no).values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const seed of seeds) await round(seed);
    }),
  );
}

async function checked(
  seed: number,
  options: Omit<Parameters<typeof runRound>[0], "random">,
): Promise<Round> {
  const name = `SEED=${seed} ROUNDS=1 ${JSON.stringify(options)}`;
  const round = await runRound({ ...options, random: new Random(seed + 1_000_000) }).catch(
    (error: unknown) => {
      throw new Error(name, { cause: error });
    },
  );
  expect(problemsOf(round), name).toEqual([]);
  return round;
}

describe.each(KINDS)("$name", (kind) => {
  test("the transfer is executed completely or not at all, every reply agrees with the log, and no reservation stays", async () => {
    await atOnce(ROUNDS, async (seed) => {
      const { failpoint, ...death } = deathOf(kind, seed, new Random(seed));
      const told = [`Error: failpoint ${failpoint.point}`];
      const { deaths } = await checked(seed, { ...death, failpoints: [failpoint] });
      if (deaths.length > 0) expect(deaths).toEqual(told);
      else {
        // The shard does not pass the point so often.
        const sooner = await checked(seed, { ...death, failpoints: [{ ...failpoint, at: 1 }] });
        expect(sooner.deaths, `SEED=${seed} ${JSON.stringify({ ...death, failpoint })}`).toEqual(told);
      }
    });
  }, 600_000);
});

test("the same if the coordinator and a participant crash at the same time, at any point", async () => {
  const rounds = ROUNDS / 2;
  let deaths = 0;
  await atOnce(rounds, async (seed) => {
    const random = new Random(seed);
    const shape = random.oneOf(SHAPES);
    const participant = random.oneOf(PARTICIPANTS);
    const failpoints = [COORDINATOR, participant].map((shard): Failpoint => {
      const there = KINDS.filter(({ victims }) => victims.includes(shard)).flatMap(({ places }) => places);
      const { points } = random.oneOf(there.filter(({ shapes }) => shapes.includes(shape)));
      return { shard, point: random.oneOf(points), at: 1 + random.below(PASSES_MAX) };
    });
    const isLate = PENDING.includes(shape) && random.chance(0.5);
    const round = await checked(seed, { shape, isLate, failpoints });
    deaths += round.deaths.length;
  });
  expect(deaths).toBeGreaterThan(rounds);
}, 600_000);

test("the checker finds a missing or duplicate part, a wrong reply, and a hold that stays", async () => {
  const random = new Random(FIRST_SEED);
  const round = await runRound({ random, shape: "posted", isLate: false, failpoints: [] });
  expect(problemsOf(round)).toEqual([]);
  const [home = [], there = [], ...others] = round.logs;
  const part = there.find(({ record: { command } }) => command.op === "portion") as (typeof there)[number];
  const without = there.filter((record) => record !== part);
  expect(problemsOf({ ...round, logs: [home, without, ...others] }).join()).toMatch(
    /was sent and never came.*replayed: /,
  );
  expect(problemsOf({ ...round, logs: [home, [...there, part], ...others] }).join()).toMatch(
    /a part came twice.*replayed: /,
  );
  const other = { ok: false, code: "insufficient_funds", subject: null } as const;
  const asked = round.asked.map((each) => ({ ...each, outcomes: [...each.outcomes, other] }));
  expect(problemsOf({ ...round, asked }).join()).toMatch(/several outcomes/);
  const views = round.views.map((view) => ({ ...view, held: 1 }));
  expect(problemsOf({ ...round, views }).join()).toMatch(/are held/);
});
