/**
 * The audit, at rest and over the HTTP API: the books contain everything that clients were told, exactly once and
 * whole, and nothing else. Operations without an answer are first looked up, then retried under their key.
 */

import { isDecision, outcomeText } from "../stress/operation.ts";
import { type Client, inParallel } from "../support/client.ts";
import type { Diary, DiaryReader } from "../support/diary.ts";
import { BANK, SALES } from "./accounts.ts";
import type { AskedAgain, Books, Expected } from "./books.ts";
import type { Caller } from "./caller.ts";
import { type AccountView, accountFaults, shortened, statementFaults } from "./comparison.ts";
import type { Body, Entry } from "./entry.ts";
import { eventFaults } from "./event-comparison.ts";

/** Above all timeouts of transfers that are left to expire, and the time that shards need to deliver messages. */
const REST_MS_MAX = 30_000;
const LOOK_MS = 100;
/** One half of a transfer may have been logged this long before its caller gave up, and the other half after that. */
const GAVE_UP_MS_MAX = 60_000;

type Reconciliation = Readonly<{
  balance: number;
  entries_sum: number;
  entries_count: number;
  reconciled: boolean;
}>;
type TrialBalance = Readonly<{
  balanced: boolean;
  assets: Readonly<Record<string, Readonly<{ sum: number; in_transit: number }>>>;
}>;
export type ListedTransfer = Readonly<{
  id: string;
  memo: string | null;
  postings: readonly object[];
  status: string;
  posted_amount: number;
  reverts?: string;
  reverted_by?: string;
}>;
type ListedEntry = Readonly<{ seq: number; transfer_id: string; amount: number; balance_after?: number }>;

export type AuditOptions = Readonly<{
  api: Client;
  /** The client that retries. */
  callers: readonly Caller[];
  books: Books;
  diaries: readonly DiaryReader<Entry>[];
  /** The checker's own requests and answers; one of `diaries` reads it. */
  diary: Diary<Entry>;
}>;

