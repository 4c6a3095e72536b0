/**
 * Load with a memory: callers that move money and remember what they were told, and a check that compares all of it
 * with what the server knows. Its model of the ledger is its own and as small as can be.
 */
import { expect } from "vitest";
import { type Answer, Client, until } from "./server.ts";

export const ASSET = "PTS/0";
const OVERSPENT = 60;
const CHECKERS = 24;

type Verdict =
  /** Under way. */
  | Readonly<{ is: "open" }>
  /** The connection broke, or 503 `outcome_unknown`. */
  | Readonly<{ is: "unknown" }>
  /** 503 `log_unavailable` or `overloaded`, or nobody listened: certainly not done, now or later. */
  | Readonly<{ is: "not_done" }>
  | Readonly<{ is: "accepted"; id: string }>
  | Readonly<{ is: "rejected"; code: string }>;

type Operation = {
  readonly key: string;
  readonly debit: string;
  readonly credit: string;
  readonly amount: number;
  readonly inBatch: boolean;
  verdict: Verdict;
};

export type LoadOptions = Readonly<{
  partnerKey: string;
  owners?: number;
  ownerPrefix?: string;
  seed?: number;
  batchItems?: number;
}>;

export class Load {
  readonly partnerKey: string;
  owners: readonly string[];
  readonly #name: string;
  readonly operations: Operation[] = [];
  readonly #batchItems: number;
  readonly #random: () => number;
  #client: Client | undefined;
  #stopping = false;
  #running: Promise<unknown> = Promise.resolve();
  /** Answers of the server in an order that a test may wait for. */
  acknowledged = 0;
  /** Requests whose connection broke before their answer. */
  broken = 0;

  constructor({ partnerKey, owners = 24, ownerPrefix = "owner", seed = 1, batchItems = 12 }: LoadOptions) {
    this.partnerKey = partnerKey;
    this.owners = Array.from({ length: owners }, (_, no) => `${ownerPrefix}${no}`);
    this.#name = ownerPrefix;
    this.#batchItems = batchItems;
    this.#random = mulberry32(seed);
  }

  get accounts(): readonly string[] {
    return this.owners.flatMap((owner) => [`${owner}/a`, `${owner}/b`]);
  }

  count(is: Verdict["is"]): number {
    return this.operations.filter(({ verdict }) => verdict.is === is).length;
  }

  /** Opens its accounts, two for each owner; `isWanted` leaves owners out. */
  async open(url: string, isWanted: (owner: string) => boolean = () => true): Promise<void> {
    this.owners = this.owners.filter(isWanted);
    const client = new Client(url, this.partnerKey);
    await inParallel(this.accounts, async (id) => {
      const { status, text } = await client.send("POST", "/v1/accounts", { id, asset: ASSET });
      expect(status, text).toBe(201);
    });
    client.close();
  }

  /** Callers that each send their next request as soon as they have an answer. They go on until `stop`. */
  begin(url: string, callers = 16, owners: readonly string[] = this.owners): void {
    const client = new Client(url, this.partnerKey, callers);
    this.#client = client;
    this.#stopping = false;
    this.#running = Promise.all(Array.from({ length: callers }, () => this.#call(client, owners)));
  }

  /** Resolves when all callers have their answer, or know that they get none. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    this.#client?.close();
  }

  /** Resolves when so many more have been answered. */
  async moreAcknowledged(count: number, msMax = 20_000): Promise<void> {
    const goal = this.acknowledged + count;
    await until(`${count} more answers`, () => this.acknowledged >= goal, msMax);
  }

