/** Segments on one ledger: the effect of each act, the expiry of memberships, and the size of portions. */
import { describe, expect, test } from "vitest";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { historiesOf, timeFaultOf } from "../../../src/actors/programmes/programmes.ts";
import {
  addUsers,
  askHolders,
  askMemberships,
  askReportSecret,
  askSegment,
  askSegmentParts,
  askSegments,
  askUser,
  askUsers,
  changeUser,
  countUser,
  createSegment,
  createUser,
  deleteSegment,
  raisePercent,
  recordAnswer,
  requestReport,
  type SegmentsAct,
} from "../../../src/actors/programmes/segments/acts.ts";
import type { JsonValue } from "../../../src/actors/records/act.ts";

import { ALL, everyone, header, PARTNER, SegmentFixture } from "./segment-fixture.ts";

describe("a segment", () => {
  test("is created, raised and deleted, and each change is broadcast to all shards", () => {
    const ledger = new Ledger(0, 3);
    const nowMs = 7;
    const decide = (act: SegmentsAct) => {
      const command = { op: "act", ...header, act } as const;
      const outcome = ledger.decide(command, nowMs, () => "");
      ledger.apply(command, outcome, { epoch: 1, seq: 1, index: 0, timeMs: nowMs }, 0);
      return outcome;
    };
    const draw = { percent: 5, threshold: 9, cutoffs: [0, 0, 0] };
    const made = { news: "created", slug: "S4", generation: 1, createdAtMs: 7, draw: null };
    expect(decide(createSegment("S4", null))).toMatchObject({ effect: made, notice: made });
    expect(decide(createSegment("S4", null))).toEqual({ ok: false, code: "segment_exists", subject: "S4" });
    const raised = { news: "raised", slug: "S4", generation: 1, draw };
    expect(decide(raisePercent("S4", 1, draw))).toMatchObject({ effect: raised, notice: raised });
    expect(decide(raisePercent("S4", 1, draw))).toEqual({ ok: true, effect: null });
    const lower = { ...draw, percent: 4 };
    expect(decide(raisePercent("S4", 1, lower))).toMatchObject({ code: "percent_lowered", subject: "S4" });
    expect(decide(raisePercent("S4", 2, draw))).toMatchObject({ code: "segment_not_found", subject: "S4" });
    const deleted = { news: "deleted", slug: "S4", generation: 1, atMs: 7 };
    expect(decide(deleteSegment("S4"))).toMatchObject({ effect: deleted, notice: deleted });
    expect(decide(deleteSegment("S4"))).toMatchObject({ code: "segment_not_found", subject: "S4" });
  });

  test("shows its members, and gets a new generation when its slug is used again", () => {
    const fixture = new SegmentFixture();
    fixture.do(createSegment("A", null));
    fixture.do(createSegment("B", { ...everyone(0), percent: 1 }));
    fixture.pass(2);
    for (const user of ["u1", "u2"]) fixture.add(user, "A");
    const part = { percent: null, createdAtMs: fixture.run.nowMs - 2, isCurrent: true, isFilled: true };
    expect(fixture.ask(askSegment("A"))).toEqual({ generation: 1, members: 2, ...part });
    expect(fixture.ask(askSegmentParts(["B", "none"]))).toMatchObject([{ generation: 2, percent: 1 }, null]);
    expect(fixture.ask(askSegments(ALL)).rows.map(([, row]) => row)).toEqual([
      { slug: "B", generation: 2, percent: 1, createdAtMs: part.createdAtMs },
      { slug: "A", generation: 1, percent: null, createdAtMs: part.createdAtMs },
    ]);
    fixture.do(deleteSegment("A"));
    expect(fixture.ask(askSegment("A"))).toBeNull();
    expect([fixture.held("u1"), fixture.ask(askHolders("A")(ALL)).rows]).toEqual([[], []]);
    expect(fixture.add("u1", "A")).toEqual(["segment_not_found", "A"]);
    fixture.do(createSegment("A", null));
    expect(fixture.ask(askSegment("A"))).toMatchObject({ generation: 3, members: 0 });
    expect(fixture.held("u1")).toEqual([]);
    fixture.pass(9);
    expect(fixture.done("sweep").map(({ effect }) => effect)).toEqual([
      { upTo: 2, over: [], removed: ["u1", "u2"] },
    ]);
    fixture.add("u1", "A");
    expect(fixture.ask(askHolders("A")(ALL)).rows.map(([, row]) => row)).toEqual([
      { id: "u1", endsAtMs: null, source: "manual" },
    ]);
  });

  test("is one of at most 5000, of which at most 200 have a percentage", () => {
    const fixture = new SegmentFixture();
    const { programmes } = fixture.run.ledger.state;
    const rounds = [{ percent: 1, threshold: 0, upTo: 0 }];
    for (let i = 1; i <= 4_999; i++)
      programmes.restore("segments", ["segment", PARTNER, i, `S${i}`, 1, 0, null, i < 200 ? rounds : []]);
    expect(fixture.do(raisePercent("S300", 1, everyone(0)))).toMatchObject({ news: "raised" });
    expect(fixture.do(raisePercent("S301", 1, everyone(0)))).toEqual(["too_many_segments", "S301"]);
    expect(fixture.do(raisePercent("S1", 1, everyone(0)))).toMatchObject({ news: "raised" });
    expect(fixture.do(createSegment("NEW", everyone(0)))).toEqual(["too_many_segments", "NEW"]);
    expect(fixture.do(createSegment("NEW", null))).toMatchObject({ news: "created" });
    expect(fixture.do(createSegment("MORE", null))).toEqual(["too_many_segments", "MORE"]);
  });
});

