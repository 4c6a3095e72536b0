/**
 * The expected books according to the clients' answers: a minimal ledger that adds up accepted answers. It is a
 * database on disk, since a soak has millions of entries. The server's data is loaded into further tables, and
 * `comparison.ts` compares them.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { isDecision } from "../stress/operation.ts";
import { VAULTS } from "./accounts.ts";
import { answerFaults } from "./answer-faults.ts";
import type { Ask, Entry, Heard, Posting } from "./entry.ts";
import type { Canary } from "./options.ts";

const SCHEMA = `
  PRAGMA journal_mode = OFF;
  PRAGMA synchronous = OFF;
  CREATE TABLE asked (ask TEXT, outcome TEXT, digest TEXT, was_unknown INTEGER);
  CREATE TABLE transfer (
    id TEXT PRIMARY KEY, memo TEXT, postings TEXT, status TEXT, posted INTEGER, ends INTEGER, reverts TEXT, reverted_by TEXT
  ) WITHOUT ROWID;
  CREATE TABLE leg (account TEXT, transfer TEXT, amount INTEGER);
  CREATE TABLE told (account TEXT, seq INTEGER, posted INTEGER);
  CREATE TABLE found_transfer (id TEXT, memo TEXT, postings TEXT, status TEXT, posted INTEGER, reverts TEXT, reverted_by TEXT);
  CREATE TABLE found_entry (account TEXT, seq INTEGER, transfer TEXT, amount INTEGER, balance INTEGER);`;

/** The expected state of one account. */
export type Expected = { posted: number; held: number; entries: number; limits: readonly object[] };
export type AskedAgain = Readonly<{ ask: Ask; outcome: string; digest: string }>;
type Row = Readonly<{ postings: string; posted: number; status: string }>;

export class Books {
  readonly database: DatabaseSync;
  /** Operations whose outcome is still unknown. */
  readonly unknown = new Map<string, Entry>();
  readonly faults: string[] = [];
  /** By account, system accounts included; `expected` fills in `held`. */
  readonly #accounts = new Map<string, Expected>();
  readonly #statements = new Map<string, StatementSync>();
  #canary: Canary | undefined;
  accepted = 0;
  refused = 0;
  /** Operations whose outcome was unknown at first. */
  settled = 0;

  constructor(file: string, canary?: Canary) {
    this.database = new DatabaseSync(file);
    this.database.exec(SCHEMA);
    this.#canary = canary;
  }

  /** Reads new entries of the diaries. */
  async take(entries: AsyncIterable<Entry>): Promise<void> {
    this.database.exec("BEGIN");
    for await (const entry of entries) this.#take(this.#falsified(entry));
    this.database.exec("COMMIT");
  }

  /** At rest, after all timeouts: whatever is still pending has expired. */
  expire(): void {
    this.database.exec("UPDATE transfer SET status = 'expired' WHERE status = 'pending' AND ends = 1");
  }

