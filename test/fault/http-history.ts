/**
 * A random history of all commands over HTTP, one after the other, each retried until it is answered. A small model of
 * the books predicts each outcome. The server's clock is real: nothing expires, and no window slides.
 */
import type { Command, Limit } from "../../src/actors/records/command.ts";
import { BookModel } from "../actors/ledger/book-model.ts";
import { commandOf, type Step } from "../actors/ledger/histories.ts";
import { type Answer, type Client, codeOf } from "../support/server.ts";
import { until } from "../support/until.ts";

/** Longer than any test. */
const DAY_S = 24 * 60 * 60;
const PATIENCE_MS = 60_000;

type Request = Readonly<{ method: string; path: string; body?: unknown }>;
type AccountJson = Readonly<{ id: string; status: string; posted: number; held: number; seq: number }>;

export class HttpHistory {
  readonly problems: string[] = [];
  readonly #clients: ReadonlyMap<string, Client>;
  readonly #model = new BookModel();
  readonly #made = { all: [] as string[], pending: [] as string[] };

  /** @param clients by the partner's name in the history. */
  constructor(clients: ReadonlyMap<string, Client>) {
    this.#clients = clients;
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const [number, step] of steps.entries()) {
      await this.#take(`k${number}`, withoutTimes(commandOf(step, this.#made)), number);
      await this.#compare(`after k${number}`);
      if (this.problems.length > 0) return;
    }
    for (const partner of this.#clients.keys()) await this.#prove(partner);
  }

  async #take(key: string, command: Command, nowMs: number): Promise<void> {
    const { method, path, body } = requestOf(command);
    const answer = await this.#insist(command.partner, { method, path, body }, { "Idempotency-Key": key });
    const isOk = answer.status === 200 || answer.status === 201;
    const told = JSON.parse(answer.text) as Readonly<{ id: string; status: string }>;
    const isTransfer = isOk && path.startsWith("/v1/transfers");
    const expected = this.#model.execute(command, nowMs, isTransfer ? told.id : "none");
    const code = isOk ? "ok" : codeOf(answer);
    if (code !== expected)
      this.problems.push(`${key} ${JSON.stringify(command)}: ${answer.text}, not ${expected}`);
    if (!isTransfer || this.#made.all.includes(told.id)) return;
    this.#made.all.push(told.id);
    if (told.status === "pending") this.#made.pending.push(told.id);
  }

  async #compare(when: string): Promise<void> {
    for (const partner of this.#clients.keys()) {
      const own = [...this.#model.accounts.rows()].filter(([of]) => of === partner);
      const ids = own.map(([, id]) => encodeURIComponent(id)).join(",");
      if (own.length === 0) continue;
      const { data } = await this.#get<{ data: AccountJson[] }>(partner, `/v1/accounts?ids=${ids}`);
      for (const [, id, row] of own) {
        const shown = data.find((each) => each.id === id);
        if (shown === undefined || textOf(shown) !== textOf(row))
          this.problems.push(`${when}: ${id} is ${shown && textOf(shown)}, not ${textOf(row)}`);
      }
    }
  }

  /** Checks that the partner's books balance, and that each balance is the sum of its entries. */
  async #prove(partner: string): Promise<void> {
    await until(
      `the books of ${partner} balance`,
      async () => {
        const { assets } = await this.#get<{ assets: Record<string, { sum: number; in_transit: number }> }>(
          partner,
          "/v1/trial-balance",
        );
        return Object.values(assets).every(({ sum, in_transit }) => sum === 0 && in_transit === 0);
      },
      PATIENCE_MS,
    );
    for (const [of, id] of this.#model.accounts.rows()) {
      if (of !== partner) continue;
      const path = `/v1/accounts/${encodeURIComponent(id)}/reconciliation`;
      const { reconciled } = await this.#get<{ reconciled: boolean }>(partner, path);
      if (!reconciled) this.problems.push(`${id} is not what its entries come to`);
    }
  }

  async #get<T>(partner: string, path: string): Promise<T> {
    const { status, text } = await this.#insist(partner, { method: "GET", path }, {});
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** Retries with the same key until there is a final answer. */
  async #insist(
    partner: string,
    { method, path, body }: Request,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const client = this.#clients.get(partner) as Client;
    let answer: Answer | undefined;
    await until(
      `${method} ${path} is answered`,
      async () => {
        answer = await client.send(method, path, body, headers);
        return answer.status !== 503;
      },
      PATIENCE_MS,
    );
    return answer as Answer;
  }
}

