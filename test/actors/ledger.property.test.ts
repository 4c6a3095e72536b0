import fc from "fast-check";
import { expect, test } from "vitest";
import { BodyWriter, CommandWriter, readCommands, readRecords } from "../../src/actors/codec.ts";
import type { Command, Outcome } from "../../src/actors/command.ts";
import { Ledger } from "../../src/actors/ledger.ts";
import { homeVnodeOf } from "../../src/actors/routing.ts";
import { transferId } from "../../src/actors/transfer-id.ts";
import { BookModel } from "./book-model.ts";

// Few names and small amounts, so that commands collide, funds run out and bounds are met.
const account = fc.constantFrom("a", "a", "a/2", "b", "none");
const party = fc.oneof(
  { weight: 4, arbitrary: account },
  { weight: 1, arbitrary: fc.constantFrom("@x", "@y") },
);
const amount = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(Number.MAX_SAFE_INTEGER));
const bound = fc.option(fc.integer({ min: -9, max: 12 }), { nil: null });
const asked = {
  partner: fc.constantFrom("p", "p", "p", "p", "q"),
  key: fc.constant(null),
  fingerprint: fc.constant(0),
};

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({
        ...asked,
        op: fc.constant("transfer" as const),
        debit: party,
        credit: party,
        amount,
        memo: fc.option(fc.string(), { nil: null }),
        metadata: fc.constant(null),
        occurredAtMs: fc.constant(null),
      })
      .map((transfer) => ({
        ...transfer,
        vnode: homeVnodeOf(transfer.partner, transfer.debit, transfer.credit, null),
      })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      ...asked,
      op: fc.constant("create_account" as const),
      id: account.filter((id) => id !== "none"),
      asset: fc.constantFrom("PTS/0", "PTS/0", "USD/2"),
      floor: fc.option(fc.integer({ min: -9, max: 0 }), { nil: null }),
      ceiling: bound,
      metadata: fc.constant(null),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ...asked,
      op: fc.constant("update_account" as const),
      id: account,
      floor: bound,
      ceiling: bound,
      metadata: fc.constantFrom('{"a":"1"}', '{"a":null}', '{"b":"2"}'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ...asked,
      op: fc.constant("set_account_status" as const),
      id: account,
      action: fc.constantFrom("freeze" as const, "unfreeze" as const, "close" as const),
    }),
  },
);

function decideAndApply(ledger: Ledger, next: Command, index: number): Outcome {
  const timeMs = 1_000_000 + index;
  const outcome = ledger.decide(next, timeMs, (vnode) => transferId(vnode, 1, index + 1));
  ledger.apply(next, outcome, { epoch: 1, seq: 1, index, timeMs }, 1);
  return outcome;
}

test("I1, I2, I4: in any history the ledger does what a tiny model of the books does, step by step", () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 20, maxLength: 80 }), (history) => {
      const ledger = new Ledger(0);
      const model = new BookModel();
      for (const [index, next] of history.entries()) {
        const outcome = decideAndApply(ledger, next, index);
        const expected = model.execute(next);
        expect(outcome.ok ? "ok" : outcome.code).toBe(expected);
        for (const [partner, id, posted, seq] of model.accounts()) {
          expect(ledger.account(partner, id)).toMatchObject({ posted, seq });
        }
        for (const { sum } of ledger.sums(undefined).values()) expect(sum).toBe(0n);
      }
    }),
    { numRuns: 2000 },
  );
});

test("I9: the state rebuilt from the packed records is the state that was decided", () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 20, maxLength: 80 }), (history) => {
      const live = new Ledger(0);
      const commands = new CommandWriter();
      const body = new BodyWriter();
      for (const next of history) commands.add(next);
      const packed = commands.take();
      let index = 0;
      readCommands(packed, (next, start, end) => {
        expect(next).toEqual(history[index]);
        body.add(packed, start, end, next, decideAndApply(live, next, index++));
      });
      const replayed = new Ledger(0);
      let at = 0;
      readRecords(body.take(), (logged, outcome) => {
        replayed.apply(logged, outcome, { epoch: 1, seq: 1, index: at, timeMs: 1_000_000 + at }, 0);
        at += 1;
      });
      expect([...replayed.lines(0)]).toEqual([...live.lines(0)]);
    }),
    { numRuns: 500 },
  );
});
