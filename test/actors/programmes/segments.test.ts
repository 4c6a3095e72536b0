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

import { ALL, asked, everyone, PARTNER, Staff } from "./segment-staff.ts";

describe("a segment", () => {
  test("is created, raised and deleted, and each change is broadcast to all shards", () => {
    const ledger = new Ledger(0, 3);
    const nowMs = 7;
    const decide = (act: SegmentsAct) => {
      const command = { op: "act", ...asked, act } as const;
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
    const staff = new Staff();
    staff.do(createSegment("A", null));
    staff.do(createSegment("B", { ...everyone(0), percent: 1 }));
    staff.pass(2);
    for (const user of ["u1", "u2"]) staff.add(user, "A");
    const part = { percent: null, createdAtMs: staff.run.nowMs - 2, isCurrent: true, isFilled: true };
    expect(staff.ask(askSegment("A"))).toEqual({ generation: 1, members: 2, ...part });
    expect(staff.ask(askSegmentParts(["B", "none"]))).toMatchObject([{ generation: 2, percent: 1 }, null]);
    expect(staff.ask(askSegments(ALL)).rows.map(([, row]) => row)).toEqual([
      { slug: "B", generation: 2, percent: 1, createdAtMs: part.createdAtMs },
      { slug: "A", generation: 1, percent: null, createdAtMs: part.createdAtMs },
    ]);
    staff.do(deleteSegment("A"));
    expect(staff.ask(askSegment("A"))).toBeNull();
    expect([staff.held("u1"), staff.ask(askHolders("A")(ALL)).rows]).toEqual([[], []]);
    expect(staff.add("u1", "A")).toEqual(["segment_not_found", "A"]);
    staff.do(createSegment("A", null));
    expect(staff.ask(askSegment("A"))).toMatchObject({ generation: 3, members: 0 });
    expect(staff.held("u1")).toEqual([]);
    staff.pass(9);
    expect(staff.done("sweep").map(({ effect }) => effect)).toEqual([
      { upTo: 2, over: [], removed: ["u1", "u2"] },
    ]);
    staff.add("u1", "A");
    expect(staff.ask(askHolders("A")(ALL)).rows.map(([, row]) => row)).toEqual([
      { id: "u1", endsAtMs: null, source: "manual" },
    ]);
  });

  test("is one of at most 5000, of which at most 200 have a percentage", () => {
    const staff = new Staff();
    const { programmes } = staff.run.ledger.state;
    const rounds = [{ percent: 1, threshold: 0, upTo: 0 }];
    for (let i = 1; i <= 4_999; i++)
      programmes.restore("segments", ["segment", PARTNER, i, `S${i}`, 1, 0, null, i < 200 ? rounds : []]);
    expect(staff.do(raisePercent("S300", 1, everyone(0)))).toMatchObject({ news: "raised" });
    expect(staff.do(raisePercent("S301", 1, everyone(0)))).toEqual(["too_many_segments", "S301"]);
    expect(staff.do(raisePercent("S1", 1, everyone(0)))).toMatchObject({ news: "raised" });
    expect(staff.do(createSegment("NEW", everyone(0)))).toEqual(["too_many_segments", "NEW"]);
    expect(staff.do(createSegment("NEW", null))).toMatchObject({ news: "created" });
    expect(staff.do(createSegment("MORE", null))).toEqual(["too_many_segments", "MORE"]);
  });
});

describe("a membership", () => {
  test("ends at the millisecond of its expiry, also for reads before the expiry is logged", () => {
    const staff = new Staff();
    staff.do(createSegment("A", null));
    const endsAtMs = staff.run.nowMs + 50;
    expect(staff.add("u", "A", ["after", 50])).toEqual({
      created: { auto: [] },
      over: [],
      added: [["A", endsAtMs]],
      prolonged: [],
      removed: [],
      held: [{ slug: "A", endsAtMs, source: "manual" }],
    });
    const { programmes } = staff.run.ledger.state;
    const at = (nowMs: number) => [
      programmes.answer("segments", PARTNER, askMemberships("u").ask, nowMs),
      (programmes.answer("segments", PARTNER, askHolders("A")(ALL).ask, nowMs) as { rows: JsonValue[] }).rows
        .length,
      programmes.answer("segments", PARTNER, askSegment("A").ask, nowMs),
    ];
    expect(at(endsAtMs - 1)).toMatchObject([[{ slug: "A" }], 1, { members: 1, isCurrent: true }]);
    expect(at(endsAtMs)).toMatchObject([[], 0, { members: 1, isCurrent: false }]);
    expect(staff.run.ledger.nextEndMs).toBe(endsAtMs);
    staff.run.nowMs = endsAtMs;
    expect(staff.ask(askSegment("A"))).toMatchObject({ members: 0, isCurrent: true });
    expect(staff.done("expire")).toMatchObject([
      { effect: { ended: [["u", "A", 1, endsAtMs]] }, timeMs: endsAtMs },
    ]);
    expect(staff.run.ledger.nextEndMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("is prolonged but never shortened, and can be added again after removal or expiry", () => {
    const staff = new Staff();
    const now = staff.run.nowMs;
    staff.do(createSegment("A", null));
    staff.add("u", "A", ["at", now + 50]);
    expect(staff.add("u", "A", ["at", now + 40])).toMatchObject({ added: [], prolonged: [], created: null });
    expect(staff.add("u", "A", ["at", now + 50])).toMatchObject({ added: [], prolonged: [] });
    expect(staff.held("u")).toEqual([["A", now + 50, "manual"]]);
    expect(staff.add("u", "A", ["at", now + 51])).toMatchObject({ added: [], prolonged: [["A", now + 51]] });
    expect(staff.add("u", "A")).toMatchObject({ prolonged: [["A", null]] });
    expect(staff.add("u", "A", ["after", 9])).toMatchObject({ added: [], prolonged: [] });
    expect(staff.remove("u", "A")).toMatchObject({ removed: ["A"], held: [] });
    expect(staff.remove("u", "A")).toMatchObject({ removed: [] });
    expect(staff.add("u", "A", ["after", 9])).toMatchObject({ added: [["A", now + 9]] });
    // Decided after the expiry but before it is logged, as happens when many memberships expire at once.
    const { programmes } = staff.run.ledger.state;
    const again = changeUser("u", { add: [["A", null]], remove: [] });
    const decided = programmes.decide(again, { partner: PARTNER, nowMs: now + 9, amount: 0 });
    expect(decided).toMatchObject({
      effect: { over: [["A", now + 9]], added: [["A", null]], prolonged: [] },
    });
    expect(staff.remove("u", "none")).toEqual(["segment_not_found", "none"]);
  });

  test("is added before it is removed if one act does both", () => {
    const staff = new Staff();
    for (const slug of ["A", "B"]) staff.do(createSegment(slug, null));
    const both = changeUser("u", {
      add: [
        ["A", null],
        ["B", ["after", 5]],
      ],
      remove: ["A"],
    });
    expect(staff.do(both)).toMatchObject({
      added: [
        ["A", null],
        ["B", staff.run.nowMs + 5],
      ],
      removed: ["A"],
    });
    expect(staff.held("u")).toEqual([["B", staff.run.nowMs + 5, "manual"]]);
  });

  test("expires in portions of 500, one millisecond apart", () => {
    const staff = new Staff();
    staff.do(createSegment("A", null));
    const users = Array.from({ length: 501 }, (_, i) => `u${i}`);
    staff.do(addUsers("A", users, ["after", 5], 0));
    const endsAtMs = staff.run.nowMs + 5;
    staff.pass(5);
    expect(staff.ask(askSegment("A"))).toMatchObject({ members: 1, isCurrent: false });
    staff.pass(1);
    const ended = staff
      .done("expire")
      .map(({ effect, timeMs }) => [(effect as { ended: [] }).ended.length, timeMs]);
    expect(ended).toEqual([
      [500, endsAtMs],
      [1, endsAtMs + 1],
    ]);
    expect(staff.ask(askSegment("A"))).toMatchObject({ members: 0, isCurrent: true });
  });

  test("ends no later than the deletion of its segment", () => {
    const staff = new Staff();
    staff.do(createSegment("A", null));
    const now = staff.run.nowMs;
    staff.add("early", "A", ["after", 2]);
    staff.add("late", "A", ["after", 90]);
    staff.pass(5);
    staff.do(deleteSegment("A"));
    staff.pass(9);
    expect(staff.done("expire")).toMatchObject([{ effect: { ended: [["early", "A", 1, now + 2]] } }]);
    expect(staff.done("sweep")).toMatchObject([
      { act: { deletedAtMs: now + 5, generation: 1, slug: "A" }, effect: { removed: ["late"] } },
    ]);
    staff.pass(90);
    expect(staff.done("expire")).toHaveLength(1);
  });
});

describe("users", () => {
  test("are created once, numbered, and listed newest first", () => {
    const staff = new Staff();
    expect(staff.do(countUser(0))).toEqual({ number: 1 });
    expect(staff.do(countUser(3))).toEqual({ number: 5 });
    expect(staff.do(countUser(0))).toEqual({ number: 6 });
    expect(staff.do(createUser("u1"))).toEqual({ auto: [] });
    expect(staff.do(createUser("u1"))).toEqual(["user_exists", "u1"]);
    staff.pass(1);
    staff.do(createUser("u2"));
    const { nowMs } = staff.run;
    expect(staff.ask(askUser("u1"))).toEqual({ id: "u1", createdAtMs: nowMs - 1 });
    expect(staff.ask(askUser("none"))).toBeNull();
    expect(staff.ask(askUsers(ALL)).rows).toEqual([
      [[nowMs, 0, 2], { id: "u2", createdAtMs: nowMs }],
      [[nowMs - 1, 0, 1], { id: "u1", createdAtMs: nowMs - 1 }],
    ]);
  });

  test("are added in bulk once each, with the same effect as one by one", () => {
    const staff = new Staff();
    staff.do(createSegment("A", null));
    staff.do(createSegment("AUTO", { percent: 100, threshold: 0, cutoffs: [0] }));
    const now = staff.run.nowMs;
    staff.do(createUser("held"));
    staff.add("held", "A", ["after", 5]);
    staff.add("gone", "A");
    staff.remove("gone", "A");
    expect(staff.do(addUsers("A", ["held", "new", "gone", "new"], ["after", 9], 0))).toEqual({
      created: [["new", ["AUTO"]]],
      over: [],
      added: ["new", "gone"],
      prolonged: ["held"],
      endsAtMs: now + 9,
    });
    expect(staff.held("new")).toEqual([
      ["AUTO", null, "auto"],
      ["A", now + 9, "manual"],
    ]);
    expect(staff.held("held")).toContainEqual(["A", now + 9, "manual"]);
    expect(staff.do(addUsers("AUTO", ["other"], null, 0))).toMatchObject({ added: [], prolonged: [] });
    expect(staff.do(addUsers("none", ["new"], null, 0))).toEqual(["segment_not_found", "none"]);
  });

  test("selected by a percentage get the segment at creation, or from a fill one millisecond after the draw", () => {
    const staff = new Staff();
    for (const user of ["u1", "u2", "u3"]) staff.do(createUser(user));
    staff.do(createSegment("A", null));
    staff.add("u2", "A", ["after", 500]);
    staff.add("u3", "A");
    staff.remove("u3", "A");
    staff.do(raisePercent("A", 1, everyone(3)));
    expect(staff.ask(askSegment("A"))).toMatchObject({ isFilled: false, members: 1, percent: 100 });
    expect(staff.do(createUser("u4"))).toEqual({ auto: ["A"] });
    expect(staff.run.ledger.nextEndMs).toBe(staff.run.nowMs + 1);
    staff.pass(1);
    expect(staff.done("fill")).toMatchObject([
      { act: { slug: "A", generation: 1 }, effect: { upTo: 3, over: [], added: ["u1"], prolonged: ["u2"] } },
    ]);
    expect(staff.ask(askSegment("A"))).toMatchObject({ isFilled: true, members: 3 });
    expect([staff.held("u1"), staff.held("u2"), staff.held("u3")]).toEqual([
      [["A", null, "auto"]],
      [["A", null, "auto"]],
      [],
    ]);
  });

  test("are scanned 2500 and filled 1000 per portion, one millisecond apart; swept 200 per portion", () => {
    const staff = new Staff();
    staff.do(createSegment("ALL", null));
    const users = Array.from({ length: 2_600 }, (_, i) => `u${i}`);
    staff.do(addUsers("ALL", users, null, 0));
    const now = staff.run.nowMs;
    staff.do(createSegment("NOBODY", { percent: 1, threshold: -1, cutoffs: [2_600] }));
    staff.pass(4);
    const progress = (act: "fill" | "sweep") =>
      staff.done(act).map(({ effect, timeMs }) => [(effect as { upTo: number }).upTo, timeMs - now]);
    expect(progress("fill")).toEqual([
      [2_500, 1],
      [2_600, 2],
    ]);
    staff.do(createSegment("MOST", everyone(2_600)));
    staff.pass(5);
    expect(progress("fill").slice(2)).toEqual([
      [1_000, 5],
      [2_000, 6],
      [2_600, 7],
    ]);
    staff.do(deleteSegment("MOST"));
    staff.pass(60);
    expect(progress("sweep").slice(0, 3)).toEqual([
      [200, 10],
      [400, 14],
      [600, 18],
    ]);
    expect(progress("sweep")).toHaveLength(13);
  });
});

test("reports are signed with one secret, which the first report creates", () => {
  const staff = new Staff();
  expect(staff.ask(askReportSecret())).toBeNull();
  const drawn = Array.from({ length: 32 }, (_, i) => (8 * i).toString(16).padStart(2, "0")).join("");
  const secret = `reports of segments of acme: ${drawn}`;
  expect(staff.do(requestReport())).toEqual({ secret });
  expect(staff.do(requestReport())).toBeNull();
  expect(staff.ask(askReportSecret())).toBe(secret);
});

test("a recorded answer changes nothing", () => {
  const staff = new Staff();
  staff.do(createSegment("A", null));
  const lines = [...staff.run.ledger.lines(0)];
  expect(staff.do(recordAnswer({ slug: "A", percent: null, members: 0, createdAtMs: 0 }))).toBeNull();
  expect([...staff.run.ledger.lines(0)]).toEqual(lines);
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
  const staff = new Staff();
  staff.do(createSegment("A", null));
  staff.do(addUsers("A", ["u1", "u2"], ["after", 5], 0));
  staff.pass(5);
  const histories = staff.log.map(({ act, effect }) => historiesOf(act, effect));
  const both = ["segments", "segments\0u1", "segments\0u2"];
  expect(histories).toEqual([["segments"], both, both]);
});
