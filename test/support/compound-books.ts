/** The accounts of a partner for transfers of one shape, and their expected balances. */
import { expect } from "vitest";
import type { Client } from "./client.ts";
import { PartnerBooks } from "./partner-books.ts";

/** For each posting the shards of its accounts and its amount. */
export type Placement = Readonly<{
  where: string;
  postings: readonly Readonly<{ debitShard: number; creditShard: number; amount: number }>[];
}>;

/** All shapes need two shards, and move 10. */
export const PLACEMENTS: readonly Placement[] = [
  { where: "on one shard", postings: [{ debitShard: 0, creditShard: 0, amount: 10 }] },
  { where: "from shard to shard", postings: [{ debitShard: 0, creditShard: 1, amount: 10 }] },
  {
    where: "with money of both shards",
    postings: [
      { debitShard: 0, creditShard: 1, amount: 6 },
      { debitShard: 1, creditShard: 0, amount: 4 },
    ],
  },
];

export type Posting = Readonly<{ debit_account: string; credit_account: string; amount: number }>;

export type TransferBody = Readonly<{
  id: string;
  status: string;
  posted_amount: number;
  postings: readonly Posting[];
  balances: Readonly<
    Record<string, Readonly<{ posted: number; held: number; available: number; seq: number }>>
  >;
  expires_at?: string;
  reverts?: string;
  reverted_by?: string;
}>;

/** An answer: a transfer, or an error code. */
export type Said = Readonly<{
  status: number;
  code?: string;
  transfer: TransferBody;
  isRepeat: boolean;
  text: string;
}>;

export type AccountBody = Readonly<{
  id: string;
  posted: number;
  held: number;
  available: number;
  seq: number;
}>;

type EntryBody = Readonly<{ transfer_id: string; amount: number }>;

export async function tell(client: Client, path: string, body?: unknown, key?: string): Promise<Said> {
  const headers: Record<string, string> = key === undefined ? {} : { "Idempotency-Key": key };
  const { status, text, headers: back } = await client.send("POST", path, body, headers);
  const transfer = JSON.parse(text) as TransferBody & { code?: string };
  const { code } = transfer;
  const isRepeat = back["idempotency-replayed"] === "true";
  return { status, ...(code !== undefined && { code }), transfer, isRepeat, text };
}

/** Status and code, such as `200` or `409 transfer_not_pending`. */
export function verdictOf({ status, code }: Pick<Said, "status" | "code">): string {
  return code === undefined ? `${status}` : `${status} ${code}`;
}

export class CompoundBooks {
  readonly client: Client;
  readonly postings: readonly Posting[];
  /** The expected final balance and entries of each account. */
  readonly #posted = new Map<string, number>();
  readonly #entries = new Map<string, string[]>();

  private constructor(client: Client, postings: readonly Posting[]) {
    this.client = client;
    this.postings = postings;
  }

  /** Funds each debit account for `times` such transfers. */
  static async open(
    url: string,
    shards: number,
    name: string,
    placement: Placement,
    times: number,
  ): Promise<CompoundBooks> {
    const books = await PartnerBooks.open(url, shards, name);
    const postings: Posting[] = [];
    for (const { debitShard, creditShard, amount } of placement.postings) {
      const debit_account = await books.account(debitShard);
      postings.push({ debit_account, credit_account: await books.account(creditShard), amount });
    }
    const opened = new CompoundBooks(books.client, postings);
    for (const { debit_account, credit_account, amount } of postings) {
      const { id } = await books.move("@issuance", debit_account, amount * times);
      opened.#note(debit_account, id, amount * times);
      opened.#posted.set(credit_account, 0);
    }
    return opened;
  }

  /** Makes a pending transfer of all postings. */
  async begin(more: Readonly<Record<string, unknown>> = {}): Promise<TransferBody> {
    const body = { postings: this.postings, pending: true, ...more };
    const { status, transfer, text } = await tell(this.client, "/v1/transfers", body);
    expect([status, transfer.status], text).toEqual([201, "pending"]);
    return transfer;
  }

  async move(): Promise<TransferBody> {
    const { status, transfer, text } = await tell(this.client, "/v1/transfers", { postings: this.postings });
    expect([status, transfer.status], text).toEqual([201, "posted"]);
    this.hasMoved(transfer.id);
    return transfer;
  }

  act(id: string, action: "post" | "void" | "revert", key: string, body?: object): Promise<Said> {
    return tell(this.client, `/v1/transfers/${id}/${action}`, body, key);
  }

  read(id: string): Promise<TransferBody> {
    return this.client.get<TransferBody>(`/v1/transfers/${id}`);
  }

  /** Expects its postings in the books; of a partial post, with that amount. */
  hasMoved(id: string, part?: number): void {
    for (const { debit_account, credit_account, amount } of this.postings) {
      this.#note(debit_account, id, -(part ?? amount));
      this.#note(credit_account, id, part ?? amount);
    }
  }

  /** Expects the reverse postings in the books. */
  hasGoneBack(id: string): void {
    for (const { debit_account, credit_account, amount } of this.postings) {
      this.#note(debit_account, id, amount);
      this.#note(credit_account, id, -amount);
    }
  }

  /**
   * Checks that every account has its expected balance and exactly its expected entries, with nothing held or in
   * transit.
   */
  async check(): Promise<void> {
    for (const [id, posted] of this.#posted) {
      const path = `/v1/accounts/${id}`;
      const expected = this.#entries.get(id) ?? [];
      const account = await this.client.get<AccountBody>(path);
      expect(account, id).toMatchObject({ posted, held: 0, available: posted, seq: expected.length });
      const entries = await this.client.all<EntryBody>(`${path}/entries?limit=500`);
      const found = entries.map(({ transfer_id, amount }) => entryText(transfer_id, amount));
      expect(found.toSorted(), id).toEqual(expected.toSorted());
      expect(await this.client.get(`${path}/reconciliation`), id).toMatchObject({
        balance: posted,
        entries_sum: posted,
        entries_count: expected.length,
        reconciled: true,
      });
    }
    await expectBalanced(this.client);
  }

  #note(account: string, transferId: string, amount: number): void {
    this.#posted.set(account, (this.#posted.get(account) ?? 0) + amount);
    const entries = this.#entries.get(account) ?? [];
    entries.push(entryText(transferId, amount));
    this.#entries.set(account, entries);
  }
}

/** Checks that the partner's balances sum to zero, with nothing in transit. */
export async function expectBalanced(client: Client): Promise<void> {
  const { balanced, assets } = await client.get<{
    balanced: boolean;
    assets: Readonly<Record<string, Readonly<{ sum: number; in_transit: number }>>>;
  }>("/v1/trial-balance");
  expect(balanced).toBe(true);
  for (const [asset, { sum, in_transit }] of Object.entries(assets))
    expect([asset, sum, in_transit]).toEqual([asset, 0, 0]);
}

function entryText(transferId: string, amount: number): string {
  return `${transferId}: ${amount}`;
}
