/** Higher and lower percentages of a segment, and memberships that are removed in bulk. */
import { describe, expect, test } from "vitest";
import { eventsOf } from "../../../../src/actors/events/events-of.ts";
import {
  addUsers,
  askHolders,
  askPlaces,
  askSegment,
  askSurvey,
  createSegment,
  createUser,
  deleteSegment,
  lowerPercent,
  raisePercent,
  removeUsers,
} from "../../../../src/actors/programmes/segments/acts.ts";
import {
  type Draw,
  drawPosition,
  isSelected,
  lanesOf,
  mergedRounds,
  type Round,
  SPAN,
  shareOf,
} from "../../../../src/actors/programmes/segments/draw.ts";
import { ALL, everyone, header, SegmentFixture } from "../segment-fixture.ts";

const USERS = ["u1", "u2", "u3", "u4"];
/** In the order of their draw positions. */
const IN_ORDER = USERS.map((id) => [drawPosition(lanesOf("A"), lanesOf(id)), id] as const).toSorted(
  (a, b) => a[0] - b[0],
);

/** A draw of this percentage, which selects that many of the existing users. */
function drawOf(percent: number, count: number, users = USERS.length): Draw {
  return { percent, threshold: IN_ORDER[count - 1]?.[0] ?? -1, cutoffs: [users] };
}

/** Segment A with all users, by its percentage. */
function everyoneIn(): SegmentFixture {
  const fixture = new SegmentFixture();
  for (const user of USERS) fixture.do(createUser(user));
  fixture.do(createSegment("A", everyone(USERS.length)));
  fixture.pass(1);
  return fixture;
}

function holdersOf(fixture: SegmentFixture, slug = "A"): readonly string[] {
  return fixture
    .ask(askHolders(slug)(ALL))
    .rows.map(([, { id }]) => id)
    .toSorted();
}

const first = (count: number) =>
  IN_ORDER.slice(0, count)
    .map(([, id]) => id)
    .toSorted();

describe("a lower percentage", () => {
  test("removes those that it does not select, a millisecond later, and a higher one adds them again", () => {
    const fixture = everyoneIn();
    expect(fixture.do(lowerPercent("A", 1, drawOf(50, 2), 100))).toMatchObject({
      news: "lowered",
      slug: "A",
    });
    expect(fixture.ask(askSegment("A"))).toMatchObject({ percent: 50, members: 4, isFilled: false });
    expect(fixture.run.ledger.nextExpiryMs).toBe(fixture.run.nowMs + 1);
    fixture.pass(1);
    expect(holdersOf(fixture)).toEqual(first(2));
    expect(fixture.done("trim").map(({ effect }) => effect)).toEqual([
      { upTo: 4, removed: USERS.filter((user) => !first(2).includes(user)) },
    ]);
    expect(fixture.ask(askSegment("A"))).toMatchObject({ members: 2, isFilled: true });
    fixture.do(raisePercent("A", 1, drawOf(75, 3), 50));
    fixture.pass(1);
    expect(holdersOf(fixture)).toEqual(first(3));
    fixture.do(lowerPercent("A", 1, drawOf(0, 0), 75));
    fixture.pass(1);
    expect([holdersOf(fixture), fixture.ask(askSegment("A"))?.percent]).toEqual([[], 0]);
    expect(fixture.do(createUser("later"))).toEqual({ auto: [] });
  });

  test("leaves memberships that were given by hand, and those who were removed by hand", () => {
    const fixture = everyoneIn();
    const [lowest = "", , , highest = ""] = IN_ORDER.map(([, id]) => id);
    fixture.remove(lowest, "A");
    fixture.remove(highest, "A");
    fixture.add(highest, "A");
    fixture.do(lowerPercent("A", 1, drawOf(0, 0), 100));
    fixture.pass(1);
    expect(fixture.held(highest)).toEqual([["A", null, "manual"]]);
    expect(holdersOf(fixture)).toEqual([highest]);
    fixture.do(raisePercent("A", 1, everyone(4), 0));
    fixture.pass(1);
    expect(holdersOf(fixture)).toEqual(USERS.filter((user) => user !== lowest));
  });

  test("names the percentage that it lowers and the present segment, or is refused", () => {
    const fixture = everyoneIn();
    expect(fixture.do(lowerPercent("A", 1, drawOf(50, 2), 99))).toEqual(["percent_changed", "A"]);
    expect(fixture.do(lowerPercent("A", 1, drawOf(50, 2), null))).toEqual(["percent_changed", "A"]);
    expect(fixture.do(lowerPercent("A", 2, drawOf(50, 2), 100))).toEqual(["segment_not_found", "A"]);
    expect(fixture.do(lowerPercent("B", 1, drawOf(50, 2), 100))).toEqual(["segment_not_found", "B"]);
    expect(fixture.ask(askSegment("A"))).toMatchObject({ percent: 100, isFilled: true });
  });

  test("that comes while the one before is applied counts for all users", () => {
    const fixture = everyoneIn();
    fixture.do(lowerPercent("A", 1, drawOf(75, 3), 100));
    fixture.do(lowerPercent("A", 1, drawOf(25, 1), 75));
    fixture.pass(2);
    expect(holdersOf(fixture)).toEqual(first(1));
    fixture.do(raisePercent("A", 1, everyone(4), 25));
    fixture.do(lowerPercent("A", 1, drawOf(50, 2), 100));
    fixture.pass(2);
    expect(holdersOf(fixture)).toEqual(first(2));
  });

  test("of a segment that is deleted before its turn removes nothing", () => {
    const fixture = everyoneIn();
    fixture.do(lowerPercent("A", 1, drawOf(0, 0), 100));
    fixture.do(deleteSegment("A"));
    fixture.pass(20);
    expect(fixture.done("trim").map(({ effect }) => effect)).toEqual([{ upTo: 4, removed: [] }]);
    expect(fixture.done("sweep").map(({ effect }) => effect)).toEqual([
      { upTo: 4, over: [], removed: USERS },
    ]);
  });

  test("removes 1,000 users in a portion at most", () => {
    const fixture = new SegmentFixture();
    const users = Array.from({ length: 1_100 }, (_, i) => `u${i}`);
    fixture.do(createSegment("ALL", null));
    fixture.do(addUsers("ALL", users, null, 0));
    fixture.do(createSegment("A", everyone(1_100)));
    fixture.pass(2);
    expect(fixture.ask(askSegment("A"))?.members).toBe(1_100);
    fixture.do(lowerPercent("A", 2, { percent: 0, threshold: -1, cutoffs: [1_100] }, 100));
    fixture.pass(1);
    expect(fixture.ask(askSegment("A"))?.members).toBe(100);
    for (let ms = 0; ms < 10; ms++) fixture.pass(1);
    expect(fixture.ask(askSegment("A"))?.members).toBe(0);
    expect(fixture.done("trim")).toHaveLength(2);
  });
});

