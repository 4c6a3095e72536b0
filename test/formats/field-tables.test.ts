/** The tables in docs/WAL_FORMAT.md, the declared layouts and the bytes agree. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ACCOUNT_VALUES, openAccount } from "../../src/actors/ledger/account.ts";
import { copiesOf, SLICE_VALUES } from "../../src/actors/ledger/image.ts";
import { KIND } from "../../src/actors/ledger/image-items.ts";
import { BodyWriter, packCommand } from "../../src/actors/records/codec.ts";
import {
  type AccountView,
  type Command,
  type Credit,
  type Recorded,
  reject,
  type Transfer,
} from "../../src/actors/records/command.ts";
import type {
  CompoundTransfer,
  PostTransfer,
  TransferChanged,
  TransferView,
  VoidTransfer,
} from "../../src/actors/records/compound-command.ts";
import { PACKED_COMMANDS } from "../../src/actors/records/flat-commands.ts";
import { PACKED_OUTCOMES } from "../../src/actors/records/flat-outcomes.ts";
import { PACKED_PARTS, PURPOSES, STATUSES } from "../../src/actors/records/flat-parts.ts";
import { decode } from "../../src/actors/records/pack.ts";
import { PACKED } from "../../src/actors/records/plain-records.ts";
import { OPS, TRANSFER_SENT_OP } from "../../src/actors/records/record-kinds.ts";
import { REJECTIONS } from "../../src/actors/records/rejection.ts";

const DOCUMENT = readFileSync("docs/WAL_FORMAT.md", "utf8");

/** The names in the first code span of the row that begins with these cells. */
function namesInRow(...cells: readonly string[]): readonly string[] {
  const start = `| ${cells.join(" | ")} | `;
  const row = DOCUMENT.split("\n").find((line) => line.startsWith(start)) ?? "";
  return /`([^`]+)`/.exec(row.slice(start.length))?.[1]?.split(", ") ?? [];
}

const act = { programme: "loyalty", act: "accrual", subject: "alice/points" };
const header = { partner: "acme", key: "k", fingerprint: 11 };
const details = { memo: "m", metadata: "{}", occurredAtMs: 12 };
const posting = { debit: "a", credit: "b", amount: 13 };
const transfer: Transfer = { op: "transfer", ...header, ...posting, ...details, vnode: 14, act };
const credit: Credit = {
  op: "credit",
  ...header,
  ...posting,
  ...details,
  id: "tr_1",
  createdAtMs: 15,
  from: 16,
  no: 17,
};
const crossed = [
  { monitor: "mon_1", account: "a", field: "posted", when: "above", value: 1, balance: 21 },
] as const;
const debited = {
  ok: true,
  id: "tr_1",
  debitPosted: 21,
  debitHeld: 22,
  debitSeq: 23,
  effect: 29,
  crossed,
} as const;
const posted = { ...debited, creditPosted: 24, creditHeld: 25, creditSeq: 26 };
const sent = { ...debited, to: 27, no: 28 };
const credited = { ok: true, posted: 31, held: 32, seq: 33, crossed } as const;

/** The record as a general decoder sees it. */
function unpacked(command: Command, outcome: Recorded): unknown {
  const packed = packCommand(command);
  const body = new BodyWriter();
  body.add(packed, 0, packed.length, command, outcome);
  const [record] = decode(body.take()) as unknown[];
  return record;
}

/** The values of these names, in order; an accepted outcome has the rejection 0. */
function valuesOf(names: readonly string[], of: object): readonly unknown[] {
  const values: Readonly<Record<string, unknown>> = { rejection: 0, ...of };
  return names.map((name) => values[name]);
}

test("the document lists the values of every packed array", () => {
  expect(DOCUMENT).toContain(`\`[${PACKED.record.join(", ")}]\``);
  const { record: _, ...plain } = PACKED;
  const arrays = { ...plain, ...PACKED_COMMANDS, ...PACKED_OUTCOMES, ...PACKED_PARTS };
  for (const [array, names] of Object.entries(arrays)) expect(namesInRow(array), array).toEqual(names);
});

