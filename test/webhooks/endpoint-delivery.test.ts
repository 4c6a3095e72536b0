import { describe, expect, test } from "vitest";
import type { FeedPlace } from "../../src/actors/programmes/webhooks/acts.ts";
import { TRIED_MS_MAX } from "../../src/webhooks/backoff.ts";
import { beforePlace } from "../../src/webhooks/feed-entry.ts";
import { Random } from "../support/random.ts";
import { DeliveryWorld, entry, idsOf, NEW, settle } from "./delivery-world.ts";

const DAY_MS = TRIED_MS_MAX;

function eventsOf(count: number, subjects: number) {
  return Array.from({ length: count }, (_, i) => entry(i + 1, `s${i % subjects}`));
}

/** The events of each subject, as they arrived first, are all of its events in their order. */
function expectComplete(world: DeliveryWorld, arrived: readonly string[] = world.sentIds()): void {
  const firstTimes = [...new Set(arrived)];
  expect(firstTimes.length).toBe(world.events.length);
  const subjects = new Map(world.events.map(({ id, subject }) => [id, subject]));
  for (const subject of new Set(subjects.values()))
    expect(firstTimes.filter((id) => subjects.get(id) === subject)).toEqual(
      idsOf(world.events.filter((each) => each.subject === subject)),
    );
}

