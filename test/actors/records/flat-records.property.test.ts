/** Commands and outcomes that are packed as flat arrays, and the maps that older logs have in their place. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  BodyWriter,
  packCommand,
  packOutcome,
  readRecord,
  readRecords,
  unpackOutcome,
} from "../../../src/actors/records/codec.ts";
import type { Command, LogRecord } from "../../../src/actors/records/command.ts";
import type { CompoundTransfer } from "../../../src/actors/records/compound-command.ts";
import { encode } from "../../../src/actors/records/pack.ts";
import { OPS } from "../../../src/actors/records/record-kinds.ts";

const EDGES = [0, 127, 128, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1];
const integer = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(...EDGES.flatMap((edge) => [edge, 0 - edge])));
const natural = fc.oneof(fc.maxSafeNat(), fc.constantFrom(...EDGES));
const text = fc.oneof(fc.string({ unit: "binary" }), fc.string({ minLength: 25, maxLength: 70 }));
const orNull = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });
const vnode = fc.integer({ min: 0, max: 1023 });
const json = fc.oneof(
  text,
  integer,
  fc.boolean(),
  fc.constant(null),
  fc.array(text, { maxLength: 3 }),
  fc.dictionary(fc.string({ minLength: 1 }), fc.oneof(text, integer), { noNullPrototype: true }),
);
const effect = json.filter((value) => value !== null);

/** Each field may be absent. */
function optional<T extends object>(
  fields: { [K in keyof T]: fc.Arbitrary<T[K]> },
): fc.Arbitrary<Partial<T>> {
  return fc.record(fields, { requiredKeys: [] }) as unknown as fc.Arbitrary<Partial<T>>;
}

function joined<A extends object, B extends object>(
  a: fc.Arbitrary<A>,
  b: fc.Arbitrary<B>,
): fc.Arbitrary<A & B> {
  return fc.tuple(a, b).map(([first, second]) => ({ ...first, ...second }));
}

const act = joined(
  fc.record({ programme: text, act: text, subject: text }),
  optional({ vnode, seller: text, note: orNull(text), settings: json }),
);
const posting = fc.record({ debit: text, credit: text, amount: natural });
const postings = fc.array(posting, { minLength: 1, maxLength: 64 });
const leg = { posting: fc.nat(63), account: text, counterparty: text, vnode, amount: integer };
const legs = fc.array(fc.record(leg), { maxLength: 40 });
const assetLegs = fc.array(fc.record({ ...leg, asset: text }), { maxLength: 40 });
const balance = { account: text, asset: text, vnode };
const moves = fc.array(
  fc.record({
    posting: fc.nat(63),
    ...balance,
    amount: integer,
    posted: integer,
    held: natural,
    seq: natural,
  }),
  { maxLength: 20 },
);
const holds = fc.array(fc.record({ ...balance, amount: natural }), { maxLength: 20 });
const slice = optional({ slice: fc.record({ asset: text, vnode }) });
const rises = fc.array(joined(fc.record({ account: text, amount: natural, count: fc.nat() }), slice));
const purpose = fc.constantFrom("post" as const, "hold" as const, "capture" as const, "revert" as const);
const details = { memo: orNull(text), metadata: orNull(text), occurredAtMs: orNull(natural) };
const crossings = fc.array(fc.record({ monitor: text, value: integer }), { minLength: 1, maxLength: 3 });
const crossed = optional({ crossed: crossings });
const header = { partner: text, key: orNull(text), fingerprint: natural };
const status = fc.constantFrom("posted" as const, "pending" as const, "voided" as const);
const view = joined(
  fc.record({
    id: text,
    status,
    postings,
    postedAmount: natural,
    ...details,
    createdAtMs: natural,
    expiresAtMs: orNull(natural),
    reverts: orNull(text),
  }),
  optional({ act, effect }),
);
const expired = fc.record({
  id: text,
  status: fc.constant("expired" as const),
  postings,
  postedAmount: natural,
  occurredAtMs: orNull(natural),
  createdAtMs: natural,
  expiresAtMs: orNull(natural),
  reverts: orNull(text),
});
const sent = fc.array(fc.record({ to: fc.nat(), no: natural, purpose, legs: assetLegs }), { maxLength: 3 });
const changed = joined(
  fc.record({
    ok: fc.constant(true as const),
    moves,
    sent,
    part: fc.nat(),
    holds,
    reservedAt: fc.array(fc.nat(200)),
    elsewhere: moves,
  }),
  crossed,
);
const settled = orNull(fc.constantFrom("posted", "voided", "expired", "none"));