describe("a higher percentage", () => {
  test("names the present one or none, and does not lower it", () => {
    const fixture = new SegmentFixture();
    fixture.do(createSegment("A", null));
    expect(fixture.do(raisePercent("A", 1, drawOf(50, 0, 0), 0))).toEqual(["percent_changed", "A"]);
    expect(fixture.do(raisePercent("A", 1, drawOf(50, 0, 0), null))).toMatchObject({ news: "raised" });
    expect(fixture.do(raisePercent("A", 1, drawOf(60, 0, 0), 40))).toEqual(["percent_changed", "A"]);
    expect(fixture.do(raisePercent("A", 1, drawOf(49, 0, 0)))).toEqual(["percent_lowered", "A"]);
    expect(fixture.do(raisePercent("A", 1, drawOf(50, 0, 0)))).toBeNull();
    expect(fixture.do(raisePercent("A", 1, drawOf(51, 0, 0)))).toMatchObject({ news: "raised" });
  });
});

describe("a bulk removal", () => {
  test("removes members once each, and leaves out all others", () => {
    const fixture = new SegmentFixture();
    fixture.do(createSegment("A", null));
    fixture.do(createSegment("B", null));
    fixture.add("member", "A");
    fixture.add("by percentage", "B");
    fixture.add("expired", "A", ["after", 5]);
    fixture.add("soon", "A", ["after", 6]);
    fixture.add("removed", "A");
    fixture.remove("removed", "A");
    fixture.run.nowMs += 5;
    const users = ["member", "none", "expired", "soon", "removed", "by percentage", "member"];
    expect(fixture.do(removeUsers("A", users, 0))).toEqual({ removed: ["member", "soon"] });
    expect(holdersOf(fixture)).toEqual([]);
    expect(holdersOf(fixture, "B")).toEqual(["by percentage"]);
    expect(fixture.ask(askSegment("A"))?.members).toBe(0);
    expect(fixture.do(removeUsers("none", ["member"], 0))).toEqual(["segment_not_found", "none"]);
  });

  test("keeps a percentage from adding those again", () => {
    const fixture = everyoneIn();
    expect(fixture.do(removeUsers("A", ["u1", "u2"], 0))).toEqual({ removed: ["u1", "u2"] });
    fixture.do(lowerPercent("A", 1, drawOf(0, 0), 100));
    fixture.pass(1);
    fixture.do(raisePercent("A", 1, everyone(4)));
    fixture.pass(1);
    expect(holdersOf(fixture)).toEqual(["u3", "u4"]);
    expect(fixture.do(addUsers("A", ["u1"], null, 0))).toMatchObject({ added: ["u1"] });
    expect(holdersOf(fixture)).toEqual(["u1", "u3", "u4"]);
  });
});

