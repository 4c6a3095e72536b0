import { describe, expect, test } from "vitest";
import type { FeedPlace, Progress } from "../../src/actors/programmes/webhooks/acts.ts";
import { TRIED_MS_MAX } from "../../src/webhooks/backoff.ts";
import { EndpointDelivery } from "../../src/webhooks/endpoint-delivery.ts";
import type { FeedEntry, FeedReader } from "../../src/webhooks/feed-entry.ts";
import { compareFeedPlaces } from "../../src/webhooks/feed-entry.ts";
import { Random } from "../support/random.ts";

const NEW: Progress = { run: 0, cursor: null, blocked: [] };
const DAY_MS = TRIED_MS_MAX;

function entry(number: number, subject: string): FeedEntry {
  return { place: [number, 0, 1, number, 0, 0], id: `ev_${number}`, type: "t", subject, body: `${number}` };
}

/** A feed in memory, a clock that tests advance, and an endpoint whose answers tests choose. */
class World {
  readonly events: FeedEntry[] = [];
  readonly sent: FeedEntry[] = [];
  readonly parked: string[] = [];
  nowMs = 0;
  accepts: (entry: FeedEntry) => boolean | Promise<boolean> = () => true;
  inFlight = 0;
  inFlightMax = 0;
  readonly #timers = new Set<{ atMs: number; work: () => void }>();
  delivery: EndpointDelivery;

  constructor(progress: Progress = NEW, seed = 1) {
    const random = new Random(seed);
    const feed: FeedReader = async (after, { limit, subject }) => {
      const later = this.events.filter(
        (each) =>
          (after === null || compareFeedPlaces(each.place, after) > 0) &&
          (subject === undefined || each.subject === subject),
      );
      const entries = later.slice(0, limit);
      return { entries, last: entries.at(-1)?.place ?? null, isLast: later.length <= limit };
    };
    this.delivery = new EndpointDelivery(progress, {
      feed,
      send: async (each) => {
        this.inFlight += 1;
        this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
        const isAccepted = await this.accepts(each);
        this.inFlight -= 1;
        if (isAccepted) this.sent.push(each);
        return isAccepted;
      },
      park: ({ id }) => this.parked.push(id),
      progressed: () => {},
      nowMs: () => this.nowMs,
      random: () => random.fraction(),
      schedule: (ms, work) => {
        const timer = { atMs: this.nowMs + ms, work };
        this.#timers.add(timer);
        return () => this.#timers.delete(timer);
      },
    });
  }

  add(...events: readonly FeedEntry[]): void {
    this.events.push(...events);
    this.delivery.wake();
  }

