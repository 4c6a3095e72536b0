/**
 * Jepsen's bank test: clients move money between a few accounts by every kind of command, and remember the answers.
 * Readers read all accounts at one moment, and each account alone, at the same time.
 */
import { expect } from "vitest";
import { type AccountBody, type Posting, type Said, tell, verdictOf } from "./compound-books.ts";
import { PartnerBooks } from "./partner-books.ts";
import { Random } from "./random.ts";
import type { Client } from "./server.ts";

const ACCOUNTS = 8;
export const TOTAL = 100;
const AMOUNT_MAX = 5;
const WRITERS = 8;
const READERS_OF_CUTS = 2;
/** Share of pending transfers that are left to expire. */
const FORGOTTEN = 0.15;
/** Share of posted transfers that are reverted. */
const TAKEN_BACK = 0.2;
/** Share of answered requests that are sent again. */
const SENT_AGAIN = 0.1;
const PAUSE_MS = 20;

const NOT_NOW: ReadonlySet<string> = new Set(["outcome_unknown", "log_unavailable", "overloaded"]);

export type CutBody = Readonly<{
  data: readonly AccountBody[];
  missing: readonly string[];
  in_transit: Readonly<Record<string, number>>;
}>;

/** Impossible states in one consistent read of all accounts, one sentence each. */
export function faultsOfCut({ data, missing, in_transit }: CutBody, total: number): readonly string[] {
  const faults = data.flatMap(faultsOfAccount);
  if (data.length !== ACCOUNTS || missing.length > 0)
    faults.push(`there are ${data.length} accounts, not ${ACCOUNTS}`);
  const posted = data.reduce((sum, account) => sum + account.posted, 0);
  const onItsWay = Object.values(in_transit).reduce((sum, amount) => sum + amount, 0);
  if (posted + onItsWay !== total)
    faults.push(`${posted} are there and ${onItsWay} on their way, not ${total}`);
  return faults;
}

/** The same for a read of one account. */
export function faultsOfAccount({ id, posted, held, available }: AccountBody): string[] {
  const faults: string[] = [];
  if (posted < 0 || held < 0 || available < 0) faults.push(`${id} is below zero: ${posted}, ${held} held`);
  if (available !== posted - held)
    faults.push(`${id} has ${available} available of ${posted}, with ${held} held`);
  return faults;
}

export class Bank {
  readonly #books: PartnerBooks;
  readonly #random: Random;
  readonly accounts: readonly string[];
  /**
   * Postings before and after those between the accounts. They give a transfer, and its revert, a different home
   * shard.
   */
  readonly #around: readonly Posting[];
  /** Expected balances by account, according to the answers. */
  readonly #posted: Map<string, number>;
  readonly #faults: string[] = [];
  #requests = 0;
  #isStopping = false;
  #running: Promise<unknown> = Promise.resolve();
  /** Answered cuts and completed transfers, in order. */
  readonly events: ("cut" | "transfer")[] = [];
  /** Counts by kind. */
  readonly tally = new Map<string, number>();

  private constructor(
    books: PartnerBooks,
    accounts: readonly string[],
    posted: Map<string, number>,
    seed: number,
    around: readonly Posting[],
  ) {
    this.#books = books;
    this.#around = around;
    this.accounts = accounts;
    this.#posted = posted;
    this.#random = new Random(seed);
  }

  /** @param hasOtherHome whether the home of every transfer is a shard without any of the accounts. */
  static async open(url: string, shards: number, seed: number, hasOtherHome: boolean): Promise<Bank> {
    const books = await PartnerBooks.open(url, shards, "bank");
    const posted = new Map<string, number>();
    for (let no = 0; no < ACCOUNTS; no++) {
      // Not evenly: some accounts start with almost nothing.
      const amount = no === 0 ? TOTAL - (ACCOUNTS - 1) * 10 : 10;
      posted.set(await books.funded(no % (hasOtherHome ? shards - 1 : shards), amount), amount);
    }
    const around: Posting[] = [];
    if (hasOtherHome) {
      const one = await books.account(shards - 1, { floor: null });
      const other = await books.account(shards - 1, { floor: null });
      around.push({ debit_account: one, credit_account: other, amount: 1 });
      around.push({ debit_account: other, credit_account: one, amount: 1 });
    }
    return new Bank(books, [...posted.keys()], posted, seed, around);
  }

