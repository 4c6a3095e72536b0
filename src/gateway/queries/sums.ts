/** Sums over all shards. Each part is a safe integer; their sum may exceed 2^53. */
import { assert } from "../../errors/assert.ts";
import { nonEmptyPositions, positionText, type Shards } from "../shard-link/shards.ts";

/** Balances of a system account over all slices, by asset. `undefined` if it was never used. */
export async function systemAccount(shards: Shards, partner: string, name: string) {
  const found = await shards.askAll(partner, ["system_account", name]);
  const sums = new Map<string, { posted: bigint; held: bigint }>();
  for (const { result } of found) {
    for (const [asset, posted, held] of result ?? []) {
      const sum = sums.get(asset) ?? { posted: 0n, held: 0n };
      sums.set(asset, { posted: sum.posted + BigInt(posted), held: sum.held + BigInt(held) });
    }
  }
  if (sums.size === 0) return undefined;
  return { id: name, balances: Object.fromEntries(sums) };
}

/** Of all partners if none is given. */
export async function trialBalance(shards: Shards, partner: string | undefined) {
  const found = await shards.askAll(partner ?? "", ["sums", partner === undefined]);
  const assets: Record<string, { sum: bigint; inTransit: bigint; accounts: number }> = {};
  for (const { result } of found) {
    for (const [asset, sum, accounts, sent, received] of result) {
      const total = (assets[asset] ??= { sum: 0n, inTransit: 0n, accounts: 0 });
      total.sum += BigInt(sum);
      total.inTransit += BigInt(sent) - BigInt(received);
      total.accounts += accounts;
    }
  }
  const positions = nonEmptyPositions(found.map(({ position }) => position));
  return { assets, positions: positions.map((position) => positionText(position.shard, position)) };
}

/** A partner's quotas, and its usage. Quotas are equal on all shards, except while they change. */
export async function usageOf(shards: Shards, partner: string) {
  const requestsInFlight = shards.link(0).requestsOf(partner);
  const found = await shards.askAll(partner, ["usage"]);
  const [first] = found;
  assert(first !== undefined, "there is a shard");
  return { quotas: first.result.quotas, shards: found.map(({ result }) => result.used), requestsInFlight };
}