  async #call(client: Client, owners: readonly string[]): Promise<void> {
    while (!this.#stopping) {
      if (this.#random() < 0.1) await this.#sendBatch(client, owners);
      else await this.#sendOne(client, this.#newOperation(owners, false));
      const last = this.operations.at(-1)?.verdict.is;
      // Whom nobody answers need not knock a thousand times a second.
      if (last === "not_done" || last === "unknown") await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #newOperation(owners: readonly string[], inBatch: boolean): Operation {
    const owner = owners[Math.floor(this.#random() * owners.length)] ?? "";
    const [from, to] = this.#random() < 0.5 ? ["a", "b"] : ["b", "a"];
    const issues = this.#random() < 0.4;
    const operation: Operation = {
      key: `${this.#name}-${this.operations.length}`,
      debit: issues ? "@issuance" : `${owner}/${from}`,
      credit: `${owner}/${to}`,
      amount: 1 + Math.floor(this.#random() * OVERSPENT),
      inBatch,
      verdict: { is: "open" },
    };
    this.operations.push(operation);
    return operation;
  }

  async #sendOne(client: Client, operation: Operation): Promise<Answer | undefined> {
    try {
      const answer = await client.send("POST", "/v1/transfers", bodyOf(operation), {
        "Idempotency-Key": operation.key,
      });
      this.#learn(operation, verdictOf(answer));
      return answer;
    } catch (error) {
      operation.verdict = this.#verdictOfFailure(error);
      return undefined;
    }
  }

  async #sendBatch(client: Client, owners: readonly string[]): Promise<void> {
    const items = Array.from({ length: this.#batchItems }, () => this.#newOperation(owners, true));
    await this.#sendItems(client, items);
  }

  async #sendItems(client: Client, items: readonly Operation[]): Promise<void> {
    let answer: Answer;
    try {
      const transfers = items.map((item) => ({ ...bodyOf(item), idempotency_key: item.key }));
      answer = await client.send("POST", "/v1/transfers/batch", { transfers });
    } catch (error) {
      const verdict = this.#verdictOfFailure(error);
      for (const item of items) item.verdict = verdict;
      return;
    }
    if (answer.status !== 200) {
      for (const item of items) item.verdict = verdictOf(answer);
      return;
    }
    const { results } = JSON.parse(answer.text) as {
      results: { status: number; id: string; code: string }[];
    };
    expect(results.length).toBe(items.length);
    for (const [place, item] of items.entries()) {
      const { status, id, code } = results[place] ?? { status: 0, id: "", code: "" };
      this.#learn(item, status === 201 ? { is: "accepted", id } : verdictOfCode(code));
    }
  }

  #learn(operation: Operation, verdict: Verdict): void {
    operation.verdict = verdict;
    if (verdict.is === "accepted" || verdict.is === "rejected") this.acknowledged += 1;
  }

  #verdictOfFailure(error: unknown): Verdict {
    const refused = error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
    if (!refused) this.broken += 1;
    return { is: refused ? "not_done" : "unknown" };
  }

  /**
   * Sends again what has no outcome, with the same key: it gets the one outcome there is. What was certainly not
   * done must turn out to be new. Returns how many of the unknown ones had been done.
   */
  async settle(url: string): Promise<number> {
    const client = new Client(url, this.partnerKey);
    let done = 0;
    const open = this.operations.filter(
      ({ verdict }) => verdict.is === "unknown" || verdict.is === "not_done",
    );
    await inParallel(open, async (operation) => {
      const before = operation.verdict;
      if (operation.inBatch) await this.#sendItems(client, [operation]);
      else {
        const answer = await this.#sendOne(client, operation);
        const replayed = answer?.headers["idempotency-replayed"] === "true";
        if (replayed) done += 1;
        if (before.is === "not_done") expect(replayed, `${operation.key} was certainly not done`).toBe(false);
      }
      expect(operation.verdict.is, operation.key).toMatch(/accepted|rejected/);
    });
    client.close();
    return done;
  }

  /** Everything that was acknowledged, to these callers and to `others`, is there exactly once, whole, and nothing else. */
  async check(url: string, others: readonly Load[] = []): Promise<void> {
    const client = new Client(url, this.partnerKey);
    const loads = [this, ...others];
    for (const load of loads) {
      await load.settle(url);
      await load.#checkTransfers(client);
      await load.#checkAccounts(client);
      await load.#checkKeys(client);
    }
    await checkTotals(
      client,
      loads.flatMap((load) => load.#accepted),
    );
    client.close();
  }

  get #accepted(): readonly (Operation & { id: string })[] {
    return this.operations.flatMap((operation) =>
      operation.verdict.is === "accepted" ? [{ ...operation, id: operation.verdict.id }] : [],
    );
  }

  async #checkTransfers(client: Client): Promise<void> {
    const accepted = this.#accepted;
    const byId = new Map(accepted.map((operation) => [operation.id, operation]));
    expect(byId.size, "each transfer has an id of its own").toBe(accepted.length);
    await inParallel(accepted, async ({ id, debit, credit, amount }) => {
      const found = await client.get<{ postings: unknown }>(`/v1/transfers/${id}`);
      expect(found.postings).toEqual([{ debit_account: debit, credit_account: credit, amount }]);
    });
  }