const event = (type: string, user: string, segment: string) => {
  return { type: `segment.member_${type}`, subject: user, data: { user, segment } };
};

test("whoever enters or leaves a segment has an event, however that came about", () => {
  const fixture = new SegmentFixture();
  fixture.do(createSegment("A", null));
  fixture.do(createSegment("P", everyone(0)));
  fixture.do(createUser("u1"));
  fixture.do(addUsers("A", ["u1", "u2"], ["after", 5], 0));
  fixture.add("u1", "A", ["after", 9]);
  fixture.do(removeUsers("P", ["u1"], 0));
  fixture.do(lowerPercent("P", 2, { percent: 0, threshold: -1, cutoffs: [2] }, 100));
  fixture.pass(9);
  fixture.do(deleteSegment("P"));
  const events = fixture.log.flatMap(({ act, effect, timeMs }) => {
    const outcome = { ok: true, effect } as const;
    return eventsOf({ command: { op: "act", ...header, act }, outcome }, timeMs);
  });
  expect(events).toEqual([
    event("added", "u1", "P"),
    event("added", "u2", "P"),
    event("added", "u1", "A"),
    event("added", "u2", "A"),
    event("removed", "u1", "P"),
    event("removed", "u2", "P"),
    event("removed", "u2", "A"),
    event("removed", "u1", "A"),
  ]);
});

const pieceOf = (place: number) => Math.floor(place / (SPAN / 1024));

test("a survey counts those that the percentage has selected, and the others, up to the cutoff", () => {
  const fixture = everyoneIn();
  fixture.do(lowerPercent("A", 1, drawOf(50, 2), 100));
  fixture.pass(1);
  const survey = (of: "chosen" | "others", cutoff = 4, after = 0) => {
    const { chosen, pieces } = fixture.ask(askSurvey("A", after, [cutoff], of));
    return [chosen, pieces.flatMap((count, piece) => Array.from({ length: count }, () => piece))];
  };
  const pieces = IN_ORDER.map(([place]) => pieceOf(place));
  expect([survey("chosen"), survey("others")]).toEqual([
    [2, pieces.slice(0, 2)],
    [2, pieces.slice(2)],
  ]);
  expect(survey("others", 4, 4)).toEqual([0, []]);
  expect(fixture.ask(askSurvey("A", 0, null)).cutoff).toBe(4);
  for (const [index, [place]] of IN_ORDER.entries()) {
    const places = (of: "chosen" | "others") => fixture.ask(askPlaces("A", 0, [4], pieceOf(place), of));
    expect(places("chosen").includes(place)).toBe(index < 2);
    expect(places("others").includes(place)).toBe(index >= 2);
  }
});

test("many changes of a percentage are merged from the hundredth on, and select the same users", () => {
  const rounds: Round[] = [];
  for (let i = 0; i < 140; i++) {
    const percent = (i * 37) % 101;
    const lowers = percent < (rounds.at(-1)?.percent ?? 0);
    const round = { percent, threshold: ((i * 7_919) % 1_000) * (SPAN / 1_000), upTo: (i >> 2) * 3 };
    rounds.push({ ...round, ...(lowers && { lowers: true as const }) });
  }
  const few = rounds.slice(0, 99);
  expect(mergedRounds(few)).toBe(few);
  for (const count of [100, 101, 140]) {
    const some = rounds.slice(0, count);
    const merged = mergedRounds(some);
    expect(merged.length).toBeLessThanOrEqual(36);
    for (let serial = 0; serial < 120; serial++)
      for (let part = 0; part <= 50; part++) {
        const place = Math.floor((part / 50) * (SPAN - 1));
        expect(isSelected(place, serial, merged)).toBe(isSelected(place, serial, some));
      }
    const next = { percent: 50, threshold: SPAN / 3, upTo: 200 };
    expect(isSelected(SPAN / 4, 5, [...merged, next])).toBe(isSelected(SPAN / 4, 5, [...some, next]));
  }
  expect([shareOf(10, 25), shareOf(10, 24), mergedRounds([])]).toEqual([3, 2, []]);
});