describe("delivery to one endpoint", () => {
  test("sends every event once, in order for each subject, at most ten at a time", async () => {
    const world = new DeliveryWorld();
    const events = eventsOf(500, 70);
    world.accepts = async () => true;
    world.add(...events);
    await world.pass(0);
    expect(world.tries).toBe(500);
    expectComplete(world);
    expect(world.inFlightMax).toBe(10);
    expect(world.store()).toEqual({ version: 1, fromMs: 0, cursor: events.at(-1)?.place, blocked: [] });
    expect(world.delivery.waitsSinceMs).toBeUndefined();
  });

  test("a failing event holds back only later events of its subject, and is retried after 2 to 5 s", async () => {
    const world = new DeliveryWorld();
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
    expect(world.store().blocked).toEqual([]);
  });

  test("waits twice as long after each failure", async () => {
    const world = new DeliveryWorld();
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
    const world = new DeliveryWorld();
    world.accepts = ({ id }) => id !== "ev_1";
    world.add(entry(1, "a"), entry(2, "a"));
    for (let hour = 0; hour < 30; hour++) {
      world.add(entry(100 + hour, "b"));
      await world.pass(DAY_MS / 24);
    }
    expect(world.parked).toEqual(["ev_1"]);
    expect(world.sentIds("a")).toEqual(["ev_2"]);
  });

  test.each([1, 3, 40])(
    "an endpoint that was down for a day gets every event of %i subjects, in order, and loses none",
    async (subjects) => {
      const world = new DeliveryWorld();
      let isDown = true;
      world.accepts = () => !isDown;
      world.add(...eventsOf(600, subjects));
      await world.pass(DAY_MS + 60_000);
      expect(world.sent).toEqual([]);
      // As soon as it counts as down, new events come every few minutes, and each retry about once an hour.
      expect(world.tries).toBeLessThan(40 * 40);
      isDown = false;
      await world.pass(60 * 60_000);
      expect(world.parked).toEqual([]);
      expectComplete(world);
      expect(world.store().blocked).toEqual([]);
    },
  );

  test("an endpoint that is dead for long stands still with a thousand held-back subjects, and gets everything later", async () => {
    const events = eventsOf(2_400, 1_200);
    const blocked = events.slice(0, 998).map(({ subject, place }) => ({
      subject,
      after: beforePlace(place),
      tries: 20,
      firstFailedMs: 0,
      retryAtMs: 0,
    }));
    const world = new DeliveryWorld({ ...NEW, cursor: events[997]?.place ?? null, blocked });
    let isDown = true;
    world.accepts = () => !isDown;
    world.add(...events);
    await world.pass(2 * DAY_MS);
    // Those that were in flight when the bound was reached are held back as well.
    expect(world.store().blocked.length).toBeGreaterThanOrEqual(1_000);
    expect(world.store().blocked.length).toBeLessThanOrEqual(1_100);
    isDown = false;
    await world.pass(60 * 60_000);
    expect(world.parked).toEqual([]);
    expectComplete(world);
  });

  test("events that can never be delivered, of a dozen subjects, delay no others by more than some seconds", async () => {
    const world = new DeliveryWorld();
    world.accepts = ({ subject }) => !subject.startsWith("bad");
    world.add(...Array.from({ length: 12 }, (_, i) => entry(i + 1, `bad${i}`)), entry(13, "good"));
    await world.pass(30_000);
    const triesBefore = world.tries;
    for (let i = 0; i < 100; i++) {
      world.add(entry(100 + i, "good"));
      await world.pass(60_000);
      expect(world.sent.length).toBe(2 + i);
    }
    // The others keep to their pauses, though the endpoint counts as down again and again.
    expect(world.tries - triesBefore).toBeLessThan(100 + 12 * 12);
  });

  test("a subject stays held back until events far behind others are sent", async () => {
    const world = new DeliveryWorld();
    let isBroken = true;
    world.accepts = ({ subject }) => subject !== "rare" || !isBroken;
    const others = Array.from({ length: 1_000 }, (_, i) => entry(i + 2, `s${i % 10}`));
    world.add(entry(1, "rare"), ...others, entry(2_000, "rare"));
    await world.pass(1_000);
    isBroken = false;
    await world.pass(10_000);
    expect(world.sentIds("rare")).toEqual(["ev_1", "ev_2000"]);
    expect(world.tries).toBe(1_003);
  });

  test("a retry that somebody asks for comes at once, for held-back events only", async () => {
    const world = new DeliveryWorld();
    let isBroken = true;
    world.accepts = ({ subject }) => subject !== "a" || !isBroken;
    const [first, other, second] = [entry(1, "a"), entry(2, "b"), entry(3, "a")];
    world.add(first, other, second);
    await world.pass(0);
    expect(world.delivery.retryNow(other)).toBe(false);
    isBroken = false;
    expect(world.delivery.retryNow(second)).toBe(true);
    await world.pass(0);
    expect(world.sentIds("a")).toEqual(["ev_1", "ev_3"]);
    expect(world.delivery.retryNow(first)).toBe(false);
  });

  test("after a pause nothing is sent any more, and what was in flight counts", async () => {
    const world = new DeliveryWorld();
    const answers: ((isAccepted: boolean) => void)[] = [];
    world.accepts = () => new Promise((resolve) => answers.push(resolve));
    world.add(...eventsOf(20, 20));
    await world.pass(0);
    let isPaused = false;
    void world.delivery.pause().then(() => {
      isPaused = true;
    });
    await settle();
    expect([answers.length, isPaused]).toEqual([10, false]);
    for (const answer of answers) answer(true);
    await world.pass(1_000);
    expect([answers.length, isPaused]).toEqual([10, true]);
    expect(world.store().cursor).toEqual(entry(10, "").place);
  });

  test("progress never passes an event that is neither delivered nor held back", async () => {
    const world = new DeliveryWorld();
    const answers: ((isAccepted: boolean) => void)[] = [];
    world.accepts = () => new Promise((resolve) => answers.push(resolve));
    world.add(entry(1, "a"), entry(2, "b"), entry(3, "c"));
    await world.pass(0);
    answers[1]?.(true);
    await settle();
    expect(world.store().cursor).toBeNull();
    expect(world.delivery.waitsSinceMs).toBe(1);
    answers[0]?.(true);
    await settle();
    expect(world.store().cursor).toEqual([2, 0, 1, 2, 0, 0] satisfies FeedPlace);
  });

  test.each(Array.from({ length: 30 }, (_, i) => i))(
    "random failures and crashes lose nothing and keep the order of each subject (seed %i)",
    async (seed) => {
      const random = new Random(seed);
      let world = new DeliveryWorld(NEW, seed);
      const arrived: string[] = [];
      let added = 0;
      for (let round = 0; round < 60; round++) {
        const rate = random.fraction();
        world.accepts = () => random.fraction() > rate * 0.6;
        const more = Math.min(200 - added, random.below(12));
        const events = Array.from({ length: more }, (_, i) => entry(added + i + 1, `s${random.below(9)}`));
        added += more;
        world.add(...events);
        await world.pass(random.below(20_000));
        if (random.chance(0.4)) world.store();
        if (!random.chance(0.2)) continue;
        // A crash: what was sent since the progress was stored is sent again.
        world.delivery.close();
        await settle();
        arrived.push(...world.sentIds());
        const restarted = new DeliveryWorld(structuredClone(world.stored), seed + round);
        restarted.nowMs = world.nowMs;
        restarted.events.push(...world.events);
        world = restarted;
        world.begin();
      }
      world.accepts = () => true;
      await world.pass(DAY_MS);
      expectComplete(world, [...arrived, ...world.sentIds()]);
    },
  );
});