function recordOf(command: object, outcome: object): LogRecord {
  return { command, outcome } as LogRecord;
}

/** The outcome repeats the command's details, and its postings unless it moves what is available. */
function createdBy(
  command: CompoundTransfer,
  [id, transferStatus, postedAmount, createdAtMs, expiresAtMs, own]: readonly [
    string,
    string,
    number,
    number,
    number | null,
    CompoundTransfer["postings"],
  ],
  extras: Readonly<{ effect?: unknown }>,
  rest: object,
): object {
  const { memo, metadata, occurredAtMs, act: acted, available } = command;
  const transfer = {
    id,
    status: transferStatus,
    postings: available ? own : command.postings,
    postedAmount,
    memo,
    metadata,
    occurredAtMs,
    createdAtMs,
    expiresAtMs,
    reverts: null,
    ...(acted !== undefined && { act: acted }),
    ...extras,
  };
  return { ...rest, id, transfer, ...extras };
}

const compound = fc
  .tuple(
    joined(
      fc.record({
        op: fc.constant("compound_transfer"),
        ...header,
        postings,
        ...details,
        available: fc.boolean(),
        pending: fc.boolean(),
        timeoutMs: orNull(natural),
        vnode,
      }),
      optional({ act }),
    ),
    fc.tuple(text, status, natural, natural, orNull(natural), postings),
    optional({ effect }),
    changed,
  )
  .map(([command, created, extras, rest]) =>
    recordOf(command, createdBy(command as CompoundTransfer, created, extras, rest)),
  );

const ending = fc.tuple(view, optional({ effect }), changed).map(([transfer, extras, rest]) => {
  return { ...rest, id: transfer.id, transfer, ...extras };
});
const post = joined(
  fc.record({
    op: fc.constant("post_transfer"),
    ...header,
    id: text,
    amount: orNull(natural),
    final: fc.boolean(),
    settled,
  }),
  optional({ owner: text, credit: text, act }),
);
const voids = joined(
  fc.record({ op: fc.constant("void_transfer"), ...header, id: text, settled }),
  optional({ owner: text, act }),
);
const reserve = fc.record({
  op: fc.constant("reserve"),
  ...header,
  id: text,
  from: fc.nat(200),
  purpose: fc.constantFrom("post", "hold", "revert"),
  legs,
});
const ok = { ok: fc.constant(true as const) };
const reserved = joined(fc.record({ ...ok, moves, holds, rises }), crossed);
const moved = joined(fc.record({ ...ok, moves }), crossed);
const release = fc.record({ op: fc.constant("release"), ...header, id: text });
const portion = fc.record({
  op: fc.constant("portion"),
  ...header,
  from: fc.nat(200),
  no: natural,
  transfer: fc.oneof(view, expired),
  part: fc.nat(),
  purpose,
  legs: assetLegs,
  sentAtMs: natural,
});
const alone = fc.record({ op: fc.constant("act"), ...header, act });
const told = fc.array(fc.record({ to: fc.nat(200), no: natural }));
const done = joined(
  fc.record({ ...ok, effect: json }),
  optional({ account: fc.record({ id: text, asset: text }), notice: effect, told }),
);
const rejected = fc.record({
  ok: fc.constant(false as const),
  code: fc.constantFrom("insufficient_funds", "already_decided"),
  subject: orNull(text),
});

function records(command: fc.Arbitrary<object>, outcome: fc.Arbitrary<object>): fc.Arbitrary<LogRecord> {
  return fc.tuple(command, fc.oneof(outcome, rejected)).map(([of, its]) => recordOf(of, its));
}

const anyRecord = fc.oneof(
  compound,
  records(post, ending),
  records(voids, ending),
  records(reserve, reserved),
  records(release, moved),
  records(portion, moved),
  records(alone, done),
);

