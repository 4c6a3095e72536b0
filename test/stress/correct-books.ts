/** Small, correct books, in which a checker must find no fault. */
import type { Evidence } from "./evidence.ts";
import type { Answer, Operation } from "./operation.ts";

const BANK = "@bank";

function operation(
  key: string,
  debit: string,
  credit: string,
  amount: number,
  ...answers: Answer[]
): Operation {
  const sendings = answers.map((answer, no) => ({ askedMs: no, answeredMs: no + 0.5, answer }));
  return { key, debit, credit, amount, overspends: amount > 100, inBatch: false, sendings };
}

const accepted = (id: string, replayed = false): Answer => ({ is: "accepted", id, replayed });
const refused: Answer = { is: "rejected", code: "insufficient_funds", replayed: false };
const unknown: Answer = { is: "unknown", why: "outcome_unknown" };

/** alice gets 100 and gives bob 30, sent twice; then she tries to send more than she has. */
export function honestBooks(): Evidence {
  const operations = [
    operation("k1", BANK, "alice", 100, accepted("tr_1")),
    operation("k2", "alice", "bob", 30, unknown, accepted("tr_2", true), accepted("tr_2", true)),
    operation("k3", "alice", "bob", 5_000, refused),
  ];
  return {
    asset: "PTS/0",
    operations,
    accounts: new Map([
      ["alice", { id: "alice", posted: 70, held: 0, seq: 2 }],
      ["bob", { id: "bob", posted: 30, held: 0, seq: 1 }],
    ]),
    systemAccounts: new Map([[BANK, -100]]),
    reconciliations: new Map([
      ["alice", { balance: 70, entries_sum: 70, entries_count: 2, reconciled: true }],
      ["bob", { balance: 30, entries_sum: 30, entries_count: 1, reconciled: true }],
    ]),
    statements: new Map([
      [
        "alice",
        [
          { seq: 1, transfer_id: "tr_1", amount: 100, balance_after: 100 },
          { seq: 2, transfer_id: "tr_2", amount: -30, balance_after: 70 },
        ],
      ],
    ]),
    transfers: [
      {
        id: "tr_2",
        status: "posted",
        postings: [{ debit_account: "alice", credit_account: "bob", amount: 30 }],
        memo: "k2",
      },
      {
        id: "tr_1",
        status: "posted",
        postings: [{ debit_account: BANK, credit_account: "alice", amount: 100 }],
        memo: "k1",
      },
    ],
    trialBalance: { balanced: true, assets: { "PTS/0": { sum: 0, in_transit: 0 } } },
    finals: new Map([["bob", 30]]),
  };
}
