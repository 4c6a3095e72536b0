/** Checks that a server's rejections have no effect, are logged, and are repeated for the same key. */
import { expect } from "vitest";
import { isRepeat, PartnerBooks } from "./partner-books.ts";
import { type Answer, type Client, operator, type ServerProcess, shardsOf } from "./server.ts";
import { until } from "./until.ts";

/** `subject`: what the detail names; `null` if it names nothing. */
export type Refusal = Readonly<{ code: string; status: number; subject: string | null }>;

/** States of an account on either side of a transfer, with 100 on the debit side. */
export type Trait =
  | "missing"
  | "closed"
  | "frozen"
  | "in euros"
  | "empty"
  | "full"
  | "at the end of the range"
  | "limited in amount"
  | "limited in count";

type Side = "debit" | "credit";
type Request = Readonly<{ method: string; path: string; body: unknown }>;
type Told = Request & Readonly<{ key: string; answer: Answer }>;

const FUNDS = 100;
const RANGE_END = 2 ** 52;

export class Refusals {
  readonly books: PartnerBooks;
  readonly #server: ServerProcess;
  readonly #told: Told[] = [];
  #keys = 0;

  private constructor(server: ServerProcess, books: PartnerBooks) {
    this.#server = server;
    this.books = books;
  }

  static async open(server: ServerProcess, shards: number, name: string): Promise<Refusals> {
    return new Refusals(server, await PartnerBooks.open(server.url, shards, name));
  }

  get #client(): Client {
    return this.books.client;
  }

  /** Expects this rejection, logged and repeated for its key. */
  async refuses(method: string, path: string, body: unknown, refusal: Refusal): Promise<void> {
    const key = `key-${this.#keys++}`;
    const request = { method, path, body };
    const answer = await this.#client.send(method, path, body, { "Idempotency-Key": key });
    expectProblem(answer, refusal);
    expect(answer.headers["daybook-position"], "it is logged").toMatch(/^\d+:\d+-\d+$/);
    expect(isRepeat(answer)).toBe(false);
    this.#told.push({ ...request, key, answer });
    await this.#isToldAgain({ ...request, key, answer });
  }

  /** Expects this rejection, decided again each time, since no scope of the key is known. */
  async refusesUnkept(method: string, path: string, body: unknown, refusal: Refusal): Promise<void> {
    const key = `key-${this.#keys++}`;
    for (let times = 0; times < 2; times++) {
      const answer = await this.#client.send(method, path, body, { "Idempotency-Key": key });
      expectProblem(answer, refusal);
      expect(isRepeat(answer)).toBe(false);
    }
  }

  /** Expects this rejection, not logged. */
  async refusesUnlogged(
    { method, path, body }: Request,
    refusal: Refusal,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const answer = await this.#client.send(method, path, body, headers);
    expectProblem(answer, refusal);
    expect(answer.headers["daybook-position"]).toBeUndefined();
    expect(isRepeat(answer)).toBe(false);
  }

  /** Expects the first item of a batch to succeed and the second to be rejected, also when the batch is sent again. */
  async refusesItem(good: object, item: object, { code, status }: Refusal): Promise<void> {
    const headers = { "Idempotency-Key": `key-${this.#keys++}` };
    const body = { transfers: [good, item] };
    const first = await this.#client.send("POST", "/v1/transfers/batch", body, headers);
    expect(first.status, first.text).toBe(200);
    const { results } = JSON.parse(first.text) as { results: { id?: string }[] };
    expect(results).toEqual([
      { status: 201, id: expect.any(String) },
      { status, code },
    ]);
    const again = await this.#client.send("POST", "/v1/transfers/batch", body, headers);
    expect(again.text).toBe(first.text);
  }

  /** Restarts every shard, and sends all rejected requests again. */
  async surviveRestart(): Promise<void> {
    const admin = operator(this.#server);
    const before = await shardsOf(admin);
    for (const { shard } of before)
      expect((await admin.send("POST", `/v1/admin/shards/${shard}/restart`)).status).toBe(202);
    await until("all shards have started anew", async () =>
      (await shardsOf(admin)).every(
        ({ status, restarts }, shard) =>
          status === "ready" && restarts === (before[shard]?.restarts ?? 0) + 1,
      ),
    );
    admin.close();
    for (const told of this.#told) await this.#isToldAgain(told);
  }

  async #isToldAgain({ method, path, body, key, answer }: Told): Promise<void> {
    const again = await this.#client.send(method, path, body, { "Idempotency-Key": key });
    expect(again.text, key).toBe(answer.text);
    expect(again.status).toBe(answer.status);
    expect(again.headers["daybook-position"]).toBe(answer.headers["daybook-position"]);
    expect(isRepeat(again), `${key} is a repeat`).toBe(true);
  }

  /** Sends a request that must succeed. */
  async must<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, text } = await this.#client.send(method, path, body);
    expect(status, `${method} ${path}: ${text}`).toBeLessThan(300);
    return JSON.parse(text) as T;
  }

  /** Creates an account in this state. */
  async account(shard: number, side: Side, ...traits: readonly Trait[]): Promise<string> {
    const { books } = this;
    const is = (trait: Trait) => traits.includes(trait);
    if (is("missing")) return books.idOn(shard);
    const id = await books.account(shard, {
      asset: is("in euros") ? "EUR/2" : "PTS/0",
      ...(side === "debit" && is("at the end of the range") && { floor: null }),
    });
    await this.#fill(id, side, is);
    const limit = { window_s: 86_400, direction: side };
    if (is("limited in amount")) await this.#patch(id, { limits: [{ ...limit, max_amount: 1 }] });
    if (is("limited in count")) await this.#patch(id, { limits: [{ ...limit, max_count: 0 }] });
    if (is("full")) await this.#patch(id, { ceiling: 0 });
    if (is("frozen")) await this.must("POST", `/v1/accounts/${id}/freeze`);
    if (is("closed")) await this.must("POST", `/v1/accounts/${id}/close`);
    return id;
  }

  async #fill(id: string, side: Side, is: (trait: Trait) => boolean): Promise<void> {
    // A system account has the range of an ordinary account, in each vnode.
    const ends = `@end-of-${id}`;
    if (is("at the end of the range")) {
      const [debit, credit] = side === "debit" ? [id, ends] : [ends, id];
      expect((await this.books.move(debit, credit, RANGE_END)).status).toBe(201);
    } else if (side === "debit" && !is("empty") && !is("closed"))
      expect((await this.books.move("@issuance", id, FUNDS)).status).toBe(201);
  }

  async #patch(id: string, body: object): Promise<void> {
    await this.must("PATCH", `/v1/accounts/${id}`, body);
  }
}

function expectProblem(answer: Answer, { code, status, subject }: Refusal): void {
  expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
  const problem = JSON.parse(answer.text) as { title: string; detail: string };
  const { title } = problem;
  const detail = subject === null ? title : `${title.slice(0, -1)}: ${subject}.`;
  const whole = { type: `/problems/${code}`, title, status, code, detail, retryable: false };
  expect(problem).toEqual(whole);
  expect(title).toMatch(/^[A-Z].*\.$/);
  expect(answer.status).toBe(status);
}
