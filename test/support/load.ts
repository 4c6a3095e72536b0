/** Load that remembers: callers move money and remember every answer. */
import { expect } from "vitest";
import { shardOfVnode, vnodeOf } from "../../src/actors/ledger/routing.ts";
import { type Answer, Client, inParallel } from "./client.ts";
import { Random } from "./random.ts";
import { sendUntilDone } from "./server.ts";
import { until } from "./until.ts";

export const ASSET = "PTS/0";
const OVERSPENT = 60;
const PAUSE_MS = 20;
/**
 * Requests at full speed, enough for a kill in the midst of them. After that all callers together send one in this time:
 * while a test waits for a restart, more load would only take the processor from it, and make the books longer.
 */
const RUSH_REQUESTS = 500;
const PACE_MS = 4;
/** A slow disk may make a server refuse for a while; clients then retry. */
const SETTLE_MS_MAX = 15_000;

type Verdict =
  /** Requests in flight. */
  | Readonly<{ is: "open" }>
  /** The connection broke, or 503 `outcome_unknown`. */
  | Readonly<{ is: "unknown" }>
  /** 503 `log_unavailable` or `overloaded`, or connection refused: certainly not done. */
  | Readonly<{ is: "not_done" }>
  | Readonly<{ is: "accepted"; id: string }>
  | Readonly<{ is: "rejected"; code: string }>;

export type Operation = {
  readonly key: string;
  readonly debit: string;
  readonly credit: string;
  readonly amount: number;
  readonly inBatch: boolean;
  verdict: Verdict;
  /** The first complete answer to a single request: repeats must be equal to it, byte for byte. */
  told?: string;
  /** A request for it was never answered, so the first answer may be a replay. */
  unheard?: true;
};

export type Accepted = Operation & Readonly<{ id: string }>;

export type LoadOptions = Readonly<{
  partnerKey: string;
  owners?: number;
  ownerPrefix?: string;
  seed?: number;
  batchItems?: number;
  /** Counts requests; replayed items of a batch are not visible. */
  batchShare?: number;
  /** Transfers between people cross this many shards; by default each stays with its owner. */
  acrossShards?: number;
}>;

export class Load {
  readonly partnerKey: string;
  owners: readonly string[];
  readonly #name: string;
  readonly operations: Operation[] = [];
  readonly #batchItems: number;
  readonly #batchShare: number;
  readonly #acrossShards: number;
  readonly #random: Random;
  #client: Client | undefined;
  #stopping = false;
  /** Requests since `begin`. */
  #requests = 0;
  #running: Promise<unknown> = Promise.resolve();
  /** Server answers, in an order that a test may wait for. */
  acknowledged = 0;
  /** Requests whose connection broke before their answer. */
  broken = 0;
  /** The last answer that was neither success nor rejection, for error messages. */
  lastRefusal = "";

  constructor({
    partnerKey,
    owners = 12,
    ownerPrefix = "owner",
    seed = 1,
    batchItems = 12,
    batchShare = 0.1,
    acrossShards = 1,
  }: LoadOptions) {
    this.partnerKey = partnerKey;
    this.#acrossShards = acrossShards;
    this.owners = Array.from({ length: owners }, (_, no) => `${ownerPrefix}${no}`);
    this.#name = ownerPrefix;
    this.#batchItems = batchItems;
    this.#batchShare = batchShare;
    this.#random = new Random(seed);
  }

  get accounts(): readonly string[] {
    return this.owners.flatMap((owner) => [`${owner}/a`, `${owner}/b`]);
  }

  count(is: Verdict["is"]): number {
    return this.operations.filter(({ verdict }) => verdict.is === is).length;
  }

  /** Opens the accounts, two for each owner; `isWanted` skips owners. */
  async open(url: string, isWanted: (owner: string) => boolean = () => true): Promise<void> {
    this.owners = this.owners.filter(isWanted);
    const client = new Client(url, this.partnerKey);
    await inParallel(this.accounts, async (id) => {
      const { status, text } = await sendUntilDone(client, "/v1/accounts", { id, asset: ASSET });
      expect(status, text).toBe(201);
    });
    client.close();
  }

  /** Starts callers that each send their next request when they have an answer, until `stop`. */
  begin(url: string, callers = 16, owners: readonly string[] = this.owners): void {
    const client = new Client(url, this.partnerKey, callers);
    this.#client = client;
    this.#stopping = false;
    this.#requests = 0;
    const pauseMs = callers * PACE_MS;
    this.#running = Promise.all(Array.from({ length: callers }, () => this.#call(client, owners, pauseMs)));
  }

  /** Resolves when every caller has its answer, or knows that there will be none. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    this.#client?.close();
  }

  /** Resolves when this many more requests have been answered. */
  async moreAcknowledged(count: number, msMax = 20_000): Promise<void> {
    const goal = this.acknowledged + count;
    await until(`${count} more answers`, () => this.acknowledged >= goal, msMax);
  }

  /**
   * Resolves with the number of answers once no more arrive: whatever was sent before a later request has arrived by
   * then.
   */
  async silence(client: Client): Promise<number> {
    let acknowledged = -1;
    await until("nobody is answered any more", async () => {
      const wereSo = acknowledged === this.acknowledged;
      acknowledged = this.acknowledged;
      await client.get("/healthz");
      return wereSo;
    });
    return acknowledged;
  }

