import fc from "fast-check";
import { expect, test } from "vitest";
import { BodyWriter, CommandWriter, readCommands, readRecords } from "../../../src/actors/records/codec.ts";
import type { Command, LogRecord, Outcome } from "../../../src/actors/records/command.ts";
import { decode } from "../../../src/actors/records/pack.ts";
import { PackWriter } from "../../../src/actors/records/pack-writer.ts";

const EDGES = [0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 2 ** 53 - 1];
const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(...EDGES.flatMap((edge) => [edge, 0 - edge, Math.min(edge + 1, 2 ** 53 - 1)])),
);
const text = fc.oneof(fc.string({ unit: "binary" }), fc.string({ minLength: 25, maxLength: 70 }));

test("a general MessagePack decoder reads what PackWriter writes", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(integer, text, fc.constant(null)), { maxLength: 15 }), (values) => {
      const writer = new PackWriter();
      writer.array(values.length);
      for (const value of values) {
        if (typeof value === "number") writer.number(value);
        else writer.textOrNil(value);
      }
      expect(decode(writer.take())).toEqual(values);
    }),
  );
});

test("transfers and outcomes are unchanged after packing into a batch body and reading it, for any number", () => {
  const transfer = fc.record({
    op: fc.constant("transfer" as const),
    partner: text,
    key: fc.option(text, { nil: null }),
    fingerprint: integer,
    debit: text,
    credit: text,
    amount: integer,
    memo: fc.option(text, { nil: null }),
    metadata: fc.option(text, { nil: null }),
    occurredAtMs: fc.option(integer, { nil: null }),
    vnode: fc.integer({ min: 0, max: 1023 }),
  });
  const crossing = fc.record({
    monitor: text,
    account: text,
    field: fc.constantFrom("posted", "available", "held"),
    when: fc.constantFrom("above", "below"),
    value: integer,
    balance: integer,
  });
  const values = {
    ok: fc.constant(true as const),
    id: text,
    debitPosted: integer,
    debitHeld: integer,
    debitSeq: integer,
    creditPosted: integer,
    creditHeld: integer,
    creditSeq: integer,
  };
  const extras = { effect: fc.record({ lot: text }), crossed: fc.array(crossing, { minLength: 1 }) };
  const posted = fc.record(
    { ...values, ...extras },
    {
      requiredKeys: [
        "ok",
        "id",
        "debitPosted",
        "debitHeld",
        "debitSeq",
        "creditPosted",
        "creditHeld",
        "creditSeq",
      ],
    },
  );
  const rejected = fc.record({
    ok: fc.constant(false as const),
    code: fc.constantFrom("same_account" as const, "too_many_keys" as const),
    subject: fc.option(text, { nil: null }),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(transfer, fc.oneof(posted, rejected)), { minLength: 1 }), (pairs) => {
      const commands = new CommandWriter();
      for (const [command] of pairs) commands.add(command);
      const packed = commands.take();
      const body = new BodyWriter();
      const read: Command[] = [];
      readCommands(packed, (command, start, end) => {
        body.add(packed, start, end, command, pairs[read.length]?.[1] as Outcome);
        read.push(command);
      });
      expect(read).toEqual(pairs.map(([command]) => command));
      const records: LogRecord[] = [];
      readRecords(body.take(), (command, outcome) => records.push({ command, outcome }));
      expect(records).toEqual(pairs.map(([command, outcome]) => ({ command, outcome })));
    }),
  );
});
