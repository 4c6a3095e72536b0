/** Canaries: each falsifies one thing in correct books, and the checker must report it. */
import { expect, test } from "vitest";
import { honestBooks } from "./correct-books.ts";
import { discrepanciesOf } from "./discrepancies.ts";
import type { Entry, Evidence, ListedTransfer } from "./evidence.ts";
import type { Answer } from "./operation.ts";

test("correct books have no discrepancy", () => {
  expect(discrepanciesOf(honestBooks())).toEqual([]);
});

test.each<[falsified: string, falsify: (books: Evidence) => Evidence, sentence: string]>([
  ["a balance", withAccount("bob", { posted: 31 }), "bob has 31; what was accepted comes to 30."],
  ["a balance below zero", withAccount("bob", { posted: -1 }), "bob is below zero: -1."],
  ["a hold", withAccount("bob", { held: 5 }), "bob has 5 on hold, and nobody asked for a hold."],
  ["a seq", withAccount("bob", { seq: 2 }), "bob is at seq 2; it was in 1 accepted transfers."],
  [
    "the money in circulation",
    withAccount("bob", { posted: 31 }),
    "All accounts have 101 together; 100 were issued.",
  ],
  [
    "a balance that was known beforehand",
    (books) => ({ ...books, finals: new Map([["bob", 31]]) }),
    "bob must end with exactly 31, and has 30.",
  ],
  [
    "a reconciliation",
    (books) => ({
      ...books,
      reconciliations: new Map(books.reconciliations).set("bob", {
        balance: 30,
        entries_sum: 20,
        entries_count: 1,
        reconciled: false,
      }),
    }),
    "bob is not reconciled: balance 30, entries 20.",
  ],
  ["an entry's seq", withEntry({ seq: 3 }), "Entry 2 of alice has seq 3."],
  [
    "an entry's balance",
    withEntry({ balance_after: 71 }),
    "Entry 2 of alice says 71 where its entries come to 70.",
  ],
  [
    "an entry's amount",
    withEntry({ amount: -31 }),
    "Entry 2 of alice moves -31 by tr_2, which was to move -30.",
  ],
  ["a balance on the way", withEntry({ amount: -130 }), "alice was below zero at entry 2: -30."],
  [
    "an answer's id",
    withAnswer("k1", { is: "accepted", id: "tr_9", replayed: false }),
    'Transfer tr_9 (100 from @bank to alice, posted, "k1") was acknowledged, and is lost.',
  ],
  [
    "an answer, which was a refusal",
    withAnswer("k1", { is: "rejected", code: "insufficient_funds", replayed: false }),
    "Key k1 was refused (insufficient_funds), and is in the log as tr_1.",
  ],
  [
    "one of a key's answers",
    withAnswer("k2", { is: "accepted", id: "tr_7", replayed: true }),
    "Key k2 had 2 answers: tr_2 and tr_7.",
  ],
  [
    "two answers, of which one was a repeat",
    (books) => ({
      ...books,
      operations: books.operations.map((each) => {
        const [first, ...others] = each.sendings;
        return each.key === "k1" && first !== undefined
          ? { ...each, sendings: [first, first, ...others] }
          : each;
      }),
    }),
    "Key k1 had 2 answers that do not say that they are repeats.",
  ],
  [
    "a repeat, which was a first answer",
    withAnswer("k1", { is: "accepted", id: "tr_1", replayed: true }),
    "Key k1 was certainly not done by any earlier request, and its answer was a repeat.",
  ],
  [
    "the reason of a refusal",
    withAnswer("k3", { is: "rejected", code: "account_closed", replayed: false }),
    "Key k3 was refused for account_closed, for which there was no reason.",
  ],
  [
    "the refusal of too much",
    withAnswer("k3", { is: "accepted", id: "tr_3", replayed: false }),
    "Key k3 asked for more than all the money there is, and was accepted as tr_3.",
  ],
  [
    "the last answer, which never came",
    withAnswer("k3", { is: "unknown", why: "the connection broke" }),
    "Key k3 has no answer after 1 requests; the last said the connection broke.",
  ],
  [
    "a transfer's amount in the log",
    withTransfers((transfers) =>
      transfers.map((each) => ({ ...each, memo: each.id === "tr_1" ? "k9" : each.memo })),
    ),
    'Transfer tr_1 was asked as 100 from @bank to alice, posted, "k1", and is 100 from @bank to alice, posted, "k9".',
  ],
  [
    "a transfer, which is done twice",
    withTransfers((transfers) => [...transfers, { ...(transfers[0] as ListedTransfer), id: "tr_8" }]),
    "Key k2 was done twice: as tr_2, which it was told, and as tr_8.",
  ],
  [
    "a transfer, which is listed twice",
    withTransfers((transfers) => [...transfers, ...transfers.slice(1)]),
    "Transfer tr_1 is listed twice.",
  ],
  [
    "a transfer that nobody asked for",
    withTransfers((transfers) => [
      ...transfers,
      { ...(transfers[0] as ListedTransfer), id: "tr_8", memo: null },
    ]),
    "Transfer tr_8 is in the log, and nobody asked for it (memo null).",
  ],
  [
    "the sum of the books",
    (books) => ({
      ...books,
      trialBalance: { balanced: false, assets: { "PTS/0": { sum: 1, in_transit: 0 } } },
    }),
    'The books do not balance: {"PTS/0":{"sum":1,"in_transit":0}}.',
  ],
  [
    "what is in transit at rest",
    (books) => ({
      ...books,
      trialBalance: { balanced: true, assets: { "PTS/0": { sum: -3, in_transit: 3 } } },
    }),
    "At rest 3 are still in transit.",
  ],
])("%s, falsified, is reported", (_, falsify, sentence) => {
  expect(discrepanciesOf(falsify(honestBooks()))).toContain(sentence);
});

type Falsify = (books: Evidence) => Evidence;

function withAccount(
  id: string,
  change: Readonly<{ posted?: number; held?: number; seq?: number }>,
): Falsify {
  return (books) => {
    const view = books.accounts.get(id);
    if (view === undefined) throw new Error(`no account ${id}`);
    return { ...books, accounts: new Map(books.accounts).set(id, { ...view, ...change }) };
  };
}

/** Alice's last entry. */
function withEntry(change: Partial<Entry>): Falsify {
  return (books) => {
    const entries = books.statements.get("alice") ?? [];
    const last = { ...(entries.at(-1) as Entry), ...change };
    return { ...books, statements: new Map([["alice", [...entries.slice(0, -1), last]]]) };
  };
}

function withAnswer(key: string, answer: Answer): Falsify {
  return (books) => ({
    ...books,
    operations: books.operations.map((each) => {
      const sendings = [...each.sendings.slice(0, -1), { askedMs: 0, answeredMs: 1, answer }];
      return each.key === key ? { ...each, sendings } : each;
    }),
  });
}

function withTransfers(change: (transfers: readonly ListedTransfer[]) => readonly ListedTransfer[]): Falsify {
  return (books) => ({ ...books, transfers: change(books.transfers) });
}
