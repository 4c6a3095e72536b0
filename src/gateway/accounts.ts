/** Several accounts as they are now: those that are named, or a page of all. */
import type { AccountView } from "../actors/command.ts";
import type { Page } from "../archive/query.ts";
import { PAGE_BYTES_MAX } from "../archive/row-bytes.ts";
import { type Caller, refuseGone } from "../caller.ts";
import type { Shards } from "./shards.ts";

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
  const ids = await shards.archive.accountIds(asked, after, caller);
  refuseGone(caller);
  const wanted = ids.slice(0, limit);
  const views = await accountsOf(shards, partner, wanted, PAGE_BYTES_MAX);
  // Accounts do not vanish: the first one that is not there is the first that some shard has left out.
  const cut = views.findIndex(({ id }, i) => id !== wanted[i]);
  const data = cut === -1 ? views : views.slice(0, cut);
  const cursors = data.map(({ id }) => id);
  return { data, cursors, nextCursor: ids.length > data.length ? (cursors.at(-1) ?? null) : null };
}