/** Only commands that HTTP accepts, and whose outcome does not depend on the exact time. */
function withoutTimes(command: Command): Command {
  switch (command.op) {
    case "compound_transfer":
      return { ...command, timeoutMs: null };
    case "create_account":
      return { ...command, floor: notAbove0(command.floor), limits: long(command.limits ?? []) };
    case "update_account": {
      const { floor, limits, ...same } = command;
      return {
        ...same,
        ...(floor !== undefined && { floor: notAbove0(floor) }),
        ...(limits !== undefined && { limits: long(limits) }),
      };
    }
    default:
      return command;
  }
}

function notAbove0(floor: number | null): number | null {
  return floor === null ? null : Math.min(0, floor);
}

function long(limits: readonly Limit[]): readonly Limit[] {
  return limits
    .filter(({ maxAmount, maxCount }) => maxAmount !== null || maxCount !== null)
    .map((limit) => ({ ...limit, windowS: limit.windowS * DAY_S }));
}

function requestOf(command: Command): Request {
  switch (command.op) {
    case "create_account": {
      const { id, asset, floor, ceiling, limits = [] } = command;
      return post("/v1/accounts", { id, asset, floor, ceiling, limits: limits.map(limitJson) });
    }
    case "update_account": {
      const { floor, ceiling, limits, metadata } = command;
      const body = {
        floor,
        ceiling,
        limits: limits?.map(limitJson),
        metadata: metadata === undefined ? undefined : JSON.parse(metadata),
      };
      return { method: "PATCH", path: `/v1/accounts/${encodeURIComponent(command.id)}`, body };
    }
    case "set_account_status":
      return post(`/v1/accounts/${encodeURIComponent(command.id)}/${command.action}`);
    case "transfer":
      return post("/v1/transfers", postingJson(command));
    case "compound_transfer": {
      const { postings, available, pending } = command;
      const [first] = postings;
      const of = available ? { amount: "available", max_amount: first?.amount } : {};
      const one = first === undefined ? {} : { ...postingJson(first), ...of };
      return post("/v1/transfers", {
        ...(postings.length === 1 ? one : { postings: postings.map(postingJson) }),
        pending,
      });
    }
    case "post_transfer":
      return post(`/v1/transfers/${command.id}/post`, {
        amount: command.amount ?? undefined,
        final: command.final,
      });
    case "void_transfer":
      return post(`/v1/transfers/${command.id}/void`);
    case "revert_transfer":
      return post(`/v1/transfers/${command.id}/revert`);
    default:
      throw new Error(`no request for ${command.op}`);
  }
}

function post(path: string, body?: unknown): Request {
  return { method: "POST", path, body };
}

function postingJson({ debit, credit, amount }: Readonly<{ debit: string; credit: string; amount: number }>) {
  return { debit_account: debit, credit_account: credit, amount };
}

function limitJson({ windowS, direction, maxAmount, maxCount }: Limit) {
  return {
    window_s: windowS,
    direction,
    max_amount: maxAmount ?? undefined,
    max_count: maxCount ?? undefined,
  };
}

function textOf(
  row: Readonly<{ status: string; posted: bigint | number; held: bigint | number; seq: number }>,
): string {
  return `${row.status}, ${row.posted} posted, ${row.held} held, seq ${row.seq}`;
}
