/** Sums over all shards. Each part is a safe integer; their sum may exceed 2^53. */
import type { Page } from "../../archive/queries/query.ts";
import { assert } from "../../errors/assert.ts";
import type { SystemAccount } from "../ports.ts";
import { nonEmptyPositions, positionText, type Shards } from "../shard-link/shards.ts";

/** Balances of a system account over all slices, by asset. `undefined` if it was never used. */
export async function systemAccount(shards: Shards, partner: string, name: string) {
  const found = await shards.askAll(partner, ["system_account", name]);
  const slices = found.flatMap(({ result }) => result ?? []);
  return slices.length === 0 ? undefined : { id: name, balances: sumsOf(slices) };
}

/** All system accounts that were used, in order of their names. The cursor is the last name of the previous page. */
export async function systemAccounts(
  shards: Shards,
  partner: string,
  { cursor = "", limit }: Readonly<{ cursor?: string | undefined; limit: number }>,
): Promise<Page<SystemAccount>> {
  const found = await shards.askAll(partner, ["system_accounts", cursor, limit + 1]);
  const slices = Map.groupBy(
    found.flatMap(({ result }) => result),
    ([name]) => name,
  );
  // A name among the first of all shards is among the first of each shard that has it.
  const names = [...slices.keys()].toSorted().slice(0, limit);
  const data = names.map((id) => {
    return { id, balances: sumsOf((slices.get(id) ?? []).flatMap(([, balances]) => balances)) };
  });
  return { data, cursors: names, nextCursor: slices.size > limit ? (names.at(-1) ?? null) : null };
}

function sumsOf(slices: readonly (readonly [asset: string, posted: string, held: string])[]) {
  const sums: Record<string, { posted: bigint; held: bigint }> = {};
  for (const [asset, posted, held] of slices) {
    const sum = (sums[asset] ??= { posted: 0n, held: 0n });
    sum.posted += BigInt(posted);
    sum.held += BigInt(held);
  }
  return sums;
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