test("records are packed in the order of these lists", () => {
  const packedAct = [act.programme, act.act, act.subject, null];
  const transferValues = valuesOf(PACKED.transfer, { ...transfer, act: packedAct });
  const records: readonly (readonly [
    Command,
    Recorded,
    op: number,
    readonly unknown[],
    readonly unknown[],
  ])[] = [
    [transfer, posted, OPS.transfer, transferValues, valuesOf(PACKED.posted, posted)],
    [transfer, sent, TRANSFER_SENT_OP, transferValues, valuesOf(PACKED.sent, sent)],
    [credit, credited, OPS.credit, valuesOf(PACKED.credit, credit), valuesOf(PACKED.credited, credited)],
  ];
  for (const [command, outcome, op, packed, packedOutcome] of records) {
    const values = { ...header, op, command: packed, outcome: packedOutcome };
    expect(unpacked(command, outcome)).toEqual(valuesOf(PACKED.record, values));
  }
  const rejected = { rejection: REJECTIONS.account_closed, subject: "a" };
  const values = {
    ...header,
    op: OPS.transfer,
    command: transferValues,
    outcome: valuesOf(PACKED.rejected, rejected),
  };
  expect(unpacked(transfer, reject("account_closed", "a"))).toEqual(valuesOf(PACKED.record, values));
});

test("a hold, its post, a part on another shard and an act are packed in the order of these lists", () => {
  const own = { id: "tr_1", status: "pending", postedAmount: 0, createdAtMs: 41, expiresAtMs: 42 } as const;
  const postings = [posting];
  const packedPostings = [valuesOf(PACKED_PARTS.posting, posting)];
  const hold: CompoundTransfer = {
    op: "compound_transfer",
    ...header,
    ...details,
    postings,
    available: false,
    pending: true,
    timeoutMs: 1,
    vnode: 14,
  };
  const move = {
    posting: 0,
    account: "a",
    asset: "PTS/0",
    vnode: 14,
    amount: 0,
    posted: 51,
    held: 13,
    seq: 52,
  };
  const held = { account: "a", asset: "PTS/0", vnode: 14, amount: 13 };
  const leg = { posting: 0, account: "b", counterparty: "a", vnode: 15, amount: 13, asset: "PTS/0" };
  const sentPortion = { to: 1, no: 2, purpose: "capture", legs: [leg] } as const;
  const packedLegs = [valuesOf(PACKED_PARTS.leg, leg)];
  const view: TransferView = { ...own, ...details, postings, reverts: null };
  const more = {
    moves: [move],
    sent: [sentPortion],
    part: 3,
    holds: [held],
    reservedAt: [1],
    elsewhere: [move],
  };
  const changed: TransferChanged = { ok: true, id: own.id, transfer: view, ...more, effect: 29, crossed };
  const packedMoves = [valuesOf(PACKED_PARTS.move, move)];
  const capture = PURPOSES.indexOf("capture");
  const packedChanged = {
    ...changed,
    moves: packedMoves,
    sent: [valuesOf(PACKED_PARTS.sent_portion, { ...sentPortion, purpose: capture, legs: packedLegs })],
    holds: [valuesOf(PACKED_PARTS.hold, held)],
    elsewhere: packedMoves,
  };
  const status = STATUSES.indexOf("pending");
  const created = valuesOf(PACKED_OUTCOMES.created, { ...own, status, postings: null });
  const whole = { ...view, status, postings: packedPostings, act: null, effect: null };
  const packedView = valuesOf(PACKED_PARTS.view, whole);
  expectPacked(
    [hold, changed],
    OPS.compound_transfer,
    valuesOf(PACKED_COMMANDS.compound_transfer, {
      ...hold,
      postings: packedPostings,
      available: 0,
      pending: 1,
      act: null,
    }),
    valuesOf(PACKED_OUTCOMES.changed, { ...packedChanged, transfer: created }),
  );
  const post: PostTransfer = {
    op: "post_transfer",
    ...header,
    id: "tr_1",
    owner: "o",
    amount: 5,
    final: true,
    settled: "voided",
    credit: "c",
    act,
  };
  const packedAct = [act.programme, act.act, act.subject, null];
  expectPacked(
    [post, changed],
    OPS.post_transfer,
    valuesOf(PACKED_COMMANDS.post_transfer, { ...post, final: 1, act: packedAct }),
    valuesOf(PACKED_OUTCOMES.changed, { ...packedChanged, transfer: packedView }),
  );
  const { op: _, ...voidFields } = post;
  const voids: VoidTransfer = { ...voidFields, op: "void_transfer" };
  expectPacked(
    [voids, changed],
    OPS.void_transfer,
    valuesOf(PACKED_COMMANDS.void_transfer, { ...voids, act: packedAct }),
    valuesOf(PACKED_OUTCOMES.changed, { ...packedChanged, transfer: packedView }),
  );
  const part = {
    from: 1,
    no: 2,
    transfer: view,
    part: 3,
    purpose: "capture",
    legs: [leg],
    sentAtMs: 43,
  } as const;
  expectPacked(
    [
      { op: "portion", ...header, ...part },
      { ok: true, moves: [move], crossed },
    ],
    OPS.portion,
    valuesOf(PACKED_COMMANDS.portion, { ...part, transfer: packedView, purpose: capture, legs: packedLegs }),
    valuesOf(PACKED_OUTCOMES.moved, { moves: packedMoves, crossed }),
  );
  const { asset: __, ...assetless } = leg;
  const rise = { account: "b", amount: 13, count: 1, slice: { asset: "PTS/0", vnode: 15 } };
  const prepared = { id: "tr_1", from: 1, purpose: "hold", legs: [assetless] } as const;
  expectPacked(
    [
      { op: "reserve", ...header, ...prepared },
      { ok: true, moves: [move], holds: [held], rises: [rise], crossed },
    ],
    OPS.reserve,
    valuesOf(PACKED_COMMANDS.reserve, {
      ...prepared,
      purpose: PURPOSES.indexOf("hold"),
      legs: [valuesOf(PACKED_PARTS.leg, assetless).slice(0, -1)],
    }),
    valuesOf(PACKED_OUTCOMES.reserved, {
      moves: packedMoves,
      holds: [valuesOf(PACKED_PARTS.hold, held)],
      rises: [valuesOf(PACKED_PARTS.rise, { ...rise, ...rise.slice })],
      crossed,
    }),
  );
  expectPacked(
    [
      { op: "release", ...header, id: "tr_1" },
      { ok: true, moves: [move] },
    ],
    OPS.release,
    ["tr_1"],
    [0, packedMoves],
  );
  const told = [{ to: 1, no: 2 }];
  const account = { id: "a", asset: "PTS/0" } as AccountView;
  const done = { ok: true, effect: 29, account, notice: "n", told } as const;
  expectPacked(
    [{ op: "act", ...header, act }, done],
    OPS.act,
    [packedAct],
    valuesOf(PACKED_OUTCOMES.done, done),
  );
});

