/** Accounts as they are now: those that are named, a page of all, and one beside its entries. */
import type { AccountView } from "../actors/command.ts";
import type { Page } from "../archive/query.ts";
import { type Caller, refuseGone } from "../caller.ts";
import { PAGE_BYTES_MAX } from "../page-bytes.ts";
import { flowOwnerOfSubject } from "./owners.ts";
import { known, type Shards } from "./shards.ts";

/** Those that exist, in the order of `ids`. @param bytesMax of each shard: those that come behind are left out. */
export async function accountsOf(
  shards: Shards,
  partner: string,
  ids: readonly string[],
  bytesMax: number | null = null,
): Promise<readonly AccountView[]> {
  const byShard = Map.groupBy(ids, (id) => shards.ofAccount(partner, id));
  const found = await Promise.all(
    [...byShard].map(([shard, there]) => shards.ask(shard, partner, ["accounts", there, bytesMax])),
  );
  const views = new Map(found.flatMap(({ result }) => result.map((view) => [view.id, view] as const)));
  return ids.map((id) => views.get(id)).filter((view) => view !== undefined);
}

/** In order of id. The cursor is the last id of the page before. @throws CallerGone */
export async function accountPage(
  shards: Shards,
  partner: string,
  query: Readonly<{ prefix: string; limit: number; cursor?: string | undefined }>,
  caller: Caller | undefined,
): Promise<Page<AccountView>> {
  const { prefix, limit, cursor } = query;
  const after = await shards.positions(partner);
  const asked = { partner, prefix, afterId: cursor, limit: limit + 1 };
  const ids = await shards.archive.accountIds(asked, after);
  refuseGone(caller);
  const wanted = ids.slice(0, limit);
  // Of several shards each has about its share of the page; with less there would be more pages, with more, waste.
  const bytesMax = Math.ceil((2 * PAGE_BYTES_MAX) / (shards.links.length + 1));
  const owner = flowOwnerOfSubject(partner, prefix);
  const views = await shards.turns.largeReads.run(partner, owner, caller, () =>
    accountsOf(shards, partner, wanted, bytesMax),
  );
  // Accounts do not vanish: the first one that is not there is the first that some shard has left out.
  const cut = views.findIndex(({ id }, i) => id !== wanted[i]);
  const data = cut === -1 ? views : views.slice(0, cut);
  const cursors = data.map(({ id }) => id);
  return { data, cursors, nextCursor: ids.length > data.length ? (cursors.at(-1) ?? null) : null };
}

/** An account, and what its entries come to, at one seq. */
export async function reconciliation(shards: Shards, partner: string, id: string) {
  const shard = shards.ofAccount(partner, id);
  const { result: account, position } = await shards.ask(shard, partner, ["account", id]);
  if (account === null) return undefined;
  const query = { partner, account: id, seq: account.seq };
  const { sum, count } = await shards.archive.sum(query, known([position]));
  return { account, entriesSum: sum, entriesCount: count };
}
