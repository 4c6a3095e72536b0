/**
 * Random histories over two and three shards: transfers in all directions, closed accounts, ceilings, concurrent
 * requests with one key; shards that crash at every step of the protocol, appends that fail or lose their answers. In
 * the end the logs must agree with the replies.
 */
import { describe, expect, test } from "vitest";
import type {
  Credited,
  LogRecord,
  Outcome,
  TransferPosted,
  TransferSent,
} from "../../../src/actors/records/command.ts";
import { type History, runHistory } from "./cross-shard-history.ts";

const HISTORIES = Number(process.env["HISTORIES"] ?? 60);
const FIRST_SEED = Number(process.env["SEED"] ?? 1);

/** Regression seeds: each one found a bug once. */
const REGRESSIONS: readonly (readonly [seed: number, shards: number])[] = [];

describe.each([2, 3])("over %i shards", (shards) => {
  test("I1, I2, I4, I5, I8, I11: no money is created or lost, and every key has one outcome, logged once", async () => {
    let crashes = 0;
    let crossed = 0;
    const seeds = Array.from({ length: HISTORIES }, (_, i) => FIRST_SEED + i);
    for (const seed of [...REGRESSIONS.filter(([, of]) => of === shards).map(([s]) => s), ...seeds]) {
      const history = await runHistory(seed, shards).catch((error: unknown) => {
        throw new Error(`seed ${seed}`, { cause: error });
      });
      const problems = problemsOf(history);
      expect(problems, `SEED=${seed} HISTORIES=1, ${shards} shards`).toEqual([]);
      crashes += history.crashes;
      crossed += history.logs.flat().filter(({ command }) => command.op === "credit").length;
    }
    // Otherwise the run would have tested nothing.
    expect(crashes).toBeGreaterThan(HISTORIES);
    expect(crossed).toBeGreaterThan(HISTORIES * 10);
  }, 120_000);
});

test("the checker finds a missing credit, a duplicate one, and a reply that is not in the log", async () => {
  const history = await runHistory(1, 2);
  const without = history.logs.map((log) => log.filter(({ command }) => command.op !== "credit"));
  expect(problemsOf({ ...history, logs: without })).not.toEqual([]);
  const credit = history.logs.flat().find(({ command }) => command.op === "credit") as LogRecord;
  expect(problemsOf({ ...history, logs: [...history.logs, [credit]] })).not.toEqual([]);
  const [first] = history.asked.filter(({ outcomes }) => outcomes[0]?.ok === true);
  const other = { ok: false, code: "insufficient_funds", subject: null } as const;
  const asked = [{ ...first, outcomes: [other] }, ...history.asked] as History["asked"];
  expect(problemsOf({ ...history, asked })).not.toEqual([]);
});

function problemsOf({ asked, logs, balances, trial }: History): string[] {
  const problems: string[] = [];
  const books = new Map<string, { posted: number; seq: number; closed: boolean; ceiling: number | null }>();
  const byKey = new Map<string, Outcome | TransferSent>();
  const sent = new Map<string, number>();
  for (const record of logs.flat()) {
    const { command, outcome } = record;
    if (command.key !== null) {
      if (byKey.has(command.key)) problems.push(`key ${command.key} is in the logs twice`);
      byKey.set(command.key, outcome);
    }
    problems.push(...post(books, record));
    if ("to" in outcome && command.op === "transfer") sent.set(outcome.id, command.amount);
  }
  for (const { command } of logs.flat()) {
    if (command.op !== "credit") continue;
    if (sent.get(command.id) !== command.amount) problems.push(`credit of ${command.id} was not sent once`);
    sent.delete(command.id);
  }
  for (const id of sent.keys()) problems.push(`transfer ${id} has no credit`);
  for (const [id, posted] of balances) {
    if (books.get(id)?.posted !== posted) problems.push(`${id} has ${posted}, its log says otherwise`);
  }
  for (const { command, outcomes } of asked) {
    const [first] = outcomes;
    if (new Set(outcomes.map((each) => JSON.stringify(each))).size > 1)
      problems.push(`key ${command.key} has several outcomes: ${JSON.stringify(outcomes)}`);
    const logged = byKey.get(command.key ?? "");
    const same = first?.ok === true ? idOf(first) === idOf(logged) : isEqual(first, logged);
    if (!same) problems.push(`key ${command.key} was answered otherwise than logged`);
  }
  const { sum, inTransit } = trial.assets["PTS/0"] ?? { sum: 1n, inTransit: 0n };
  if (sum !== 0n || inTransit !== 0n) problems.push(`trial balance ${sum}, in transit ${inTransit}`);
  return problems;
}

type Books = Map<string, { posted: number; seq: number; closed: boolean; ceiling: number | null }>;

/** Applies one record. @returns its problems */
function post(books: Books, { command, outcome }: LogRecord): string[] {
  if (!outcome.ok) return [];
  switch (command.op) {
    case "create_account":
      books.set(command.id, { posted: 0, seq: 0, closed: false, ceiling: command.ceiling });
      return [];
    case "update_account":
    case "set_account_status": {
      const book = books.get(command.id);
      if (book === undefined) return [`${command.id} is not open`];
      if (command.op === "set_account_status") book.closed = true;
      else book.ceiling = command.ceiling ?? null;
      return book.ceiling !== null && book.posted > book.ceiling
        ? [`${command.id} is above its ceiling`]
        : [];
    }
    case "transfer": {
      const entries = [...enter(books, command.debit, -command.amount, debitOf(outcome))];
      if (!("to" in outcome))
        entries.push(...enter(books, command.credit, command.amount, creditOf(outcome)));
      return entries;
    }
    case "credit":
      return enter(books, command.credit, command.amount, outcome as Credited);
    default:
      return [];
  }
}

function enter(books: Books, id: string, amount: number, after: { posted: number; seq: number }): string[] {
  if (id.startsWith("@")) return [];
  const book = books.get(id);
  if (book === undefined || book.closed) return [`an entry on ${id}, which is not open`];
  book.posted += amount;
  book.seq += 1;
  const problems: string[] = [];
  if (book.posted < 0) problems.push(`${id} is negative`);
  if (amount > 0 && book.ceiling !== null && book.posted > book.ceiling)
    problems.push(`${id} is above its ceiling`);
  if (after.posted !== book.posted || after.seq !== book.seq)
    problems.push(`an entry on ${id} does not follow`);
  return problems;
}

function debitOf(outcome: LogRecord["outcome"]): { posted: number; seq: number } {
  const { debitPosted: posted, debitSeq: seq } = outcome as TransferSent;
  return { posted, seq };
}

function creditOf(outcome: LogRecord["outcome"]): { posted: number; seq: number } {
  const { creditPosted: posted, creditSeq: seq } = outcome as TransferPosted;
  return { posted, seq };
}

function idOf(outcome: Outcome | TransferSent | undefined): string {
  return outcome !== undefined && "id" in outcome ? outcome.id : JSON.stringify(outcome);
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