  get client(): Client {
    return this.#books.client;
  }

  begin(): void {
    this.#isStopping = false;
    const lanes = [
      ...Array.from({ length: WRITERS }, () => this.#repeat(() => this.#write())),
      ...Array.from({ length: READERS_OF_CUTS }, () => this.#repeat(() => this.#readCut())),
      this.#repeat(() => this.#readOne()),
    ];
    this.#running = Promise.all(lanes);
  }

  /** Resolves when every client has the answer to its last request. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
    expect(this.#faults).toEqual([]);
  }

  /** Resolves when so many of each have happened, or when nothing more will happen. */
  has(cuts: number, transfers: number): boolean {
    return this.#faults.length > 0 || (this.count("cut") >= cuts && this.count("transfer") >= transfers);
  }

  count(event: "cut" | "transfer"): number {
    return this.events.filter((each) => each === event).length;
  }

  /** Checks that the books contain exactly what was answered, and that nothing is pending. */
  async check(): Promise<void> {
    const cut = await this.client.get<CutBody>(this.#pathOfCut);
    expect(faultsOfCut(cut, TOTAL)).toEqual([]);
    expect(Object.values(cut.in_transit).filter((amount) => amount !== 0)).toEqual([]);
    const found = cut.data.map(({ id, posted, held }) => ({ id, posted, held }));
    expect(found).toEqual(this.accounts.map((id) => ({ id, posted: this.#posted.get(id), held: 0 })));
    for (const { id, posted } of found) {
      expect(await this.client.get(`/v1/accounts/${id}/reconciliation`), id).toMatchObject({
        balance: posted,
        entries_sum: posted,
        difference: 0,
        reconciled: true,
      });
    }
  }

  /** The amount held by pending transfers that have not expired. */
  async held(): Promise<number> {
    const { data } = await this.client.get<CutBody>(this.#pathOfCut);
    return data.reduce((sum, { held }) => sum + held, 0);
  }

  get #pathOfCut(): string {
    return `/v1/accounts?ids=${this.accounts.join(",")}&consistent=true`;
  }

  /** The first fault stops the bank: later ones say nothing new. */
  async #repeat(work: () => Promise<void>): Promise<void> {
    while (!this.#isStopping && this.#faults.length === 0) {
      try {
        await work();
      } catch (error) {
        this.#faults.push(String(error));
      }
    }
  }

  async #readCut(): Promise<void> {
    const cut = await this.#get<CutBody>(this.#pathOfCut);
    if (cut === undefined) return;
    this.events.push("cut");
    this.#faults.push(...faultsOfCut(cut, TOTAL));
  }

  async #readOne(): Promise<void> {
    const account = await this.#get<AccountBody>(`/v1/accounts/${this.#random.oneOf(this.accounts)}`);
    if (account === undefined) return;
    this.#note("read");
    this.#faults.push(...faultsOfAccount(account));
  }

  /** @returns `undefined` if it cannot be answered now. */
  async #get<T>(path: string): Promise<T | undefined> {
    const { status, text } = await this.client.send("GET", path);
    if (status === 200) return JSON.parse(text) as T;
    const { code } = JSON.parse(text) as { code: string };
    if (!NOT_NOW.has(code)) throw new Error(`GET ${path}: ${text}`);
    this.#note(`read ${code}`);
    await pause();
    return undefined;
  }

  async #write(): Promise<void> {
    const kind = this.#random.fraction();
    if (kind < 0.5) await this.#move([this.#posting()]);
    else if (kind < 0.7) await this.#move([this.#posting(), this.#posting()]);
    else if (kind < 0.85) await this.#hold([this.#posting()]);
    else await this.#hold([this.#posting(), this.#posting()]);
  }

  async #move(postings: readonly Posting[]): Promise<void> {
    const said = await this.#ask("/v1/transfers", { postings: this.#atHome(postings) });
    this.#note(`move ${postings.length}: ${verdictOf(said)}`);
    if (isRefused(said, "insufficient_funds")) return;
    this.#apply(postings);
    this.events.push("transfer");
    if (this.#random.chance(TAKEN_BACK)) await this.#takeBack(said.transfer.id, postings);
  }

  async #takeBack(id: string, postings: readonly Posting[]): Promise<void> {
    const said = await this.#ask(`/v1/transfers/${id}/revert`);
    this.#note(`revert: ${verdictOf(said)}`);
    if (isRefused(said, "insufficient_funds")) return;
    this.#apply(
      postings.map(({ debit_account, credit_account, amount }) => {
        return { debit_account: credit_account, credit_account: debit_account, amount };
      }),
    );
    this.events.push("transfer");
  }

