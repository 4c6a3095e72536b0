/** Replay and snapshots of segments while jobs are running; and surveys of users. */
import { expect, test } from "vitest";
import {
  addUsers,
  askHolders,
  askMemberships,
  askPlaces,
  askReportSecret,
  askSegmentParts,
  askSegments,
  askSurvey,
  askUsers,
  countUser,
  createSegment,
  createUser,
  deleteSegment,
  raisePercent,
  requestReport,
  SURVEY_BUCKETS,
  SURVEY_USERS_MAX,
} from "../../../src/actors/programmes/segments/acts.ts";
import { drawPosition, lanesOf, SPAN } from "../../../src/actors/programmes/segments/draw.ts";
import { copiesOf } from "../ledger/copies.ts";
import { ALL, everyone, SegmentFixture } from "./segment-fixture.ts";

/** The answers of all queries. */
function seen(fixture: SegmentFixture): unknown {
  const slugs = ["A", "B", "ALL", "GONE"];
  return [
    fixture.ask(askUsers([2_000, null])),
    fixture.ask(askSegments(ALL)),
    fixture.ask(askSegmentParts(slugs)),
    fixture.ask(askReportSecret()),
    slugs.map((slug) => fixture.ask(askHolders(slug)(ALL))),
    ["manual", "auto", "removed", "timed"].map((user) => fixture.ask(askMemberships(user))),
  ];
}

/** A state in which every kind of job is unfinished. */
function grown(): SegmentFixture {
  const fixture = new SegmentFixture();
  fixture.do(requestReport());
  fixture.do(countUser(4));
  for (const slug of ["A", "B", "GONE"]) fixture.do(createSegment(slug, null));
  for (const user of ["manual", "removed", "other"]) fixture.add(user, "A");
  fixture.remove("removed", "A");
  fixture.add("timed", "A", ["after", 30]);
  fixture.add("timed", "B", ["after", 30]);
  fixture.add("late", "GONE", ["after", 30]);
  fixture.add("early", "GONE", ["after", 2]);
  fixture.add("removed", "GONE");
  fixture.remove("removed", "GONE");
  fixture.do(
    addUsers(
      "GONE",
      Array.from({ length: 700 }, (_, i) => `u${i}`),
      null,
      0,
    ),
  );
  fixture.do(
    addUsers(
      "B",
      Array.from({ length: 700 }, (_, i) => `v${i}`),
      null,
      0,
    ),
  );
  fixture.do(createUser("auto"));
  fixture.do(createSegment("ALL", everyone(1_406)));
  fixture.do(raisePercent("A", 1, { percent: 1, threshold: 0, cutoffs: [0] }));
  fixture.do(deleteSegment("GONE"));
  fixture.pass(3);
  return fixture;
}

test("a ledger restored in the middle of a fill and a sweep continues like the original", () => {
  const fixture = grown();
  const { ledger } = fixture.run;
  const kinds = [...ledger.state.programmes.items()].map(([, [kind]]) => kind);
  expect(new Set(kinds)).toEqual(new Set(["roster", "segment", "user", "chore"]));
  const before = seen(fixture);
  const ends = [ledger, ...copiesOf(ledger, fixture.packed)].map((copy) => {
    fixture.run.ledger = copy;
    expect(seen(fixture)).toEqual(before);
    expect(copy.nextExpiryMs).toBe(ledger.nextExpiryMs);
    return copy;
  });
  const [first, ...others] = ends.map((copy) => {
    const again = grown();
    again.run.ledger = copy;
    again.pass(60);
    const header = [again.do(countUser(0)), again.do(createSegment("NEW", null))];
    return {
      lines: [...copy.stateLines(0)],
      header,
      seen: seen(again),
    };
  });
  for (const other of others) expect(other).toEqual(first);
  expect(first?.header).toMatchObject([{ number: 6 }, { generation: 5 }]);
});

function place(user: string): number {
  return drawPosition(lanesOf("A"), lanesOf(user));
}

test("a survey returns the histogram of the draw positions of unselected users, then the positions", () => {
  const fixture = new SegmentFixture();
  const users = Array.from({ length: 40 }, (_, i) => `u${i}`);
  for (const user of users) fixture.do(createUser(user));
  const pieceOf = (user: string) => Math.floor((place(user) * SURVEY_BUCKETS) / SPAN);
  const counted = (some: readonly string[]) =>
    Array.from(
      { length: SURVEY_BUCKETS },
      (_, piece) => some.filter((user) => pieceOf(user) === piece).length,
    );
  const survey = (after: number, cutoffs: readonly number[] | null) =>
    fixture.ask(askSurvey("A", after, cutoffs));
  expect(survey(0, null)).toEqual({ cutoff: 40, chosen: 0, pieces: counted(users) });
  expect(survey(3, [10])).toEqual({ cutoff: 10, chosen: 0, pieces: counted(users.slice(3, 10)) });
  expect(survey(0, [])).toEqual({ cutoff: 0, chosen: 0, pieces: counted([]) });
  const [some = ""] = users;
  const same = users.filter((user) => pieceOf(user) === pieceOf(some)).map(place);
  expect(fixture.ask(askPlaces("A", 0, [40], pieceOf(some)))).toEqual(same);
  expect(fixture.ask(askPlaces("A", 1, [40], pieceOf(some)))).toEqual(same.slice(1));
  expect(fixture.ask(askPlaces("A", 0, [], pieceOf(some)))).toEqual([]);
  const [lowest = 0] = users.map(place).toSorted((a, b) => a - b);
  fixture.do(createSegment("A", { percent: 2, threshold: lowest, cutoffs: [40] }));
  const others = users.filter((user) => place(user) !== lowest);
  expect(survey(0, null)).toEqual({ cutoff: 40, chosen: 1, pieces: counted(others) });
});

test("a survey scans at most 5000 users per answer", () => {
  const fixture = new SegmentFixture();
  const { programmes } = fixture.run.ledger.state;
  for (let i = 0; i < SURVEY_USERS_MAX + 2; i++)
    programmes.restore("segments", ["user", "acme", `u${i}`, 0, []]);
  const count = (after: number) =>
    fixture.ask(askSurvey("A", after, null)).pieces.reduce((sum, each) => sum + each, 0);
  expect([SURVEY_USERS_MAX, count(0), count(2), count(SURVEY_USERS_MAX)]).toEqual([5_000, 5_000, 5_000, 2]);
});
