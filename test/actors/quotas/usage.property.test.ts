import fc from "fast-check";
import { expect, test } from "vitest";
import { KEY_WINDOW_MS } from "../../../src/actors/idempotency/key-table.ts";
import type { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { accountBytes, openTransferBytes, sliceBytes } from "../../../src/actors/quotas/bytes.ts";
import { usedOf } from "../../../src/actors/quotas/quotas.ts";
import { copiesOf, PackedLog } from "../ledger/copies.ts";
import { history } from "../ledger/histories.ts";
import { LedgerRun, type TimedRecord } from "../ledger/ledger-run.ts";
import { runs } from "../ledger/property-runs.ts";

const HOUR_MS = 60 * 60 * 1000;
const PARTNERS = ["p", "q"];

const hours = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.nat({ max: 30 }) },
);
const keyedHistory = fc.tuple(history, fc.array(fc.tuple(fc.boolean(), hours), { minLength: 1 }));

/** A partner's usage counted from scratch: keys of records whose hour is within the window, open transfers, bytes. */
function recounted(ledger: Ledger, records: readonly TimedRecord[], partner: string, nowMs: number) {
  const known = records.filter(({ command, timeMs }) => {
    const endMs = (Math.floor(timeMs / HOUR_MS) + 1) * HOUR_MS + KEY_WINDOW_MS;
    return command.partner === partner && command.key !== null && endMs > nowMs;
  });
  let bytes = 0;
  const book = ledger.state.books.get(partner);
  for (const account of book?.accounts.values() ?? []) bytes += accountBytes(account);
  for (const [name] of book?.slices() ?? []) bytes += sliceBytes(name);
  const open = [...ledger.compound.pending.all()].filter((transfer) => transfer.partner === partner);
  for (const { view } of open) bytes += openTransferBytes(view);
  return { idempotency_keys: known.length + open.length, open_transfers: open.length, bytes };
}

test("the usage of a partner equals a count from scratch, also after a replay and after a restore", () => {
  fc.assert(
    fc.property(keyedHistory, ([steps, keys]) => {
      const records: TimedRecord[] = [];
      const log = new PackedLog();
      const run = new LedgerRun((record) => {
        records.push(record);
        log.add(record);
      });
      for (const [at, step] of steps.entries()) {
        const [isKeyed, waited] = keys[at % keys.length] as [boolean, number];
        const command = isKeyed ? { ...step.command, key: `k${at}`, fingerprint: at } : step.command;
        run.take({ ...step, command, afterMs: step.afterMs + waited * HOUR_MS });
        for (const partner of PARTNERS)
          expect(usedOf(run.ledger.state, partner, run.nowMs)).toEqual(
            recounted(run.ledger, records, partner, run.nowMs),
          );
      }
      for (const copy of copiesOf(run.ledger, log))
        for (const partner of PARTNERS)
          expect(usedOf(copy.state, partner, run.nowMs)).toEqual(
            usedOf(run.ledger.state, partner, run.nowMs),
          );
    }),
    { numRuns: runs(300) },
  );
});
