/** The pure parts of segments: draw positions, membership changes in effects, and the shards of acts and queries. */
import { expect, test } from "vitest";
import {
  addUsers,
  askHolders,
  askMemberships,
  askPlaces,
  askReportSecret,
  askSegment,
  askSegmentParts,
  askSegments,
  askSurvey,
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
  type SegmentsActs,
} from "../../../src/actors/programmes/segments/acts.ts";
import {
  drawPosition,
  isSelected,
  lanesOf,
  roundOf,
  SPAN,
  shareOf,
} from "../../../src/actors/programmes/segments/draw.ts";
import { membershipChanges } from "../../../src/actors/programmes/segments/membership-history.ts";

const names = { programme: "segments" } as const;

test("draw positions never change, so that users keep their segments", () => {
  expect([lanesOf(""), lanesOf("VOICE"), lanesOf("user-1")]).toEqual([
    [233162409, 1260183244],
    [1651466863, -1420793952],
    [86018623, 972716349],
  ]);
  expect(drawPosition(lanesOf("VOICE"), lanesOf("user-1"))).toBe(2283334067986414);
  expect(drawPosition(lanesOf("A"), lanesOf("é"))).toBe(862284590202058);
});

test("a draw selects existing users by the threshold and later users by the percentage", () => {
  const round = roundOf({ percent: 25, threshold: 10, cutoffs: [1, 3] }, 1);
  expect(round).toEqual({ percent: 25, threshold: 10, upTo: 3 });
  expect(roundOf({ percent: 25, threshold: 10, cutoffs: [1] }, 1).upTo).toBe(0);
  expect([isSelected(10, 3, [round]), isSelected(11, 3, [round])]).toEqual([true, false]);
  expect([isSelected(SPAN / 4 - 1, 4, [round]), isSelected(SPAN / 4, 4, [round])]).toEqual([true, false]);
  expect(isSelected(11, 3, [round, { ...round, threshold: 11 }])).toBe(true);
  expect(isSelected(0, 1, [])).toBe(false);
});

test.each([
  [0, 50, 0],
  [1, 49, 0],
  [1, 50, 1],
  [3, 33, 1],
  [100, 1, 1],
  [12_000, 34, 4_080],
])("of %i users %i percent are %i", (count, percent, share) => {
  expect(shareOf(count, percent)).toBe(share);
});

const NO_CHANGES: readonly (readonly [SegmentsAct, SegmentsActs[keyof SegmentsActs]["effect"]])[] = [
  [createSegment("A", null), null],
  [raisePercent("A", 1, { percent: 1, threshold: 0, cutoffs: [] }), null],
  [deleteSegment("A"), null],
  [countUser(0), { number: 1 }],
  [requestReport(), { secret: "" }],
  [recordAnswer({ slug: "A", percent: null, members: 0, createdAtMs: 0 }), null],
];
const change = changeUser("u", { add: [], remove: [] });
const swept = { ...names, act: "sweep", subject: "", slug: "A", generation: 1, deletedAtMs: 3 } as const;
const filled = { ...names, act: "fill", subject: "", slug: "A", generation: 1 } as const;

/** `user slug operation time` of each change, of a record that was logged at 9. */
const CHANGES: readonly (readonly [
  SegmentsAct,
  SegmentsActs[keyof SegmentsActs]["effect"],
  readonly string[],
])[] = [
  ...NO_CHANGES.map(([act, effect]) => [act, effect, []] as const),
  [createUser("u"), { auto: ["A", "B"] }, ["u A I 9", "u B I 9"]],
  [
    change,
    {
      created: { auto: ["X"] },
      over: [
        ["A", 4],
        ["B", null],
      ],
      added: [["A", 20]],
      prolonged: [["C", 30]],
      removed: ["D"],
    },
    ["u X I 9", "u A D 4", "u B D 9", "u A I 9", "u D D 9"],
  ],
  [change, { created: null, over: [], added: [["A", null]], prolonged: [], removed: [] }, ["u A I 9"]],
  [
    addUsers("A", ["u", "v"], null, 0),
    { created: [["u", ["B"]]], over: [["v", 4]], added: ["u", "v"], prolonged: ["w"], endsAtMs: null },
    ["u B I 9", "v A D 4", "u A I 9", "v A I 9"],
  ],
  [filled, { upTo: 2, over: [["v", 4]], added: ["u"], prolonged: ["w"] }, ["v A D 4", "u A I 9"]],
  [swept, { upTo: 2, over: [["v", 2]], removed: ["u"] }, ["v A D 2", "u A D 3"]],
  [{ ...names, act: "expire", subject: "" }, { ended: [["u", "A", 1, 5]] }, ["u A D 5"]],
];

