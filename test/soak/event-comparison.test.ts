/** Canaries: each falsifies one thing in a correct feed of events, and the checker must report it. */
import { expect, test } from "vitest";
import type { Client } from "../support/client.ts";
import { eventFaults, foundFaults } from "./event-comparison.ts";
import { honestBooks } from "./honest-books.ts";

const EVENTS: readonly object[] = [
  { type: "account.created", subject: "alice", data: { id: "alice" } },
  { type: "transfer.posted", subject: "alice", data: { id: "t1", memo: "k1" } },
  { type: "transfer.posted", subject: "alice", data: { id: "t2", memo: "k2" } },
  { type: "transfer.received", subject: "bob", data: { id: "t2", amount: 30, balance: 30 } },
  { type: "transfer.posted", subject: "bob", data: { id: "t3" } },
  { type: "transfer.reverted", subject: "alice", data: { id: "t2", reverted_by: "t3" } },
  { type: "transfer.received", subject: "alice", data: { id: "t3", amount: 30, balance: 100 } },
  { type: "transfer.pending", subject: "alice", data: { id: "t4", memo: "k4" } },
  { type: "transfer.posted", subject: "alice", data: { id: "t4", memo: "k4" } },
  { type: "transfer.received", subject: "bob", data: { id: "t4", amount: 5, balance: 5 } },
  { type: "transfer.failed", subject: "bob", data: { code: "insufficient_funds", memo: "k6" } },
].map((event, i) => ({ id: `ev_${i}`, ...event }));

/** Reads the feed in two pages. */
async function readBooks() {
  const books = await honestBooks();
  const pages = [
    { data: EVENTS.slice(0, 4), next_cursor: "next" },
    { data: EVENTS.slice(4), next_cursor: null },
  ];
  const api = { get: async (path: string) => pages[path.endsWith("&after=next") ? 1 : 0] };
  return { books, faults: await eventFaults(books, api as unknown as Client) };
}

test("a correct feed has no fault", async () => {
  expect((await readBooks()).faults).toEqual([]);
});

const ONE = "WHERE id = 'ev_3'";

test.each([
  [
    "an event shown twice",
    "UPDATE found_event SET id = 'ev_1' WHERE id = 'ev_0'",
    "Event ev_1 is in the feed 2 times.",
  ],
  [
    "a transfer that nobody knows",
    "UPDATE found_event SET transfer = 't9' WHERE id = 'ev_1'",
    "Event ev_1, transfer.posted, is about t9, of which nobody was told.",
  ],
  [
    "a transfer without its event",
    "DELETE FROM found_event WHERE id = 'ev_1'",
    "Transfer t1 is posted, and has 0 events of that.",
  ],
  [
    "a transfer posted twice",
    "INSERT INTO found_event (id, type, transfer) VALUES ('ev_x', 'transfer.posted', 't1')",
    "Transfer t1 is posted, and has 2 events of that.",
  ],
  [
    "a revert without its event",
    "DELETE FROM found_event WHERE type = 'transfer.reverted'",
    "Transfer t2, reverted by t3, has 0 events of that.",
  ],
  [
    "a lost credit",
    `DELETE FROM found_event ${ONE}`,
    "bob got 30 by t2 in 1 entries; the feed says so 0 times.",
  ],
  [
    "another amount",
    `UPDATE found_event SET amount = 31 ${ONE}`,
    "bob got 31 by t2 in 0 entries; the feed says so 1 times.",
  ],
  [
    "a lost refusal",
    "DELETE FROM found_event WHERE type = 'transfer.failed'",
    "Key k6 was told insufficient_funds, and 0 events say that it failed.",
  ],
  [
    "another order",
    `UPDATE found_event SET place = 100 ${ONE}`,
    "The feed shows entry 1 of bob after its entry 3.",
  ],
])("%s is reported", async (_, change, sentence) => {
  const { books } = await readBooks();
  for (const index of ["transfer", "id", "memo"]) books.database.exec(`DROP INDEX found_event_${index}`);
  books.database.exec(change);
  expect(foundFaults(books)).toContain(sentence);
});
