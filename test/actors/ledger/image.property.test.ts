import fc from "fast-check";
import { expect, test } from "vitest";
import { imageOf } from "../../../src/actors/ledger/image.ts";
import type { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { restored } from "./copies.ts";
import { history } from "./histories.ts";
import { LedgerRun } from "./ledger-run.ts";
import { runs } from "./property-runs.ts";

test("I9: a restored image plus the later records gives the same state; a restored image yields the same image", () => {
  fc.assert(
    fc.property(history, fc.nat(), (steps, cut) => {
      let before: Ledger | undefined;
      const run = new LedgerRun(({ command, outcome, timeMs }) => {
        records += 1;
        before?.apply(command, outcome, { epoch: 1, seq: 1, index: records - 1, timeMs }, 0);
      });
      let records = 0;
      for (const [at, step] of steps.entries()) {
        if (at === cut % steps.length) {
          const image = [...imageOf(run.ledger.state)];
          before = restored(image);
          expect([...before.stateLines(0)]).toEqual([...run.ledger.stateLines(0)]);
          expect([...imageOf(before.state)]).toEqual(image);
        }
        run.take(step);
      }
      expect([...(before?.stateLines(0) ?? [])]).toEqual([...run.ledger.stateLines(0)]);
    }),
    { numRuns: runs(300) },
  );
});

test("an item of a newer version is refused", () => {
  expect(() => restored([Uint8Array.of(0x91, 99)])).toThrow("unknown item 99 in an image");
});

test("fields that a later version adds to accounts and slices are skipped", () => {
  const book = Uint8Array.of(0x92, 5, 0xa1, 0x61);
  // [6, "x", "P/0", open, nil, nil, 7, 1, 3, nil, 9, nil, "later"]
  const account = [
    0x9d, 6, 0xa1, 0x78, 0xa3, 0x50, 0x2f, 0x30, 0, 0xc0, 0xc0, 7, 1, 3, 0xc0, 9, 0xc0, 0xa1, 0x7a,
  ];
  const ledger = restored([book, Uint8Array.from([...account, ...account.with(3, 0x79)])]);
  expect(ledger.account("a", "x")).toMatchObject({
    asset: "P/0",
    status: "open",
    posted: 7,
    held: 1,
    seq: 3,
  });
  expect(ledger.account("a", "y")).toMatchObject({ posted: 7, createdAtMs: 9 });
});