export class Audit {
  readonly #options: AuditOptions;
  readonly #faults: string[] = [];
  askedAgain = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
  }

  /**
   * @param keys the number of keys to retry, besides all whose outcome was once unknown.
   * @param isWhole whether to compare every transfer, every entry and every event, too.
   * @returns faults, as sentences.
   */
  async run(keys: number, isWhole: boolean): Promise<readonly string[]> {
    const { books } = this.#options;
    this.#faults.length = 0;
    await this.#takeDiaries();
    await this.#delivered();
    await this.#settle();
    await this.#takeDiaries();
    books.expire();
    for (const key of books.unknown.keys())
      this.#faults.push(`Key ${key} has no answer, however often it asks.`);
    await this.#compareAccounts();
    await this.#compareSums();
    await this.#askAgain(keys);
    if (isWhole) {
      await this.#readAll();
      this.#faults.push(...statementFaults(books));
      this.#faults.push(...(await eventFaults(books, this.#options.api)));
    }
    return [...shortened(books.faults.splice(0)), ...this.#faults];
  }

  /** Waits until nothing is in transit: after a restart shards may still deliver messages. */
  async #delivered(): Promise<void> {
    const endMs = performance.now() + REST_MS_MAX;
    while (performance.now() < endMs) {
      const { assets } = await this.#options.api.get<TrialBalance>("/v1/trial-balance");
      if (Object.values(assets).every(({ in_transit }) => in_transit === 0)) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async #takeDiaries(): Promise<void> {
    this.#options.diary.flush();
    for (const reader of this.#options.diaries) await this.#options.books.take(reader.more());
  }

  /** Operations whose client gave up: they are there wholly or not at all, and are found by their key. */
  async #settle(): Promise<void> {
    const { callers, books, diary } = this.#options;
    const settle = (entry: Entry, lane: number) => this.#settleOne(callers[lane] as Caller, entry);
    await inParallel([...books.unknown.values()], settle, callers.length);
    diary.flush();
  }

  async #settleOne(caller: Caller, { ask, atMs }: Entry): Promise<void> {
    if (ask === undefined) return;
    const before = await this.#lookFor(ask.key, ask.body, atMs);
    const hearing = await caller.settle(ask, () => false);
    this.#options.diary.write({ atMs: Date.now(), ask, ...hearing });
    const answer = hearing.heard.find((each) => isDecision(each.answer))?.answer;
    if (answer === undefined || !isDecision(answer)) return;
    const [id] = before;
    if (id !== undefined && outcomeText(answer) !== id)
      this.#faults.push(
        `Key ${ask.key} was in the books as ${id}; asked again it is ${outcomeText(answer)}.`,
      );
    if (id === undefined && answer.is === "accepted" && answer.replayed)
      this.#faults.push(`Key ${ask.key} is said to have been done as ${answer.id}, and was in no list.`);
  }

  /** A transfer is listed by both accounts of each posting, or by none. */
  async #lookFor(key: string, body: Body | null, atMs: number): Promise<readonly string[]> {
    const from = new Date(atMs - GAVE_UP_MS_MAX).toISOString();
    const { postings = [] } = body ?? {};
    const accounts = new Set(
      postings.flatMap(({ debit_account, credit_account }) => [debit_account, credit_account]),
    );
    const ids = new Set<string>();
    const listedBy: string[] = [];
    for (const account of accounts) {
      const path = `/v1/transfers?account=${encodeURIComponent(account)}&from=${from}&limit=500`;
      for await (const page of this.#options.api.pages<ListedTransfer>(path)) {
        for (const { id, memo } of page) {
          if (memo !== key) continue;
          ids.add(id);
          listedBy.push(account);
        }
      }
    }
    if (ids.size > 1) this.#faults.push(`Key ${key} is in the books as ${[...ids].join(" and ")}.`);
    if (listedBy.length !== 0 && listedBy.length !== accounts.size)
      this.#faults.push(
        `Key ${key} moves ${[...accounts].join()}, and is listed by ${listedBy.join()} alone.`,
      );
    return [...ids];
  }

  async #compareAccounts(): Promise<void> {
    const { api, books } = this.#options;
    const expected = books.expected();
    let views = await this.accounts();
    // Transfers that were left to expire may not have expired yet.
    const endMs = performance.now() + REST_MS_MAX;
    while (performance.now() < endMs && views.some(({ id, held }) => held !== expected.get(id)?.held)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      views = await this.accounts();
    }
    this.#faults.push(...accountFaults(views, expected));
    const found: string[] = [];
    await inParallel(views, async ({ id, posted, seq }) => {
      const told = await api.get<Reconciliation>(`/v1/accounts/${encodeURIComponent(id)}/reconciliation`);
      const { balance, entries_sum, entries_count, reconciled } = told;
      if (!reconciled || balance !== posted || entries_sum !== posted || entries_count !== seq)
        found.push(
          `${id} has ${posted} after entry ${seq}, and its reconciliation is ${JSON.stringify(told)}.`,
        );
    });
    this.#faults.push(...shortened(found));
    for (const name of [BANK, SALES]) await this.#compareSystem(name, expected.get(name));
  }

  /** All accounts of the server. */
  async accounts(): Promise<readonly AccountView[]> {
    const all: AccountView[] = [];
    for await (const page of this.#options.api.pages<AccountView>("/v1/accounts?limit=500"))
      all.push(...page);
    return all;
  }

  async #compareSystem(name: string, expected: Expected | undefined): Promise<void> {
    if (expected === undefined) return;
    const path = `/v1/accounts/${encodeURIComponent(name)}`;
    const { balances } = await this.#options.api.get<{
      balances: Record<string, { posted: number; held: number }>;
    }>(path);
    for (const { posted, held } of Object.values(balances))
      if (posted !== expected.posted || held !== expected.held)
        this.#faults.push(
          `${name} has ${posted}, ${held} held; what was accepted comes to ${expected.posted}.`,
        );
  }

  async #compareSums(): Promise<void> {
    const { balanced, assets } = await this.#options.api.get<TrialBalance>("/v1/trial-balance");
    const isZero = Object.values(assets).every(({ sum, in_transit }) => sum === 0 && in_transit === 0);
    if (!balanced || !isZero)
      this.#faults.push(`The books do not balance at rest: ${JSON.stringify(assets)}.`);
  }

  async #askAgain(keys: number): Promise<void> {
    const { callers, books } = this.#options;
    const found: string[] = [];
    const askAgain = async ({ ask, outcome, digest }: AskedAgain, lane: number) => {
      const { heard } = await (callers[lane] as Caller).settle(ask, () => false);
      this.askedAgain += 1;
      const said = heard.find(({ answer }) => isDecision(answer));
      const now = said === undefined ? "not answered" : outcomeText(said.answer);
      if (now !== outcome || said?.digest !== digest)
        found.push(
          `Key ${ask.key} (${ask.kind}) was told ${outcome}; asked again it is ${now}, word for word or not.`,
        );
    };
    await inParallel([...books.toAskAgain(keys)], askAgain, callers.length);
    this.#faults.push(...shortened(found));
  }

  /** Loads all transfers and all statements into the tables of what the server has. */
  async #readAll(): Promise<void> {
    const { api, books } = this.#options;
    books.run("DELETE FROM found_transfer");
    books.run("DELETE FROM found_entry");
    books.database.exec("BEGIN");
    for await (const page of api.pages<ListedTransfer>("/v1/transfers?limit=500")) {
      for (const { id, memo, postings, status, posted_amount, reverts, reverted_by } of page) {
        const row = [id, memo, JSON.stringify(postings), status, posted_amount] as const;
        const related = [reverts ?? null, reverted_by ?? null] as const;
        books.run("INSERT INTO found_transfer VALUES (?, ?, ?, ?, ?, ?, ?)", ...row, ...related);
      }
    }
    await inParallel([...books.expected().keys()], async (account) => {
      const path = `/v1/accounts/${encodeURIComponent(account)}/entries?limit=500`;
      for await (const page of api.pages<ListedEntry>(path)) {
        for (const { seq, transfer_id, amount, balance_after = 0 } of page)
          books.run(
            "INSERT INTO found_entry VALUES (?, ?, ?, ?, ?)",
            account,
            seq,
            transfer_id,
            amount,
            balance_after,
          );
      }
    });
    books.database.exec("COMMIT");
  }
}