/** @param packed the command's values; @param packedOutcome those of its outcome. */
function expectPacked(
  [command, outcome]: readonly [Command, Recorded],
  op: number,
  packed: readonly unknown[],
  packedOutcome: readonly unknown[],
): void {
  const values = { ...header, op, command: packed, outcome: packedOutcome };
  expect(unpacked(command, outcome)).toEqual(valuesOf(PACKED.record, values));
}

test("the document lists the values of accounts and slices in images, and they are packed in that order", () => {
  expect(namesInRow(`${KIND.account}`, "account")).toEqual(ACCOUNT_VALUES);
  expect(namesInRow(`${KIND.slice}`, "slice of a system account")).toEqual(SLICE_VALUES);
  const view = {
    id: "a",
    asset: "PTS/0",
    status: "frozen",
    floor: -1,
    ceiling: 2,
    posted: 3,
    held: 4,
    seq: 5,
    metadata: null,
    createdAtMs: 6,
    programme: "loyalty",
  } as const;
  const account = openAccount(view, view.asset, 0);
  const slice = { name: "@issuance", asset: "PTS/0", vnode: 7, posted: 8, held: 9, seq: 10 };
  const packedAccount = decode(copiesOf([account], []));
  expect(packedAccount).toEqual([KIND.account, ...valuesOf(ACCOUNT_VALUES, { ...account, status: 1 })]);
  expect(decode(copiesOf([], [slice]))).toEqual([KIND.slice, ...valuesOf(SLICE_VALUES, slice)]);
});

test("the document has a row for every kind of item, and a number for every kind of record", () => {
  const items = DOCUMENT.slice(DOCUMENT.indexOf("| kind | item |"));
  const rows = [...items.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number));
  expect(rows).toEqual(Object.values(KIND));
  const [, ops = ""] = /^\| op \| (.*) \|$/m.exec(DOCUMENT) ?? [];
  const numbers = [...ops.matchAll(/(\d+) /g)].map(([, number]) => Number(number));
  expect(numbers).toEqual([...Object.values(OPS), TRANSFER_SENT_OP].toSorted((a, b) => a - b));
});
