/** Correct books of a few operations, with what the server has to show for them. */
import { onTestFinished } from "vitest";
import { action, opening, transfer } from "./accounts.ts";
import { Books } from "./books.ts";
import type { Ask, Entry, Heard, Told } from "./entry.ts";

export const accepted = (id: string, replayed = false): Heard => {
  return { answer: { is: "accepted", id, replayed }, digest: id, times: 1 };
};
export const refused = (code: string): Heard => {
  return { answer: { is: "rejected", code, replayed: false }, digest: code, times: 1 };
};
export const unknown: Heard = {
  answer: { is: "unknown", why: "the connection broke" },
  digest: "",
  times: 1,
};

export function entry(ask: Ask, heard: readonly Heard[], told: readonly Told[] = []): Entry {
  return { atMs: 0, ask, heard, told };
}

export const move = (debit_account: string, credit_account: string, amount: number) => [
  { debit_account, credit_account, amount },
];

/** alice gets 100 and pays bob 30, of which he gives 30 back; 20 are held, 5 of them posted. */
export async function* told(): AsyncGenerator<Entry> {
  yield entry(opening("o1", "alice"), [accepted("alice")], [["alice", 0, 0]]);
  yield entry(opening("o2", "bob"), [accepted("bob")]);
  yield entry(transfer("k1", move("@bank", "alice", 100), []), [accepted("t1")], [["alice", 1, 100]]);
  yield entry(
    transfer("k2", move("alice", "bob", 30), []),
    [unknown, accepted("t2", true)],
    [["bob", 1, 30]],
  );
  yield entry(action("revert", "k3", "t2", []), [accepted("t3")]);
  yield entry(transfer("k4", move("alice", "bob", 20), [], { pending: true }), [accepted("t4")]);
  yield entry(action("post", "k5", "t4", [], { amount: 5 }), [accepted("t4")], [["alice", 4, 95]]);
  yield entry(transfer("k6", move("bob", "alice", 900), ["insufficient_funds"]), [
    refused("insufficient_funds"),
  ]);
}

const FOUND = `
  INSERT INTO found_transfer VALUES
    ('t1', 'k1', '[{"debit_account":"@bank","credit_account":"alice","amount":100}]', 'posted', 100, NULL, NULL),
    ('t2', 'k2', '[{"debit_account":"alice","credit_account":"bob","amount":30}]', 'posted', 30, NULL, 't3'),
    ('t3', NULL, '[{"debit_account":"bob","credit_account":"alice","amount":30}]', 'posted', 30, 't2', NULL),
    ('t4', 'k4', '[{"debit_account":"alice","credit_account":"bob","amount":20}]', 'pending', 5, NULL, NULL);
  INSERT INTO found_entry VALUES
    ('@bank', 1, 't1', -100, 0), ('alice', 1, 't1', 100, 100), ('alice', 2, 't2', -30, 70), ('bob', 1, 't2', 30, 30),
    ('bob', 2, 't3', -30, 0), ('alice', 3, 't3', 30, 100), ('alice', 4, 't4', -5, 95), ('bob', 3, 't4', 5, 5)`;

export async function honestBooks(): Promise<Books> {
  const books = new Books(":memory:");
  onTestFinished(() => books.close());
  await books.take(told());
  books.database.exec(FOUND);
  return books;
}