describe("a membership", () => {
  test("ends at the millisecond of its expiry, also for reads before the expiry is logged", () => {
    const fixture = new SegmentFixture();
    fixture.do(createSegment("A", null));
    const endsAtMs = fixture.run.nowMs + 50;
    expect(fixture.add("u", "A", ["after", 50])).toEqual({
      created: { auto: [] },
      over: [],
      added: [["A", endsAtMs]],
      prolonged: [],
      removed: [],
      held: [{ slug: "A", endsAtMs, source: "manual" }],
    });
    const { programmes } = fixture.run.ledger.state;
    const at = (nowMs: number) => [
      programmes.answer("segments", PARTNER, askMemberships("u").ask, nowMs),
      (programmes.answer("segments", PARTNER, askHolders("A")(ALL).ask, nowMs) as { rows: JsonValue[] }).rows
        .length,
      programmes.answer("segments", PARTNER, askSegment("A").ask, nowMs),
    ];
    expect(at(endsAtMs - 1)).toMatchObject([[{ slug: "A" }], 1, { members: 1, isCurrent: true }]);
    expect(at(endsAtMs)).toMatchObject([[], 0, { members: 1, isCurrent: false }]);
    expect(fixture.run.ledger.nextExpiryMs).toBe(endsAtMs);
    fixture.run.nowMs = endsAtMs;
    expect(fixture.ask(askSegment("A"))).toMatchObject({ members: 0, isCurrent: true });
    expect(fixture.done("expire")).toMatchObject([
      { effect: { ended: [["u", "A", 1, endsAtMs]] }, timeMs: endsAtMs },
    ]);
    expect(fixture.run.ledger.nextExpiryMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("is prolonged but never shortened, and can be added again after removal or expiry", () => {
    const fixture = new SegmentFixture();
    const now = fixture.run.nowMs;
    fixture.do(createSegment("A", null));
    fixture.add("u", "A", ["at", now + 50]);
    expect(fixture.add("u", "A", ["at", now + 40])).toMatchObject({
      added: [],
      prolonged: [],
      created: null,
    });
    expect(fixture.add("u", "A", ["at", now + 50])).toMatchObject({ added: [], prolonged: [] });
    expect(fixture.held("u")).toEqual([["A", now + 50, "manual"]]);
    expect(fixture.add("u", "A", ["at", now + 51])).toMatchObject({
      added: [],
      prolonged: [["A", now + 51]],
    });
    expect(fixture.add("u", "A")).toMatchObject({ prolonged: [["A", null]] });
    expect(fixture.add("u", "A", ["after", 9])).toMatchObject({ added: [], prolonged: [] });
    expect(fixture.remove("u", "A")).toMatchObject({ removed: ["A"], held: [] });
    expect(fixture.remove("u", "A")).toMatchObject({ removed: [] });
    expect(fixture.add("u", "A", ["after", 9])).toMatchObject({ added: [["A", now + 9]] });
    // Decided after the expiry but before it is logged, as happens when many memberships expire at once.
    const { programmes } = fixture.run.ledger.state;
    const again = changeUser("u", { add: [["A", null]], remove: [] });
    const decided = programmes.decide(again, { partner: PARTNER, nowMs: now + 9, amount: 0 });
    expect(decided).toMatchObject({
      effect: { over: [["A", now + 9]], added: [["A", null]], prolonged: [] },
    });
    expect(fixture.remove("u", "none")).toEqual(["segment_not_found", "none"]);
  });

  test("is added before it is removed if one act does both", () => {
    const fixture = new SegmentFixture();
    for (const slug of ["A", "B"]) fixture.do(createSegment(slug, null));
    const both = changeUser("u", {
      add: [
        ["A", null],
        ["B", ["after", 5]],
      ],
      remove: ["A"],
    });
    expect(fixture.do(both)).toMatchObject({
      added: [
        ["A", null],
        ["B", fixture.run.nowMs + 5],
      ],
      removed: ["A"],
    });
    expect(fixture.held("u")).toEqual([["B", fixture.run.nowMs + 5, "manual"]]);
  });

  test("expires in portions of 500, one millisecond apart", () => {
    const fixture = new SegmentFixture();
    fixture.do(createSegment("A", null));
    const users = Array.from({ length: 501 }, (_, i) => `u${i}`);
    fixture.do(addUsers("A", users, ["after", 5], 0));
    const endsAtMs = fixture.run.nowMs + 5;
    fixture.pass(5);
    expect(fixture.ask(askSegment("A"))).toMatchObject({ members: 1, isCurrent: false });
    fixture.pass(1);
    const ended = fixture
      .done("expire")
      .map(({ effect, timeMs }) => [(effect as { ended: [] }).ended.length, timeMs]);
    expect(ended).toEqual([
      [500, endsAtMs],
      [1, endsAtMs + 1],
    ]);
    expect(fixture.ask(askSegment("A"))).toMatchObject({ members: 0, isCurrent: true });
  });

  test("ends no later than the deletion of its segment", () => {
    const fixture = new SegmentFixture();
    fixture.do(createSegment("A", null));
    const now = fixture.run.nowMs;
    fixture.add("early", "A", ["after", 2]);
    fixture.add("late", "A", ["after", 90]);
    fixture.pass(5);
    fixture.do(deleteSegment("A"));
    fixture.pass(9);
    expect(fixture.done("expire")).toMatchObject([{ effect: { ended: [["early", "A", 1, now + 2]] } }]);
    expect(fixture.done("sweep")).toMatchObject([
      { act: { deletedAtMs: now + 5, generation: 1, slug: "A" }, effect: { removed: ["late"] } },
    ]);
    fixture.pass(90);
    expect(fixture.done("expire")).toHaveLength(1);
  });
});

describe("users", () => {
  test("are created once, numbered, and listed newest first", () => {
    const fixture = new SegmentFixture();
    expect(fixture.do(countUser(0))).toEqual({ number: 1 });
    expect(fixture.do(countUser(3))).toEqual({ number: 5 });
    expect(fixture.do(countUser(0))).toEqual({ number: 6 });
    expect(fixture.do(createUser("u1"))).toEqual({ auto: [] });
    expect(fixture.do(createUser("u1"))).toEqual(["user_exists", "u1"]);
    fixture.pass(1);
    fixture.do(createUser("u2"));
    const { nowMs } = fixture.run;
    expect(fixture.ask(askUser("u1"))).toEqual({ id: "u1", createdAtMs: nowMs - 1 });
    expect(fixture.ask(askUser("none"))).toBeNull();
    expect(fixture.ask(askUsers(ALL)).rows).toEqual([
      [[nowMs, 0, 2], { id: "u2", createdAtMs: nowMs }],
      [[nowMs - 1, 0, 1], { id: "u1", createdAtMs: nowMs - 1 }],
    ]);
  });

  test("are added in bulk once each, with the same effect as one by one", () => {
    const fixture = new SegmentFixture();
    fixture.do(createSegment("A", null));
    fixture.do(createSegment("AUTO", { percent: 100, threshold: 0, cutoffs: [0] }));
    const now = fixture.run.nowMs;
    fixture.do(createUser("held"));
    fixture.add("held", "A", ["after", 5]);
    fixture.add("gone", "A");
    fixture.remove("gone", "A");
    expect(fixture.do(addUsers("A", ["held", "new", "gone", "new"], ["after", 9], 0))).toEqual({
      created: [["new", ["AUTO"]]],
      over: [],
      added: ["new", "gone"],
      prolonged: ["held"],
      endsAtMs: now + 9,
    });
    expect(fixture.held("new")).toEqual([
      ["AUTO", null, "auto"],
      ["A", now + 9, "manual"],
    ]);
    expect(fixture.held("held")).toContainEqual(["A", now + 9, "manual"]);
    expect(fixture.do(addUsers("AUTO", ["other"], null, 0))).toMatchObject({ added: [], prolonged: [] });
    expect(fixture.do(addUsers("none", ["new"], null, 0))).toEqual(["segment_not_found", "none"]);
  });

  test("selected by a percentage get the segment at creation, or from a fill one millisecond after the draw", () => {
    const fixture = new SegmentFixture();
    for (const user of ["u1", "u2", "u3"]) fixture.do(createUser(user));
    fixture.do(createSegment("A", null));
    fixture.add("u2", "A", ["after", 500]);
    fixture.add("u3", "A");
    fixture.remove("u3", "A");
    fixture.do(raisePercent("A", 1, everyone(3)));
    expect(fixture.ask(askSegment("A"))).toMatchObject({ isFilled: false, members: 1, percent: 100 });
    expect(fixture.do(createUser("u4"))).toEqual({ auto: ["A"] });
    expect(fixture.run.ledger.nextExpiryMs).toBe(fixture.run.nowMs + 1);
    fixture.pass(1);
    expect(fixture.done("fill")).toMatchObject([
      { act: { slug: "A", generation: 1 }, effect: { upTo: 3, over: [], added: ["u1"], prolonged: ["u2"] } },
    ]);
    expect(fixture.ask(askSegment("A"))).toMatchObject({ isFilled: true, members: 3 });
    expect([fixture.held("u1"), fixture.held("u2"), fixture.held("u3")]).toEqual([
      [["A", null, "auto"]],
      [["A", null, "auto"]],
      [],
    ]);
  });

  test("are scanned 2500 and filled 1000 per portion, one millisecond apart; swept 200 per portion", () => {
    const fixture = new SegmentFixture();
    fixture.do(createSegment("ALL", null));
    const users = Array.from({ length: 2_600 }, (_, i) => `u${i}`);
    fixture.do(addUsers("ALL", users, null, 0));
    const now = fixture.run.nowMs;
    fixture.do(createSegment("NOBODY", { percent: 1, threshold: -1, cutoffs: [2_600] }));
    fixture.pass(4);
    const progress = (act: "fill" | "sweep") =>
      fixture.done(act).map(({ effect, timeMs }) => [(effect as { upTo: number }).upTo, timeMs - now]);
    expect(progress("fill")).toEqual([
      [2_500, 1],
      [2_600, 2],
    ]);
    fixture.do(createSegment("MOST", everyone(2_600)));
    fixture.pass(5);
    expect(progress("fill").slice(2)).toEqual([
      [1_000, 5],
      [2_000, 6],
      [2_600, 7],
    ]);
    fixture.do(deleteSegment("MOST"));
    fixture.pass(60);
    expect(progress("sweep").slice(0, 3)).toEqual([
      [200, 10],
      [400, 14],
      [600, 18],
    ]);
    expect(progress("sweep")).toHaveLength(13);
  });
});

test("reports are signed with one secret, which the first report creates", () => {
  const fixture = new SegmentFixture();
  expect(fixture.ask(askReportSecret())).toBeNull();
  const drawn = Array.from({ length: 32 }, (_, i) => (8 * i).toString(16).padStart(2, "0")).join("");
  const secret = `reports of segments of acme: ${drawn}`;
  expect(fixture.do(requestReport())).toEqual({ secret });
  expect(fixture.do(requestReport())).toBeNull();
  expect(fixture.ask(askReportSecret())).toBe(secret);
});

test("a recorded answer changes nothing", () => {
  const fixture = new SegmentFixture();
  fixture.do(createSegment("A", null));
  const lines = [...fixture.run.ledger.stateLines(0)];
  expect(fixture.do(recordAnswer({ slug: "A", percent: null, members: 0, createdAtMs: 0 }))).toBeNull();
  expect([...fixture.run.ledger.stateLines(0)]).toEqual(lines);
});

test("a given expiry must be in the future", () => {
  const act = changeUser("u", {
    add: [
      ["A", null],
      ["B", ["after", 1]],
      ["C", ["at", 9]],
    ],
    remove: [],
  });
  expect(timeFaultOf(act, 8)).toBeUndefined();
  expect(timeFaultOf(act, 9)).toEqual({ path: "add.2.expires_at", message: "must be in the future" });
  expect(timeFaultOf(addUsers("A", ["u"], ["at", 9], 0), 9)).toBeUndefined();
});

test("an act is part of the history of the users whose memberships it changes", () => {
  const fixture = new SegmentFixture();
  fixture.do(createSegment("A", null));
  fixture.do(addUsers("A", ["u1", "u2"], ["after", 5], 0));
  fixture.pass(5);
  const histories = fixture.log.map(({ act, effect }) => historiesOf(act, effect));
  const both = ["segments", "segments\0u1", "segments\0u2"];
  expect(histories).toEqual([["segments"], both, both]);
});
