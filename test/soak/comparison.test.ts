/** Canaries: each falsifies one thing in correct books, and the checker must report it. */
import { expect, test } from "vitest";
import { transfer } from "./accounts.ts";
import { answerFaults } from "./answer-faults.ts";
import { type AccountView, accountFaults, statementFaults } from "./comparison.ts";
import type { Heard } from "./entry.ts";
import { accepted, entry, honestBooks, move, refused, unknown } from "./honest-books.ts";
import { growthFaults, isAtOrAfter, type Sample } from "./watch.ts";

const common = { asset: "PTS/0", status: "open", limits: [] };
const VIEWS: readonly AccountView[] = [
  { ...common, id: "alice", posted: 95, held: 15, available: 80, seq: 4 },
  { ...common, id: "bob", posted: 5, held: 0, available: 5, seq: 3 },
];

test("correct books have no fault", async () => {
  const books = await honestBooks();
  expect(books.faults).toEqual([]);
  expect(accountFaults(VIEWS, books.expected())).toEqual([]);
  expect(statementFaults(books)).toEqual([]);
});

test.each<[what: string, change: Partial<AccountView>, sentence: string]>([
  ["a balance", { posted: 6, available: 6 }, "bob has 6; what was accepted comes to 5."],
  ["a hold", { held: 1, available: 4 }, "bob has 1 on hold; what is pending comes to 0."],
  ["what is available", { available: 6 }, "bob has 6 available of 5, 0 held."],
  ["a balance below zero", { posted: -1, available: -1 }, "bob is below zero: -1, 0 held."],
  ["a seq", { seq: 4 }, "bob is at seq 4; 3 entries were accepted."],
  ["a status", { status: "frozen" }, "bob is frozen, and nobody asked for that."],
  ["limits", { limits: [{ window_s: 1 }] }, 'bob has the limits [{"window_s":1}], not [].'],
  ["an id", { id: "eve" }, "eve is there, and nobody was told that it was opened."],
  ["an account, which is gone", { id: "alice" }, "bob was opened, and is not there."],
])("%s, falsified, is reported", async (_, change, sentence) => {
  const views = VIEWS.map((view) => (view.id === "bob" ? { ...view, ...change } : view));
  expect(accountFaults(views, (await honestBooks()).expected())).toContain(sentence);
});

test.each([
  [
    "a transfer that is lost",
    "DELETE FROM found_transfer WHERE id = 't2'",
    '"t2".* was acknowledged, and is lost',
  ],
  [
    "a transfer that nobody knows",
    "UPDATE found_transfer SET id = 't9' WHERE id = 't2'",
    '"t9".* is in the books, and nobody',
  ],
  [
    "a transfer's status",
    "UPDATE found_transfer SET status = 'voided' WHERE id = 't4'",
    "t4 is not what was asked for",
  ],
  ["a transfer's revert", "UPDATE found_transfer SET reverted_by = NULL", "t2 is not what was asked for"],
  [
    "a transfer, listed twice",
    "INSERT INTO found_transfer SELECT * FROM found_transfer WHERE id = 't1'",
    "t1 is listed 2 times",
  ],
  [
    "an entry that is lost",
    "DELETE FROM found_entry WHERE account = '@bank'",
    "@bank has 0 entries of -100 by t1; 1 were",
  ],
  [
    "an entry that is there twice",
    "INSERT INTO found_entry VALUES ('bob', 4, 't4', 5, 10)",
    "bob has 2 entries of 5 by t4; 1 were",
  ],
  [
    "an entry's seq",
    "UPDATE found_entry SET seq = 5 WHERE transfer = 't4' AND account = 'bob'",
    "Entry 3 of bob .t4. has seq 5",
  ],
  [
    "an entry's balance",
    "UPDATE found_entry SET balance = 31 WHERE account = 'bob' AND seq = 1",
    "told that bob has 30 .* says 31",
  ],
  [
    "a balance that was shown",
    "INSERT INTO told VALUES ('bob', 9, 1)",
    "told that bob has 1 after its entry 9; its statement says null",
  ],
])("%s, falsified, is reported", async (_, sql, sentence) => {
  const books = await honestBooks();
  books.database.exec(sql);
  expect(statementFaults(books).join("\n")).toMatch(new RegExp(sentence));
});

