/** Compares callers' answers with the server's books, as `npm run stress` does. */
import { expect } from "vitest";
import { discrepanciesOf } from "../stress/discrepancies.ts";
import { gatherEvidence } from "../stress/evidence.ts";
import type { Answer, Operation } from "../stress/operation.ts";
import { Client, inParallel } from "../support/client.ts";
import { type Accepted, ASSET, isReplayed, type Load } from "../support/load.ts";

/** The lists and statements are compared whole; of single requests a sample shows that they agree with them. */
const SAMPLE = 100;

/**
 * Checks that everything that was acknowledged to these callers, the only ones of the partner, is there exactly once
 * and whole, and nothing else is. Operations without an outcome are retried first.
 */
export async function checkBooks(url: string, load: Load, ...others: readonly Load[]): Promise<void> {
  const client = new Client(url, load.partnerKey);
  const loads = [load, ...others];
  for (const each of loads) {
    await each.settle(url);
    await checkTransfers(client, each.accepted);
    await checkKeys(client, each);
  }
  const accounts = loads.flatMap((each) => each.accounts);
  client.close();
  const evidence = await gatherEvidence({
    url,
    key: load.partnerKey,
    asset: ASSET,
    operations: loads.flatMap(operationsOf),
    accounts,
    sample: accounts,
    finals: new Map(),
  });
  expect(discrepanciesOf(evidence)).toEqual([]);
}

async function checkTransfers(client: Client, accepted: readonly Accepted[]): Promise<void> {
  await inParallel(sampleOf(accepted), async ({ id, debit, credit, amount }) => {
    const found = await client.get<{ postings: unknown }>(`/v1/transfers/${id}`);
    expect(found.postings).toEqual([{ debit_account: debit, credit_account: credit, amount }]);
  });
}

/** Retries a sample of keys: each must return its first outcome. */
async function checkKeys(client: Client, load: Load): Promise<void> {
  const single = load.operations.filter(({ inBatch }) => !inBatch);
  await inParallel(sampleOf(single), async (operation) => {
    const before = operation.verdict;
    const answer = await load.sendOne(client, operation);
    expect(operation.verdict, operation.key).toEqual(before);
    expect(isReplayed(answer), operation.key).toBe(true);
  });
}

/** Evenly spread, so that all phases of a test are in it. */
function sampleOf<T>(all: readonly T[]): readonly T[] {
  return all.filter((_, no) => no % Math.ceil(all.length / SAMPLE) === 0);
}

/** This load remembers only the last answer for a key. */
function operationsOf(load: Load): readonly Operation[] {
  return load.operations.map(({ key, debit, credit, amount, inBatch, verdict }) => {
    const answer: Answer =
      verdict.is === "accepted" || verdict.is === "rejected"
        ? { ...verdict, replayed: false }
        : { is: "unknown", why: verdict.is };
    return {
      key,
      debit,
      credit,
      amount,
      inBatch,
      overspends: false,
      sendings: [{ askedMs: 0, answeredMs: 0, answer }],
    };
  });
}
