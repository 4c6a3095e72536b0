/** A partner whose accounts are on chosen shards, and who remembers which transfers were accepted. */
import { expect } from "vitest";
import { shardOfVnode, vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import { discrepanciesOf } from "../stress/discrepancies.ts";
import { gatherEvidence } from "../stress/evidence.ts";
import type { Operation } from "../stress/operation.ts";
import { type Answer, Client } from "./client.ts";
import { ASSET } from "./load.ts";
import { makePartner, OPERATOR_KEY } from "./server.ts";

export type Told = Readonly<{
  status: number;
  /** The rejection code. */
  code?: string;
  detail?: string;
  id: string;
  balances: Readonly<Record<string, Readonly<{ posted: number; seq: number }>>>;
  answer: Answer;
}>;

export type BatchItem = Readonly<{ status: number; id?: string; code?: string }>;

type Move = Readonly<{ debit: string; credit: string; amount: number }>;

export class PartnerBooks {
  readonly name: string;
  readonly key: string;
  readonly client: Client;
  readonly #url: string;
  readonly #shards: number;
  /** All balances in the asset of all loads, except of system accounts. */
  readonly #accounts: string[] = [];
  readonly #accepted: Operation[] = [];
  #ids = 0;
  #memos = 0;

  private constructor(url: string, shards: number, name: string, key: string) {
    this.#url = url;
    this.#shards = shards;
    this.name = name;
    this.key = key;
    this.client = new Client(url, key, 128);
  }

  static async open(url: string, shards: number, name: string): Promise<PartnerBooks> {
    const admin = new Client(url, OPERATOR_KEY);
    const key = await makePartner(admin, name);
    admin.close();
    return new PartnerBooks(url, shards, name, key);
  }

  /** An unused id on this shard. */
  idOn(shard: number): string {
    for (;;) {
      const id = `x${this.#ids++}`;
      if (shardOfVnode(vnodeOfAccount(this.name, id), this.#shards) === shard) return id;
    }
  }

  /** Opens an account on this shard. */
  async account(shard: number, options: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const id = this.idOn(shard);
    const { status, text } = await this.client.send("POST", "/v1/accounts", { id, asset: ASSET, ...options });
    expect(status, text).toBe(201);
    if (!("asset" in options) && options["floor"] !== null) this.#accounts.push(id);
    return id;
  }

  /** Opens a funded account on this shard. */
  async funded(shard: number, amount: number, options?: Readonly<Record<string, unknown>>): Promise<string> {
    const id = await this.account(shard, options);
    expect((await this.move("@issuance", id, amount)).status).toBe(201);
    return id;
  }

  async move(debit: string, credit: string, amount: number, key?: string): Promise<Told> {
    // Retries must have the same body; different transfers differ in their memo.
    const memo = key ?? `m${this.#memos++}`;
    const body = { debit_account: debit, credit_account: credit, amount, memo };
    const headers: Record<string, string> = key === undefined ? {} : { "Idempotency-Key": key };
    const answer = await this.client.send("POST", "/v1/transfers", body, headers);
    const told = { ...(JSON.parse(answer.text) as Omit<Told, "answer">), status: answer.status, answer };
    if (answer.status === 201 && !isRepeat(answer)) this.#accept({ debit, credit, amount }, memo, told.id);
    return told;
  }

  async batch(moves: readonly Move[]): Promise<readonly BatchItem[]> {
    const memos = moves.map(() => `m${this.#memos++}`);
    const transfers = moves.map(({ debit, credit, amount }, place) => {
      return { debit_account: debit, credit_account: credit, amount, memo: memos[place] };
    });
    const { status, text } = await this.client.send("POST", "/v1/transfers/batch", { transfers });
    expect(status, text).toBe(200);
    const { results } = JSON.parse(text) as { results: BatchItem[] };
    for (const [place, { id }] of results.entries()) {
      if (id !== undefined) this.#accept(moves[place] as Move, memos[place] as string, id);
    }
    return results;
  }

  async posted(id: string): Promise<number> {
    return (await this.client.get<{ posted: number }>(`/v1/accounts/${id}`)).posted;
  }

  /**
   * Checks that the accepted transfers are in both accounts' statements and in the list, exactly once and complete,
   * and no others.
   */
  async check(): Promise<void> {
    const evidence = await gatherEvidence({
      url: this.#url,
      key: this.key,
      asset: ASSET,
      operations: this.#accepted,
      accounts: this.#accounts,
      sample: this.#accounts,
      finals: new Map(),
    });
    expect(discrepanciesOf(evidence)).toEqual([]);
  }

  #accept({ debit, credit, amount }: Move, key: string, id: string): void {
    const answer = { is: "accepted", id, replayed: false } as const;
    const sendings = [{ askedMs: 0, answeredMs: 0, answer }];
    this.#accepted.push({ key, debit, credit, amount, inBatch: false, overspends: false, sendings });
  }
}

export function isRepeat({ headers }: Answer): boolean {
  return headers["idempotency-replayed"] === "true";
}

/** How often each text occurs. */
export function tally(answers: readonly Readonly<{ status: number; code?: string }>[]) {
  const counts: Record<string, number> = {};
  for (const { status, code } of answers) {
    const said = code === undefined ? `${status}` : `${status} ${code}`;
    counts[said] = (counts[said] ?? 0) + 1;
  }
  return counts;
}
