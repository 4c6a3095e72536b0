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
  const cut = randomUUID();
  const concerned = [...byShard.keys()];
  const ids = [...byShard.values()].flat();
  const halted = await Promise.all(
    concerned.map(async (shard) => {
      const { result } = await shards.ask(shard, partner, ["halt", cut]);
      return result === null ? null : ([shard, new Map(result)] as const);
    }),
  );
  const found = await Promise.all(
    concerned.map(async (shard) => {
      const heard = halted.flatMap((each) => {
        const upTo = each?.[0] === shard ? undefined : each?.[1].get(shard);
        return upTo === undefined || each === null ? [] : [[each[0], upTo] as const];
      });
      const { result } = await shards.ask(shard, partner, ["capture", cut, ids, heard]);
      return result;
    }),
  );
  if (halted.includes(null) || found.includes(null)) return undefined;
  const inTransit: Record<string, number> = {};
  for (const there of found) {
    for (const [asset, amount] of there?.inTransit ?? [])
      inTransit[asset] = (inTransit[asset] ?? 0) + Number(amount);
  }
  return { accounts: found.flatMap((there) => there?.accounts ?? []), inTransit };
}