test.each(CHANGES.map(([act, effect, rows]) => [act.act, act, effect, rows] as const))(
  "%s: derives who entered and left, and when",
  (_, act, effect, rows) => {
    const changes = [...membershipChanges(act, effect, 9)];
    expect(changes.map(({ user, slug, operation, atMs }) => `${user} ${slug} ${operation} ${atMs}`)).toEqual(
      rows,
    );
  },
);

test("acts and queries go to the shard of the user or segment, lists to all shards", () => {
  const draw = { percent: 1, threshold: 0, cutoffs: [] };
  const [ofUser, ofSegment] = [
    { ...names, subject: "user:u" },
    { ...names, subject: "segment:A" },
  ];
  const ofAll = { ...names, subject: null };
  expect(createSegment("A", draw)).toEqual({ ...ofSegment, act: "create_segment", slug: "A", draw });
  expect(raisePercent("A", 2, draw)).toEqual({
    ...ofSegment,
    act: "raise_percent",
    slug: "A",
    generation: 2,
    draw,
  });
  expect(deleteSegment("A")).toEqual({ ...ofSegment, act: "delete_segment", slug: "A" });
  expect(countUser(2)).toEqual({ ...names, subject: "users", act: "count_user", skip: 2 });
  expect(createUser("u")).toEqual({ ...ofUser, act: "create_user", user: "u" });
  const more = { add: [["A", null]], remove: ["B"] } as const;
  expect(changeUser("u", more)).toEqual({ ...ofUser, act: "change_user", user: "u", ...more });
  expect(addUsers("A", ["u"], null, 5)).toEqual({
    ...ofSegment,
    act: "add_users",
    vnode: 5,
    slug: "A",
    users: ["u"],
    until: null,
  });
  expect(requestReport()).toEqual({ ...names, subject: "segment-reports", act: "request_report" });
  const view = { slug: "A", percent: null, members: 0, createdAtMs: 0 };
  expect(recordAnswer(view)).toEqual({ ...ofSegment, act: "record_answer", view });
  expect(askSegment("A")).toEqual({ ...ofAll, ask: ["segment", "A"] });
  expect(askSegments([1, null])).toEqual({ ...ofAll, ask: ["segments", 1, null] });
  expect(askSegmentParts(["A"])).toEqual({ ...ofAll, ask: ["parts", ["A"]] });
  expect(askUser("u")).toEqual({ ...ofUser, ask: ["user", "u"] });
  expect(askUsers([1, null])).toEqual({ ...ofAll, ask: ["users", 1, null] });
  expect(askMemberships("u")).toEqual({ ...ofUser, ask: ["memberships", "u"] });
  expect(askHolders("A")([1, null])).toEqual({ ...ofAll, ask: ["holders", "A", 1, null] });
  expect(askSurvey("A", 3, null)).toEqual({ ...ofAll, ask: ["survey", "A", 3, null, "others"] });
  expect(askPlaces("A", 3, [4], 5)).toEqual({ ...ofAll, ask: ["places", "A", 3, [4], 5, "others"] });
  expect(askReportSecret()).toEqual({ ...names, subject: "segment-reports", ask: ["secret"] });
});