  /** Lets everything happen that is due within `ms`. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      await settle();
      const next = [...this.#timers].toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.work();
    }
    this.nowMs = untilMs;
    await settle();
  }

  sentIds(subject?: string): readonly string[] {
    return this.sent.filter((each) => subject === undefined || each.subject === subject).map(({ id }) => id);
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

function idsOf(events: readonly FeedEntry[]): readonly string[] {
  return events.map(({ id }) => id);
}

describe("delivery to one endpoint", () => {
  test("sends every event once, in order for each subject, at most ten at a time", async () => {
    const world = new World();
    const events = Array.from({ length: 500 }, (_, i) => entry(i + 1, `s${i % 7}`));
    world.add(...events);
    await world.pass(0);
    expect(world.sent.length).toBe(500);
    for (let s = 0; s < 7; s++)
      expect(world.sentIds(`s${s}`)).toEqual(idsOf(events.filter(({ subject }) => subject === `s${s}`)));
    expect(world.inFlightMax).toBeLessThanOrEqual(10);
    expect(world.delivery.progress).toEqual({ run: 0, cursor: events.at(-1)?.place, blocked: [] });
  });

  test("a failing event holds back only later events of its subject, and is retried after 2 to 5 s", async () => {
    const world = new World();
    let isBroken = true;
    world.accepts = ({ subject }) => subject !== "a" || !isBroken;
    world.add(entry(1, "a"), entry(2, "b"), entry(3, "a"), entry(4, "b"));
    await world.pass(1_999);
    expect(world.sentIds()).toEqual(["ev_2", "ev_4"]);
    isBroken = false;
    await world.pass(3_002);
    expect(world.sentIds("a")).toEqual(["ev_1", "ev_3"]);
    world.add(entry(5, "a"));
    await world.pass(0);
    expect(world.sentIds("a")).toEqual(["ev_1", "ev_3", "ev_5"]);
    expect(world.delivery.isIdle).toBe(true);
  });

  test("waits twice as long after each failure", async () => {
    const world = new World();
    const triedMs: number[] = [];
    world.accepts = () => {
      triedMs.push(world.nowMs);
      return false;
    };
    world.add(entry(1, "a"));
    await world.pass(10 * 60_000);
    const waits = triedMs.slice(1).map((ms, i) => ms - (triedMs[i] ?? 0));
    for (const [i, wait] of waits.slice(0, 5).entries()) {
      expect(wait).toBeGreaterThanOrEqual(2_000 * 2 ** i);
      expect(wait).toBeLessThanOrEqual(5_000 * 2 ** i);
    }
    expect(waits.length).toBeGreaterThanOrEqual(5);
  });

  test("parks an event that has failed for a day while the endpoint accepts others, and goes on after it", async () => {
    const world = new World();
    world.accepts = ({ id }) => id !== "ev_1";
    world.add(entry(1, "a"), entry(2, "a"));
    for (let hour = 0; hour < 30; hour++) {
      world.add(entry(100 + hour, "b"));
      await world.pass(DAY_MS / 24);
    }
    expect(world.parked).toEqual(["ev_1"]);
    expect(world.sentIds("a")).toEqual(["ev_2"]);
  });

  test("an endpoint that was down for a day gets every event, in order, and loses none", async () => {
    const world = new World();
    let isDown = true;
    world.accepts = () => !isDown;
    const events = Array.from({ length: 300 }, (_, i) => entry(i + 1, `s${i % 40}`));
    world.add(...events);
    await world.pass(DAY_MS + 60_000);
    expect(world.sent).toEqual([]);
    // While it is down only a few subjects are tried.
    expect(world.delivery.progress.blocked.length).toBeLessThanOrEqual(20);
    isDown = false;
    await world.pass(2 * 60 * 60_000);
    expect(world.parked).toEqual([]);
    expect(world.sent.length).toBe(300);
    for (let s = 0; s < 40; s++)
      expect(world.sentIds(`s${s}`)).toEqual(idsOf(events.filter(({ subject }) => subject === `s${s}`)));
  });

  test.each(Array.from({ length: 30 }, (_, i) => i))(
    "random failures and restarts lose nothing and keep the order of each subject (seed %i)",
    async (seed) => {
      const random = new Random(seed);
      let world = new World(NEW, seed);
      const first: string[] = [];
      const count = 200;
      let added = 0;
      for (let round = 0; round < 60; round++) {
        const rate = random.fraction();
        world.accepts = () => random.fraction() > rate * 0.6;
        const more = Math.min(count - added, random.below(12));
        const events = Array.from({ length: more }, (_, i) => entry(added + i + 1, `s${random.below(9)}`));
        added += more;
        world.add(...events);
        await world.pass(random.below(20_000));
        if (random.chance(0.2)) {
          // A crash: what was sent since the progress was stored is sent again.
          const { progress } = world.delivery;
          world.delivery.close();
          await settle();
          first.push(...world.sentIds());
          const restarted = new World(structuredClone(progress), seed + round);
          restarted.nowMs = world.nowMs;
          restarted.events.push(...world.events);
          world = restarted;
          world.delivery.wake();
        }
      }
      world.accepts = () => true;
      world.delivery.wake();
      await world.pass(DAY_MS);
      first.push(...world.sentIds());
      const firstTimes = [...new Set(first)];
      expect(firstTimes.length).toBe(world.events.length);
      for (let s = 0; s < 9; s++) {
        const own = world.events.filter(({ subject }) => subject === `s${s}`).map(({ id }) => id);
        expect(firstTimes.filter((id) => own.includes(id))).toEqual(own);
      }
    },
  );

  test("progress never passes an event that is neither delivered nor held back", async () => {
    const world = new World();
    const answers: ((isAccepted: boolean) => void)[] = [];
    world.accepts = () => new Promise((resolve) => answers.push(resolve));
    world.add(entry(1, "a"), entry(2, "b"), entry(3, "c"));
    await world.pass(0);
    answers[1]?.(true);
    await settle();
    expect(world.delivery.progress.cursor).toBeNull();
    answers[0]?.(true);
    await settle();
    expect(world.delivery.progress.cursor).toEqual([2, 0, 1, 2, 0, 0] satisfies FeedPlace);
  });
});
