/** Accounts as they are now: those that are named, a page of all, and one beside its entries. */
import type { AccountView } from "../../actors/records/command.ts";
import type { Page } from "../../archive/queries/query.ts";
import { PAGE_BYTES_MAX } from "../../bounds/page-bytes.ts";
import { InvalidTime, OperatingError } from "../../errors/operating-error.ts";
import { type Caller, refuseGone } from "../caller.ts";
import { flowOwnerOfSubject } from "../shard-link/owners.ts";
import { known, type Shards } from "../shard-link/shards.ts";

/** How far the clock of a client may be ahead of log time. */
const AHEAD_MS_MAX = 1000;
const SLOT_MS = 100;

/** @throws InvalidTime `atMs` is in the future. @throws OperatingError */
export async function accountAt(
  shards: Shards,
  partner: string,
  id: string,
  atMs: number,
): Promise<AccountView | undefined> {
  const shard = shards.ofAccount(partner, id);
  await reach(shards, partner, shard, atMs);
  // What is logged from here on is later: nothing can come to lie before a moment that was shown.
  const { position, result } = await shards.ask(shard, partner, ["tick", atMs, id]);
  if (!result) throw new OperatingError("log_unavailable", "log time has not come to this moment yet");
  return shards.turns.pages.run(partner, flowOwnerOfSubject(partner, id), undefined, () =>
    shards.archive.accountAt({ partner, account: id, atMs }, known([position])),
  );
}

/**
 * Waits for log time to pass this moment, and on to the end of its slot: so that all who ask about one slot are served by one
 * record, and reads make ten records a second at most.
 */
async function reach(shards: Shards, partner: string, shard: number, atMs: number): Promise<void> {
  const endMs = (Math.floor(atMs / SLOT_MS) + 1) * SLOT_MS;
  for (;;) {
    const { result: nowMs } = await shards.ask(shard, partner, ["time"]);
    if (atMs - nowMs > AHEAD_MS_MAX) throw new InvalidTime("at", "must not be in the future");
    const aheadMs = endMs - nowMs;
    if (aheadMs <= 0) return;
    await new Promise((resolve) => setTimeout(resolve, aheadMs));
  }
}

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