  async #call(client: Client, owners: readonly string[], pauseMs: number): Promise<void> {
    while (!this.#stopping) {
      this.#requests += 1;
      if (this.#requests > RUSH_REQUESTS) await pause(pauseMs);
      if (this.#random.chance(this.#batchShare)) await this.#sendBatch(client, owners);
      else await this.sendOne(client, this.#newOperation(owners, false));
      const last = this.operations.at(-1)?.verdict.is;
      // Avoids a busy loop while no server answers.
      if (last === "not_done" || last === "unknown") await pause(PAUSE_MS);
    }
  }

  #newOperation(owners: readonly string[], inBatch: boolean): Operation {
    const owner = this.#random.oneOf(owners);
    const [from, to] = this.#random.chance(0.5) ? ["a", "b"] : ["b", "a"];
    const issues = this.#random.chance(0.4);
    const creditOwner = issues ? owner : this.#creditOwnerFor(owner, owners);
    const operation: Operation = {
      key: `${this.#name}-${this.operations.length}`,
      debit: issues ? "@issuance" : `${owner}/${from}`,
      credit: `${creditOwner}/${to}`,
      amount: 1 + this.#random.below(OVERSPENT),
      inBatch,
      verdict: { is: "open" },
    };
    this.operations.push(operation);
    return operation;
  }

  #creditOwnerFor(owner: string, owners: readonly string[]): string {
    if (this.#acrossShards === 1) return owner;
    const here = shardOfOwner(owner, this.#acrossShards);
    return this.#random.oneOf(owners.filter((other) => shardOfOwner(other, this.#acrossShards) !== here));
  }

  /** Sends one request for this operation, with its key. Without an answer if the connection broke. */
  async sendOne(client: Client, operation: Operation): Promise<Answer | undefined> {
    let answer: Answer;
    try {
      answer = await client.send("POST", "/v1/transfers", bodyOf(operation), {
        "Idempotency-Key": operation.key,
      });
    } catch (error) {
      operation.verdict = this.#verdictOfFailure(error);
      if (operation.verdict.is === "unknown") operation.unheard = true;
      return undefined;
    }
    this.#learn(operation, verdictOf(answer), answer.text);
    if (isDecided(operation)) checkAnswer(operation, answer);
    else if (operation.verdict.is === "unknown") operation.unheard = true;
    return answer;
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
      this.#learn(item, status === 201 ? { is: "accepted", id } : verdictOfCode(code), answer.text);
    }
  }

  #learn(operation: Operation, verdict: Verdict, text: string): void {
    operation.verdict = verdict;
    if (isDecided(operation)) this.acknowledged += 1;
    else this.lastRefusal = text;
  }

  #verdictOfFailure(error: unknown): Verdict {
    const refused = error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
    // Connection refused is final: a restarted server listens on another port.
    if (refused) this.#stopping = true;
    else this.broken += 1;
    this.lastRefusal = String(error);
    return { is: refused ? "not_done" : "unknown" };
  }

  /**
   * Sends every operation without an outcome again, with the same key. One that was certainly not done must turn out
   * to be new.
   *
   * @returns how many of the unknown ones had been done.
   */
  async settle(url: string): Promise<number> {
    const client = new Client(url, this.partnerKey);
    let done = 0;
    const open = this.operations.filter(
      ({ verdict }) => verdict.is === "unknown" || verdict.is === "not_done",
    );
    await inParallel(open, async (operation) => {
      let mustBeNew = operation.verdict.is === "not_done" && !operation.inBatch;
      const endMs = performance.now() + SETTLE_MS_MAX;
      do {
        if (operation.inBatch) await this.#sendItems(client, [operation]);
        else if (isReplayed(await this.sendOne(client, operation))) {
          done += 1;
          expect(mustBeNew, `${operation.key} was certainly not done`).toBe(false);
        }
        if (operation.verdict.is === "unknown") mustBeNew = false;
      } while (!isDecided(operation) && performance.now() < endMs);
      expect(isDecided(operation), `${operation.key}: ${this.lastRefusal}`).toBe(true);
    });
    client.close();
    return done;
  }

  get accepted(): readonly Accepted[] {
    return this.operations.flatMap((operation) =>
      operation.verdict.is === "accepted" ? [{ ...operation, id: operation.verdict.id }] : [],
    );
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The shard of an owner. All loads use one partner. */
export function shardOfOwner(owner: string, shards: number): number {
  return shardOfVnode(vnodeOf("acme", owner), shards);
}

/** Checks that a retry gets the first answer, and that only the first answer is not marked as a replay. */
function checkAnswer(operation: Operation, answer: Answer): void {
  const { key, told, unheard } = operation;
  if (told === undefined && unheard === undefined)
    expect(isReplayed(answer), `${key}, asked for the first time`).toBe(false);
  operation.told ??= answer.text;
  expect(answer.text, key).toBe(operation.told);
}

function isDecided({ verdict }: Operation): boolean {
  return verdict.is === "accepted" || verdict.is === "rejected";
}

export function isReplayed(answer: Answer | undefined): boolean {
  return answer?.headers["idempotency-replayed"] === "true";
}

/** The memo contains the key, so that the log can be checked without any answer. */
function bodyOf({ key, debit, credit, amount }: Operation): object {
  return { debit_account: debit, credit_account: credit, amount, memo: key };
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
