/** One consistent cut through the shards of some accounts. */
import { randomUUID } from "node:crypto";
import type { AccountView } from "../actors/command.ts";
import { OperatingError } from "../operating-error.ts";
import type { Shards } from "./shards.ts";

/** A cut that was too slow, or whose shard has started anew meanwhile, begins again. */
const ATTEMPTS_MAX = 5;

export type Cut = Readonly<{
  accounts: readonly AccountView[];
  inTransit: Readonly<Record<string, number>>;
}>;

/** @throws OperatingError `overloaded` when it cannot be made. */
export async function consistentAccounts(
  shards: Shards,
  partner: string,
  ids: readonly string[],
): Promise<Cut> {
  const byShard = Map.groupBy(ids, (id) => shards.ofAccount(partner, id));
  const [only] = byShard.keys();
  if (byShard.size === 1 && only !== undefined) {
    const { result } = await shards.ask(only, partner, ["accounts", ids]);
    return { accounts: result, inTransit: {} };
  }
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const found = await attemptCut(shards, partner, byShard);
    if (found === undefined) continue;
    const views = new Map(found.accounts.map((view) => [view.id, view] as const));
    const accounts = ids.map((id) => views.get(id)).filter((view) => view !== undefined);
    return { accounts, inTransit: found.inTransit };
  }
  throw new OperatingError("overloaded", "the shards could not agree on one moment; ask again");
}

async function attemptCut(
  shards: Shards,
  partner: string,
  byShard: ReadonlyMap<number, readonly string[]>,
): Promise<Cut | undefined> {
  const cut = `${Date.now()}-${randomUUID()}`;
  const concerned = [...byShard.keys()];
  const ids = [...byShard.values()].flat();
  const halts = await Promise.allSettled(
    concerned.map(async (shard) => {
      const { result } = await shards.ask(shard, partner, ["halt", cut]);
      return [shard, new Map(result)] as const;
    }),
  );
  const halted = halts.flatMap((halt) => (halt.status === "fulfilled" ? [halt.value] : []));
  // Those that halted go on with their capture, whatever has become of the others.
  const captures = await Promise.allSettled(
    concerned.map(async (shard) => {
      const heard = halted.flatMap(([other, received]) => {
        const upTo = received.get(shard);
        return upTo === undefined ? [] : [[other, upTo] as const];
      });
      return (await shards.ask(shard, partner, ["capture", cut, ids, heard])).result;
    }),
  );
  const failed = [...halts, ...captures].find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  const found = captures.flatMap((capture) => (capture.status === "fulfilled" ? [capture.value] : []));
  if (halted.some(([, received]) => received.size === 0) || found.includes(null)) return undefined;
  const inTransit: Record<string, number> = {};
  for (const there of found) {
    for (const [asset, amount] of there?.inTransit ?? [])
      inTransit[asset] = (inTransit[asset] ?? 0) + Number(amount);
  }
  return { accounts: found.flatMap((there) => there?.accounts ?? []), inTransit };
}