function packed({ command, outcome }: LogRecord): Uint8Array {
  const source = packCommand(command).slice();
  const body = new BodyWriter();
  body.add(source, 0, source.length, command, outcome);
  return body.take();
}

/** As versions before flat arrays wrote it. */
function packedAsMaps({ command, outcome }: LogRecord): Uint8Array {
  const { op, partner, key, fingerprint, ...fields } = command;
  const { ok, ...effects } = outcome;
  const written = ok ? [0, effects] : undefined;
  return encode([[OPS[op], partner, key, fingerprint, fields, written]]);
}

test("a record is unchanged by packing and reading, and so is its outcome in a reply", () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 4 }), (many) => {
      const body = new BodyWriter();
      for (const { command, outcome } of many) {
        const source = packCommand(command).slice();
        body.add(source, 0, source.length, command, outcome);
        const reply = packOutcome(command, outcome).slice();
        expect(unpackOutcome(command, reply)).toEqual(outcome);
      }
      const read: LogRecord[] = [];
      readRecords(body.take(), (command, outcome) => read.push({ command, outcome }));
      expect(read).toEqual(many);
    }),
    { numRuns: 500 },
  );
});

test("a text keeps a U+FEFF at its beginning, which decoders drop by default", () => {
  const memo = "\uFEFFrent";
  const header = { partner: "p", key: memo, fingerprint: 0 };
  const details = { memo, metadata: null, occurredAtMs: null, vnode: 0 };
  const posting = { debit: "a", credit: "b", amount: 1 };
  const shape = { postings: [posting], available: false, pending: false, timeoutMs: null };
  const commands: readonly Command[] = [
    { op: "transfer", ...header, ...posting, ...details },
    { op: "compound_transfer", ...header, ...shape, ...details },
  ];
  const outcome = { ok: false, code: "insufficient_funds", subject: memo } as const;
  for (const command of commands)
    expect(recordsOf(packed({ command, outcome }))).toEqual([{ command, outcome }]);
});

test("what is read has the properties in the order of their creation, as images store them", () => {
  fc.assert(
    fc.property(compound, (record) => {
      const [read] = recordsOf(packed(record));
      expect(JSON.stringify(read?.outcome.ok && "transfer" in read.outcome && read.outcome.transfer)).toBe(
        JSON.stringify("transfer" in record.outcome && record.outcome.transfer),
      );
    }),
  );
});

test("a gateway reads an outcome with its own command as the log has it", () => {
  fc.assert(
    fc.property(compound, natural, ({ command, outcome }, seq) => {
      if (command.op !== "compound_transfer" || command.act === undefined) return;
      const { act, ...rest } = command;
      const shuffled = Object.fromEntries(Object.entries(act).toReversed()) as typeof act;
      const sent = { ...rest, act: { ...shuffled, seen: { epoch: 1, seq, by: null } } };
      const [logged] = recordsOf(packed({ command: sent, outcome }));
      const answered = unpackOutcome({ ...rest, act: shuffled }, packOutcome(sent, outcome).slice());
      expect(JSON.stringify(answered)).toBe(JSON.stringify(logged?.outcome));
    }),
  );
});

test("a record of maps in an older log is read as the same record", () => {
  fc.assert(
    fc.property(
      anyRecord.filter(({ outcome }) => outcome.ok),
      (record) => {
        const [old] = recordsOf(packedAsMaps(record));
        const [flat] = recordsOf(packed(record));
        expect(old).toEqual(record);
        expect(flat).toEqual(old);
        // As the archive reads it: without the head of the body.
        expect(readRecord(packedAsMaps(record).subarray(1))).toEqual(record);
      },
    ),
  );
});

test("values that a later version adds at the end of a record are skipped", () => {
  const command = { op: "release", partner: "p", key: null, fingerprint: 0, id: "tr_1" } as const;
  const body = encode([[OPS.release, "p", null, 0, ["tr_1", "later"], [0, [], [], "later"], "later"]]);
  expect(recordsOf(body)).toEqual([{ command, outcome: { ok: true, moves: [], crossed: [] } }]);
});

function recordsOf(body: Uint8Array): LogRecord[] {
  const read: LogRecord[] = [];
  readRecords(body, (command: Command, outcome) => read.push({ command, outcome }));
  return read;
}
