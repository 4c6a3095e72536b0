import { expect, test } from "vitest";
import type { CompoundTransfer } from "../../../src/actors/records/compound-command.ts";
import type { Step } from "./histories.ts";
import { LedgerRun } from "./ledger-run.ts";

const MAX = 2 ** 52;
const header = { partner: "p", key: null, fingerprint: 0 } as const;

function pending(debit: string, credit: string, amount: number): Step {
  const rest = { memo: null, metadata: null, occurredAtMs: null, vnode: 0 } as const;
  const kind = { available: false, pending: true, timeoutMs: null } as const;
  const command: CompoundTransfer = {
    ...header,
    ...rest,
    ...kind,
    op: "compound_transfer",
    postings: [{ debit, credit, amount }],
  };
  return { afterMs: 0, which: 0, command };
}

test.each([
  ["an account", "a", "@x"],
  ["a system account", "@x", "a"],
])("%s never holds more than 2^52, although its balance and floor would allow more", (_, from, to) => {
  const run = new LedgerRun(() => {});
  const account = { ...header, op: "create_account", id: "a", asset: "PTS/0", metadata: null } as const;
  run.take({ afterMs: 0, which: 0, command: { ...account, floor: null, ceiling: null } });
  const money = { ...header, op: "transfer", debit: to, credit: from, amount: 9, vnode: 381 } as const;
  run.take({ afterMs: 0, which: 0, command: { ...money, memo: null, metadata: null, occurredAtMs: null } });
  expect(run.take(pending(from, to, 4)).outcome).toMatchObject({ ok: true });
  expect(run.take(pending(from, to, MAX)).outcome).toMatchObject({ code: "balance_out_of_range" });
  expect(run.take(pending(from, to, MAX - 4)).outcome).toMatchObject({ ok: true });
});
