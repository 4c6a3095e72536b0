/** Reads accounts at one consistent cut. docs/SPEC.md says what a cut guarantees. */

import { randomUUID } from "node:crypto";
import type { AccountView } from "../../actors/records/command.ts";
import { PAGE_BYTES_MAX } from "../../bounds/page-bytes.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import type { Cut } from "../ports.ts";
import type { Shards } from "../shard-link/shards.ts";

/** Attempts. An attempt fails if it is too slow, or if one of its shards restarts. */
const ATTEMPTS_MAX = 5;
/** By then all shards have dropped the cut. */
const HALTS_MS_MAX = 1_000;
/** A capture waits for its shard's batches. */
const CAPTURES_MS_MAX = 5_000;

/**
 * `undefined` if the accounts exceed a page.
 *
 * @throws OperatingError `overloaded` when it cannot be made, `log_unavailable` while a shard is down.
 */
export async function consistentAccounts(
  shards: Shards,
  partner: string,
  ids: readonly string[],
): Promise<Cut | undefined> {
  const byShard = Map.groupBy(ids, (id) => shards.ofAccount(partner, id));
  const [only] = byShard.keys();
  if (byShard.size === 1 && only !== undefined) {
    const { result } = await shards.ask(only, partner, ["accounts", ids, PAGE_BYTES_MAX]);
    return result.read < ids.length ? undefined : { accounts: result.found, inTransit: {} };
  }
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const found = await attemptCut(shards, partner, byShard);
    if (found === "too_large") return undefined;
    if (found === undefined) continue;
    const views = new Map(found.accounts.map((view) => [view.id, view] as const));
    const accounts = ids.map((id) => views.get(id)).filter((view) => view !== undefined);
    return { accounts, inTransit: found.inTransit };
  }
  throw new OperatingError("overloaded", "the shards could not make a consistent cut; retry");
}

async function attemptCut(
  shards: Shards,
  partner: string,
  byShard: ReadonlyMap<number, readonly string[]>,
): Promise<Cut | "too_large" | undefined> {
  const cut = `${Date.now()}-${randomUUID()}`;
  const all = shards.links.map((_, shard) => shard);
  const ids = [...byShard.values()].flat();
  const halting = Promise.allSettled(
    all.map(async (shard) => {
      const { result } = await shards.ask(shard, partner, ["halt", cut, byShard.has(shard)]);
      return [shard, new Map(result)] as const;
    }),
  );
  const halts = await withTimeout(halting, HALTS_MS_MAX);
  if (halts === undefined) return undefined;
  const halted = halts.flatMap((halt) => (halt.status === "fulfilled" ? [halt.value] : []));
  // Shards that halted must still capture, even if others failed.
  const capturing = Promise.allSettled(
    all.map(async (shard) => {
      const receivedUpTo = halted.flatMap(([other, received]) => {
        // A shard without any of the accounts receives nothing that counts.
        const upTo = byShard.has(other) ? received.get(shard) : undefined;
        return upTo === undefined ? [] : [[other, upTo] as const];
      });
      return (await shards.ask(shard, partner, ["capture", cut, ids, receivedUpTo])).result;
    }),
  );
  const captures = await withTimeout(capturing, CAPTURES_MS_MAX);
  if (captures === undefined) return undefined;
  const failed = [...halts, ...captures].find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  const found = captures.flatMap((capture) => (capture.status === "fulfilled" ? [capture.value] : []));
  if (halted.some(([, received]) => received.size === 0) || found.includes(null)) return undefined;
  const accounts: AccountView[] = [];
  for (const capture of found) {
    if (capture?.accounts === null) return "too_large";
    accounts.push(...(capture?.accounts ?? []));
  }
  const inTransit: Record<string, bigint> = {};
  for (const capture of found) {
    for (const [asset, amount] of capture?.inTransit ?? [])
      inTransit[asset] = (inTransit[asset] ?? 0n) + BigInt(amount);
  }
  for (const [asset, amount] of Object.entries(inTransit)) if (amount === 0n) delete inTransit[asset];
  return { accounts, inTransit };
}

/** `undefined` after `ms`: a shard that hangs never answers. */
async function withTimeout<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