  /** The expected state of each account now. */
  expected(): ReadonlyMap<string, Expected> {
    for (const account of this.#accounts.values()) account.held = 0;
    const open = this.database
      .prepare("SELECT postings, posted FROM transfer WHERE status = 'pending'")
      .iterate();
    for (const row of open) {
      const { postings, posted } = row as unknown as Row;
      const legs = (JSON.parse(postings) as Posting[]).map((leg) => ({
        ...leg,
        amount: leg.amount - posted,
      }));
      for (const [account, dip] of dipsOf(legs)) this.#account(account).held += dip;
    }
    return this.#accounts;
  }

  /** A uniform sample of the decided keys, and all whose outcome was once unknown. */
  *toAskAgain(count: number): Generator<AskedAgain> {
    const { last = 0 } = this.#get("SELECT max(rowid) AS last FROM asked") as { last?: number };
    const step = Math.max(1, Math.floor(last / count));
    const rows = this.#prepare("SELECT * FROM asked WHERE rowid % ? = 0 OR was_unknown = 1").iterate(step);
    for (const row of rows) {
      const { ask, outcome, digest } = row as unknown as { ask: string; outcome: string; digest: string };
      yield { ask: JSON.parse(ask) as Ask, outcome, digest };
    }
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.#prepare(sql).run(...values);
  }

  close(): void {
    this.database.close();
  }

  #take(entry: Entry): void {
    for (const [account, seq, posted] of entry.told)
      this.run("INSERT INTO told VALUES (?, ?, ?)", account, seq, posted);
    if (entry.fault !== undefined) this.faults.push(entry.fault);
    const { ask, heard = [] } = entry;
    if (ask === undefined) return;
    const before = this.unknown.get(ask.key);
    const all = [...(before?.heard ?? []), ...heard];
    const decision = all.find(({ answer }) => isDecision(answer));
    if (decision === undefined) {
      this.unknown.set(ask.key, { ...entry, atMs: before?.atMs ?? entry.atMs, heard: all });
      return;
    }
    this.unknown.delete(ask.key);
    this.faults.push(...answerFaults(ask, all));
    this.#decide(
      ask,
      decision,
      all.some(({ answer }) => answer.is === "unknown"),
    );
  }

  #decide(ask: Ask, { answer, digest }: Heard, wasUnknown: boolean): void {
    if (wasUnknown) this.settled += 1;
    const outcome = answer.is === "accepted" ? answer.id : answer.is === "rejected" ? answer.code : "";
    this.run(
      "INSERT INTO asked VALUES (?, ?, ?, ?)",
      JSON.stringify(ask),
      outcome,
      digest,
      wasUnknown ? 1 : 0,
    );
    if (answer.is === "accepted") this.#accept(ask, answer.id);
    else this.refused += 1;
  }

  #accept(ask: Ask, id: string): void {
    this.accepted += 1;
    const { kind, body, key, about } = ask;
    switch (kind) {
      case "account":
        this.#account(id);
        return;
      case "patch":
        this.#account(id).limits = body?.limits ?? [];
        return;
      case "transfer":
      case "item": {
        const { postings = [], pending = false, timeout_s } = body ?? {};
        const posted = pending ? 0 : postings.reduce((sum, { amount }) => sum + amount, 0);
        const status = pending ? "pending" : "posted";
        this.#begin(id, key, postings, status, posted, timeout_s === undefined ? 0 : 1, null);
        if (!pending) this.#move(id, postings);
        return;
      }
      case "post":
        return this.#post(id, body?.amount, body?.final ?? false);
      case "void":
        this.run("UPDATE transfer SET status = 'voided' WHERE id = ?", id);
        return;
      case "revert": {
        const postings = this.#postingsOf(about ?? "").toReversed();
        const back = postings.map(({ debit_account, credit_account, amount }) => {
          return { debit_account: credit_account, credit_account: debit_account, amount };
        });
        const posted = back.reduce((sum, { amount }) => sum + amount, 0);
        this.#begin(id, null, back, "posted", posted, 0, about);
        this.run("UPDATE transfer SET reverted_by = ? WHERE id = ?", id, about);
        this.#move(id, back);
      }
    }
  }

  #begin(
    id: string,
    memo: string | null,
    postings: readonly Posting[],
    status: string,
    posted: number,
    ends: 0 | 1,
    reverts: string | null,
  ): void {
    if (this.#rowOf(id) !== undefined) {
      this.faults.push(`Two keys were told that they are transfer ${id}, of which one is ${memo}.`);
      return;
    }
    const text = JSON.stringify(postings);
    this.run(
      "INSERT INTO transfer VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
      id,
      memo,
      text,
      status,
      posted,
      ends,
      reverts,
    );
  }

  /** A transfer of one posting may be posted in parts; several postings are posted together. */
  #post(id: string, part: number | undefined, isFinal: boolean): void {
    const row = this.#rowOf(id);
    const postings = this.#postingsOf(id);
    const left = postings.reduce((sum, { amount }) => sum + amount, 0) - (row?.posted ?? 0);
    const amount = part ?? left;
    const status = isFinal || amount === left ? "posted" : "pending";
    this.run("UPDATE transfer SET status = ?, posted = posted + ? WHERE id = ?", status, amount, id);
    this.#move(id, postings.length === 1 ? postings.map((posting) => ({ ...posting, amount })) : postings);
  }

  #move(id: string, postings: readonly Posting[]): void {
    for (const { debit_account, credit_account, amount } of postings) {
      for (const [account, signed] of [
        [debit_account, -amount],
        [credit_account, amount],
      ] as const) {
        this.run("INSERT INTO leg VALUES (?, ?, ?)", account, id, signed);
        const expected = this.#account(account);
        expected.posted += signed;
        expected.entries += 1;
      }
    }
  }

  #postingsOf(id: string): readonly Posting[] {
    const row = this.#rowOf(id);
    if (row === undefined) this.faults.push(`Transfer ${id} was acted on, and nobody was told of it.`);
    return row === undefined ? [] : (JSON.parse(row.postings) as Posting[]);
  }

  #rowOf(id: string): Row | undefined {
    return this.#get("SELECT postings, posted, status FROM transfer WHERE id = ?", id) as Row | undefined;
  }

  #account(id: string): Expected {
    let account = this.#accounts.get(id);
    if (account === undefined) {
      account = { posted: 0, held: 0, entries: 0, limits: [] };
      this.#accounts.set(id, account);
    }
    return account;
  }

  /** Falsifies the checker's own memory: drops or changes one acknowledged transfer that is never reverted. */
  #falsified(entry: Entry): Entry {
    const { ask, heard = [] } = entry;
    const [posting, ...others] = ask?.body?.postings ?? [];
    const isOne =
      ask?.body?.pending !== true && others.length === 0 && VAULTS.includes(posting?.debit_account ?? "");
    const isAccepted = heard.some(({ answer }) => answer.is === "accepted");
    if (this.#canary === undefined || posting === undefined || !isOne || !isAccepted) return entry;
    const isDropped = this.#canary === "entry";
    this.#canary = undefined;
    if (isDropped || ask === undefined) return { atMs: entry.atMs, told: [] };
    const postings = [{ ...posting, amount: posting.amount + 1 }];
    return { ...entry, ask: { ...ask, body: { ...ask.body, postings } } };
  }

  #get(sql: string, ...values: SQLInputValue[]): object | undefined {
    return this.#prepare(sql).get(...values);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/**
 * The holds of a pending transfer: on each account the lowest point that any prefix of its legs reaches. Only a
 * transfer of one posting is posted in parts.
 */
function dipsOf(postings: readonly Posting[]): ReadonlyMap<string, number> {
  const nets = new Map<string, number>();
  const dips = new Map<string, number>();
  for (const { debit_account, credit_account, amount } of postings) {
    nets.set(debit_account, (nets.get(debit_account) ?? 0) - amount);
    nets.set(credit_account, (nets.get(credit_account) ?? 0) + amount);
    dips.set(debit_account, Math.max(dips.get(debit_account) ?? 0, -(nets.get(debit_account) ?? 0)));
  }
  return dips;
}