test("an unanswered operation is remembered until it is resolved; a hold past its expiry has expired", async () => {
  const books = await honestBooks();
  const ask = transfer("k7", move("alice", "bob", 10), [], { pending: true, timeout_s: 1 });
  async function* entries(heard: Heard) {
    yield entry(ask, [heard]);
  }
  await books.take(entries(unknown));
  expect([...books.unknown.keys()]).toEqual(["k7"]);
  await books.take(entries(accepted("t7")));
  expect([...books.unknown.keys()]).toEqual([]);
  expect(books.expected().get("alice")?.held).toBe(25);
  books.expire();
  expect(books.expected().get("alice")?.held).toBe(15);
});

test("a pending transfer holds the lowest point that its legs reach on each account, or nothing if credits cover it", async () => {
  const books = await honestBooks();
  const chain = [...move("alice", "bob", 10), ...move("bob", "@bank", 10), ...move("alice", "bob", 7)];
  async function* entries() {
    yield entry(transfer("k8", chain, [], { pending: true }), [accepted("t8")]);
  }
  const before = books.expected().get("alice")?.held ?? 0;
  await books.take(entries());
  expect(books.expected().get("alice")?.held).toBe(before + 17);
  expect(books.expected().get("bob")?.held).toBe(0);
});

test.each<[what: string, heard: readonly Heard[], sentence: string]>([
  [
    "two outcomes",
    [accepted("t1"), accepted("t2", true)],
    "Key k (transfer) had 2 answers: t1 t1 and t2 t2.",
  ],
  [
    "two firsts",
    [accepted("t1"), accepted("t1")],
    "Key k (transfer) had 2 answers that do not say that they are repeats.",
  ],
  [
    "a repeat of nothing",
    [accepted("t1", true)],
    "Key k (transfer) was certainly not done by any earlier request, and its answer was a repeat.",
  ],
  [
    "a refusal without a reason",
    [refused("account_closed")],
    "Key k (transfer) was refused for account_closed, for which there was no reason.",
  ],
])("%s under one key are reported", (_, heard, sentence) => {
  expect(answerFaults(transfer("k", move("alice", "bob", 1), ["insufficient_funds"]), heard)).toEqual([
    sentence,
  ]);
});

test("an impossible operation that was accepted is reported", () => {
  const ask = { ...transfer("k", move("alice", "bob", 1), []), mustFail: true };
  expect(answerFaults(ask, [accepted("t1")])).toEqual([
    "Key k (transfer) asked for what cannot be, and was accepted as t1.",
  ]);
});

function samplesOf(entries: (no: number) => number): readonly Sample[] {
  return Array.from({ length: 100 }, (_, no) => {
    return { entries: entries(no), bytes: 100, snapshotBytes: no, residentBytes: 0 };
  });
}

test("a log that keeps growing is reported, one that is trimmed is not", () => {
  expect(growthFaults(samplesOf((no) => 100 + (no % 10) * 50))).toEqual([]);
  expect(growthFaults(samplesOf((no) => 100 + no * 10))).toEqual([
    "entries in the log: 425 at first, 965 in the end.",
  ]);
});

test("positions are compared by epoch, then by seq", () => {
  expect(isAtOrAfter("0:3-17", "0:3-17")).toBe(true);
  expect(isAtOrAfter("0:3-17", "0:3-9")).toBe(true);
  expect(isAtOrAfter("0:4-1", "0:3-17")).toBe(true);
  expect(isAtOrAfter("0:3-16", "0:3-17")).toBe(false);
  expect(isAtOrAfter("0:2-99", "0:3-17")).toBe(false);
});