  async #checkAccounts(client: Client): Promise<void> {
    const wanted = new Map(this.accounts.map((id) => [id, new Map<string, number>()]));
    for (const { id, debit, credit, amount } of this.#accepted) {
      wanted.get(debit)?.set(id, -amount);
      wanted.get(credit)?.set(id, amount);
    }
    await inParallel([...wanted], async ([account, movements]) => {
      const address = `/v1/accounts/${encodeURIComponent(account)}`;
      const balance = [...movements.values()].reduce((sum, amount) => sum + amount, 0);
      const view = await client.get<{ posted: number; seq: number }>(address);
      expect(view, account).toMatchObject({ posted: balance, held: 0, seq: movements.size });
      expect(await client.get(`${address}/reconciliation`)).toMatchObject({
        balance,
        entries_sum: balance,
        entries_count: movements.size,
        reconciled: true,
      });
      const entries = await pages<EntryView>(client, `${address}/entries`);
      checkEntries(entries.toReversed(), movements);
    });
  }

  /** A sample of keys, asked once more: each has the outcome that it had. */
  async #checkKeys(client: Client): Promise<void> {
    const single = this.operations.filter(({ inBatch }) => !inBatch);
    const sample = single.filter((_, no) => no % Math.ceil(single.length / 100) === 0);
    await inParallel(sample, async (operation) => {
      const before = operation.verdict;
      const answer = await this.#sendOne(client, operation);
      expect(operation.verdict, operation.key).toEqual(before);
      expect(answer?.headers["idempotency-replayed"], operation.key).toBe("true");
    });
  }
}

async function checkTotals(client: Client, accepted: readonly (Operation & { id: string })[]): Promise<void> {
  const listed = await pages<{ id: string }>(client, "/v1/transfers");
  expect(listed.map(({ id }) => id).toSorted()).toEqual(accepted.map(({ id }) => id).toSorted());
  const issued = accepted.filter(({ debit }) => debit === "@issuance");
  const system = await client.get<{ balances: Record<string, { posted: number }> }>("/v1/accounts/@issuance");
  expect(system.balances[ASSET]?.posted).toBe(-issued.reduce((sum, { amount }) => sum + amount, 0));
  const trial = await client.get<{ balanced: boolean; assets: Record<string, object> }>("/v1/trial-balance");
  expect(trial.balanced).toBe(true);
  expect(trial.assets[ASSET]).toMatchObject({ sum: 0, in_transit: 0 });
}

export type EntryView = Readonly<{
  seq: number;
  transfer_id: string;
  amount: number;
  balance_after: number;
}>;

/** Oldest first: contiguous, each continuing the one before, never below the floor, and exactly the movements. */
function checkEntries(entries: readonly EntryView[], movements: ReadonlyMap<string, number>): void {
  let balance = 0;
  for (const [place, { seq, amount, balance_after, transfer_id }] of entries.entries()) {
    balance += amount;
    expect({ seq, balance_after, amount }).toEqual({
      seq: place + 1,
      balance_after: balance,
      amount: movements.get(transfer_id),
    });
    expect(balance).toBeGreaterThanOrEqual(0);
  }
  expect(entries.length).toBe(movements.size);
}

/** All pages of a list. */
export async function pages<T>(client: Client, path: string): Promise<readonly T[]> {
  const all: T[] = [];
  let cursor: string | null = null;
  do {
    const more: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { data: T[]; next_cursor: string | null } = await client.get(`${path}?limit=500${more}`);
    all.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return all;
}

export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: CHECKERS }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}

function bodyOf({ debit, credit, amount }: Operation): object {
  return { debit_account: debit, credit_account: credit, amount };
}

function verdictOf({ status, text }: Answer): Verdict {
  const body = JSON.parse(text) as { id: string; code: string };
  return status === 201 ? { is: "accepted", id: body.id } : verdictOfCode(body.code);
}

function verdictOfCode(code: string): Verdict {
  if (code === "outcome_unknown") return { is: "unknown" };
  if (code === "log_unavailable" || code === "overloaded") return { is: "not_done" };
  expect(code, "the only reason that this load gives").toBe("insufficient_funds");
  return { is: "rejected", code };
}

/** A small generator with a seed, so that a failed run can be told from another. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
