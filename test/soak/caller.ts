/** One caller of the API: it retries under the same key until it knows the outcome. */
import { hash } from "node:crypto";
import { type Address, Connection, type Reply } from "../stress/connection.ts";
import { type Answer, answerOfCode, isDecision } from "../stress/operation.ts";
import type { Ask, Body, Heard, Told } from "./entry.ts";

/** Avoids a busy loop while no server answers. */
const PAUSE_MS = 25;
/** Longer than any fault and the recovery from it. */
const SETTLE_MS_MAX = 120_000;

export type Said = Readonly<{ answer: Answer; digest: string; told: readonly Told[] }>;

/** All answers to one operation. */
export type Hearing = { readonly heard: Heard[]; told: readonly Told[] };

type BalanceBody = Readonly<{ posted: number; seq: number }>;
type ReplyBody = Readonly<{
  id: string;
  code: string;
  /** The balance of an account, as an answer showed it. */
  posted?: number;
  seq?: number;
  balances?: Readonly<Record<string, BalanceBody>>;
}>;

export class Caller {
  readonly #first: Connection;
  /** A second connection, for requests that are sent twice at the same time. */
  readonly #second: Connection;
  /** Requests sent so far; a batch is one. */
  requests = 0;

  constructor(address: Address) {
    this.#first = new Connection(address);
    this.#second = new Connection(address);
  }

  /**
   * Retries until there is a final outcome.
   *
   * @param letsGo called for an unknown outcome: true stops the retries.
   * @param twice sends it over two connections at once.
   */
  async settle(ask: Ask, letsGo: () => boolean, twice = false): Promise<Hearing> {
    const hearing: Hearing = { heard: [], told: [] };
    const other = twice ? this.#settle(this.#second, ask, hearing, () => false) : undefined;
    await this.#settle(this.#first, ask, hearing, twice ? () => false : letsGo);
    await other;
    return hearing;
  }

  async #settle(connection: Connection, ask: Ask, hearing: Hearing, letsGo: () => boolean): Promise<void> {
    const endMs = performance.now() + SETTLE_MS_MAX;
    for (;;) {
      const said = await this.#send(connection, ask);
      note(hearing, said);
      if (isDecision(said.answer) || performance.now() > endMs) return;
      if (said.answer.is === "unknown" && letsGo()) return;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** Sends all of them in one batch; undecided ones are retried together. */
  async settleItems(asks: readonly Ask[]): Promise<readonly Hearing[]> {
    const endMs = performance.now() + SETTLE_MS_MAX;
    const hearings = asks.map((): Hearing => ({ heard: [], told: [] }));
    let open = asks.map((ask, place) => ({ ask, hearing: hearings[place] as Hearing }));
    for (;;) {
      const answers = await this.#sendItems(open.map(({ ask }) => ask));
      open = open.filter(({ hearing }, place) => {
        const said = answers[place] as Said;
        note(hearing, said);
        return !isDecision(said.answer);
      });
      if (open.length === 0 || performance.now() > endMs) return hearings;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** Sends it once, without a retry. */
  once(ask: Ask): Promise<Said> {
    return this.#send(this.#first, ask);
  }

  /** @returns `undefined` if there is no answer. */
  async read(path: string): Promise<Reply | undefined> {
    this.requests += 1;
    try {
      const reply = await this.#first.send("GET", path);
      return reply.status === 503 ? undefined : reply;
    } catch {
      return undefined;
    }
  }

  close(): void {
    this.#first.close();
    this.#second.close();
  }

  async #send(connection: Connection, ask: Ask): Promise<Said> {
    if (ask.kind === "item") return (await this.#sendItems([ask]))[0] as Said;
    const { method, path, body, key } = ask;
    this.requests += 1;
    try {
      const text = body === null ? undefined : JSON.stringify(wireBodyOf(body));
      return saidOf(await connection.send(method, path, text, key));
    } catch (error) {
      return brokenOff(error);
    }
  }

  async #sendItems(asks: readonly Ask[]): Promise<readonly Said[]> {
    const transfers = asks.map(({ body, key }) => ({ ...wireBodyOf(body ?? {}), idempotency_key: key }));
    this.requests += 1;
    try {
      const reply = await this.#first.send("POST", "/v1/transfers/batch", JSON.stringify({ transfers }));
      if (reply.status !== 200) return asks.map(() => saidOf(reply));
      const { results } = JSON.parse(reply.body) as {
        results: readonly { status: number; id: string; code: string }[];
      };
      return asks.map((_, place) => saidOfItem(results[place]));
    } catch (error) {
      return asks.map(() => brokenOff(error));
    }
  }
}

/** The short form of a single posting. */
function wireBodyOf(body: Body): object {
  const { postings, ...rest } = body;
  const [only, ...others] = postings ?? [];
  return only === undefined || others.length > 0 ? body : { ...only, ...rest };
}

function note(hearing: Hearing, { answer, digest, told }: Said): void {
  if (told.length > 0) hearing.told = told;
  const last = hearing.heard.at(-1);
  if (last !== undefined && last.digest === digest && isSame(last.answer, answer)) {
    hearing.heard[hearing.heard.length - 1] = { ...last, times: last.times + 1 };
  } else hearing.heard.push({ answer, digest, times: 1 });
}

function isSame(a: Answer, b: Answer): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function saidOf({ status, replayed, body }: Reply): Said {
  const said = JSON.parse(body) as ReplyBody;
  const { id, code } = said;
  if (status === 200 || status === 201) {
    const answer = { is: "accepted", id, replayed } as const;
    return { answer, digest: digestOf(body), told: toldOf(said) };
  }
  const answer = answerOfCode(code, replayed);
  return { answer, digest: isDecision(answer) ? digestOf(body) : "", told: [] };
}

/** A batch answer does not say which of its items are replays. */
function saidOfItem(result: Readonly<{ status: number; id: string; code: string }> | undefined): Said {
  if (result === undefined)
    return { answer: { is: "unknown", why: "fewer results than items" }, digest: "", told: [] };
  const { status, id, code } = result;
  const answer: Answer = status === 201 ? { is: "accepted", id, replayed: false } : answerOfCode(code, false);
  return { answer, digest: isDecision(answer) ? digestOf(JSON.stringify(result)) : "", told: [] };
}

/** Connection refused: certainly not done. Otherwise unknown. */
function brokenOff(error: unknown): Said {
  const why = error instanceof Error ? error.message : String(error);
  const is = why.includes("ECONNREFUSED") ? "not_done" : "unknown";
  return { answer: { is, why }, digest: "", told: [] };
}

/** The balances in an answer. */
function toldOf({ id, posted, seq, balances = {} }: ReplyBody): readonly Told[] {
  if (posted !== undefined && seq !== undefined) return [[id, seq, posted]];
  return Object.entries(balances).map(([account, balance]) => [account, balance.seq, balance.posted]);
}

function digestOf(text: string): string {
  return hash("sha256", text, "base64url").slice(0, 16);
}
