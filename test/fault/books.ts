/** Compares what callers were told with what a server knows. The model of the ledger is its own, and as small as can be. */
import { expect } from "vitest";
import { type Accepted, ASSET, inParallel, isReplayed, type Load } from "../support/load.ts";
import { Client } from "../support/server.ts";

const KEYS_ASKED_AGAIN = 100;

/**
 * Everything that was acknowledged to these callers, who were the partner's only ones, is there exactly once, whole,
 * and nothing else is. What has no outcome yet gets it first.
 */
export async function checkBooks(url: string, load: Load, ...others: readonly Load[]): Promise<void> {
  const client = new Client(url, load.partnerKey);
  const loads = [load, ...others];
  for (const each of loads) {
    await each.settle(url);
    await checkTransfers(client, each.accepted);
    await checkAccounts(client, each);
    await checkKeys(client, each);
  }
  await checkTotals(
    client,
    loads.flatMap((each) => each.accepted),
  );
  client.close();
}

async function checkTransfers(client: Client, accepted: readonly Accepted[]): Promise<void> {
  expect(new Set(accepted.map(({ id }) => id)).size, "each transfer has an id of its own").toBe(
    accepted.length,
  );
  await inParallel(accepted, async ({ id, debit, credit, amount }) => {
    const found = await client.get<{ postings: unknown }>(`/v1/transfers/${id}`);
    expect(found.postings).toEqual([{ debit_account: debit, credit_account: credit, amount }]);
  });
}

async function checkAccounts(client: Client, load: Load): Promise<void> {
  const wanted = new Map(load.accounts.map((id) => [id, new Map<string, number>()]));
  for (const { id, debit, credit, amount } of load.accepted) {
    wanted.get(debit)?.set(id, -amount);
    wanted.get(credit)?.set(id, amount);
  }
  await inParallel([...wanted], async ([account, movements]) => {
    const address = `/v1/accounts/${encodeURIComponent(account)}`;
    const balance = [...movements.values()].reduce((sum, amount) => sum + amount, 0);
    const view = await client.get<object>(address);
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

type EntryView = Readonly<{ seq: number; transfer_id: string; amount: number; balance_after: number }>;

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

/** A sample of keys, asked once more: each has the outcome that it had. */
async function checkKeys(client: Client, load: Load): Promise<void> {
  const single = load.operations.filter(({ inBatch }) => !inBatch);
  const sample = single.filter((_, no) => no % Math.ceil(single.length / KEYS_ASKED_AGAIN) === 0);
  await inParallel(sample, async (operation) => {
    const before = operation.verdict;
    const answer = await load.sendOne(client, operation);
    expect(operation.verdict, operation.key).toEqual(before);
    expect(isReplayed(answer), operation.key).toBe(true);
  });
}

async function checkTotals(client: Client, accepted: readonly Accepted[]): Promise<void> {
  const listed = await pages<{ id: string }>(client, "/v1/transfers");
  expect(listed.map(({ id }) => id).toSorted()).toEqual(accepted.map(({ id }) => id).toSorted());
  const issued = accepted.filter(({ debit }) => debit === "@issuance");
  const system = await client.get<{ balances: Record<string, { posted: number }> }>("/v1/accounts/@issuance");
  expect(system.balances[ASSET]?.posted).toBe(-issued.reduce((sum, { amount }) => sum + amount, 0));
  const trial = await client.get<{ balanced: boolean; assets: Record<string, object> }>("/v1/trial-balance");
  expect(trial.balanced).toBe(true);
  expect(trial.assets[ASSET]).toMatchObject({ sum: 0, in_transit: 0 });
}

/** All pages of a list. */
async function pages<T>(client: Client, path: string): Promise<readonly T[]> {
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