  #atHome(postings: readonly Posting[]): readonly Posting[] {
    return [...this.#around.slice(0, 1), ...postings, ...this.#around.slice(1)];
  }

  async #hold(postings: readonly Posting[]): Promise<void> {
    const isForgotten = this.#random.chance(FORGOTTEN);
    const ending = isForgotten ? { timeout_s: 1 } : {};
    const all = this.#atHome(postings);
    const said = await this.#ask("/v1/transfers", { postings: all, pending: true, ...ending });
    this.#note(`hold ${postings.length}: ${verdictOf(said)}`);
    if (isRefused(said, "insufficient_funds") || isForgotten) return;
    const path = `/v1/transfers/${said.transfer.id}`;
    if (this.#random.chance(0.4)) {
      expect(verdictOf(await this.#ask(`${path}/void`)), "a void of what is pending").toBe("200");
      this.#note("void");
      return;
    }
    const [first] = postings;
    if (all.length === 1 && first !== undefined && first.amount > 1 && this.#random.chance(0.5)) {
      const amount = 1 + this.#random.below(first.amount - 1);
      const isFinal = this.#random.chance(0.5);
      await this.#post(path, { amount, final: isFinal }, [{ ...first, amount }]);
      if (!isFinal) await this.#post(path, {}, [{ ...first, amount: first.amount - amount }]);
    } else await this.#post(path, {}, postings);
  }

  async #post(path: string, body: object, postings: readonly Posting[]): Promise<void> {
    expect(verdictOf(await this.#ask(`${path}/post`, body)), "a post of what is held").toBe("200");
    this.#note("post");
    this.#apply(postings);
    this.events.push("transfer");
  }

  /** Retries with the same key until there is an answer, and sometimes once more. */
  async #ask(path: string, body?: object): Promise<Said> {
    const key = `r${this.#requests++}`;
    let said = await this.#tryOnce(path, body, key);
    while (said === undefined || NOT_NOW.has(said.code ?? "")) {
      await pause();
      said = await this.#tryOnce(path, body, key);
    }
    if (!this.#random.chance(SENT_AGAIN)) return said;
    const again = await this.#tryOnce(path, body, key);
    if (again === undefined || NOT_NOW.has(again.code ?? "")) return said;
    this.#note("asked again");
    if (again.text !== said.text || !again.isRepeat)
      this.#faults.push(`${key} was told ${said.text}, then ${again.text}`);
    return said;
  }

  /** @returns `undefined` if the connection broke. */
  async #tryOnce(path: string, body: object | undefined, key: string): Promise<Said | undefined> {
    try {
      return await tell(this.client, path, body, key);
    } catch {
      this.#note("connection broken");
      return undefined;
    }
  }

  #posting(): Posting {
    const debit_account = this.#random.oneOf(this.accounts);
    const credit_account = this.#random.oneOf(this.accounts.filter((id) => id !== debit_account));
    return { debit_account, credit_account, amount: 1 + this.#random.below(AMOUNT_MAX) };
  }

  #apply(postings: readonly Posting[]): void {
    for (const { debit_account, credit_account, amount } of postings) {
      this.#posted.set(debit_account, (this.#posted.get(debit_account) ?? 0) - amount);
      this.#posted.set(credit_account, (this.#posted.get(credit_account) ?? 0) + amount);
    }
  }

  #note(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }
}

function isRefused({ code, text }: Said, only: string): boolean {
  if (code !== undefined) expect(code, text).toBe(only);
  return code !== undefined;
}

/** Avoids a busy loop while no server answers. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
