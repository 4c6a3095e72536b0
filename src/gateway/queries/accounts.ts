/** Reads accounts: by id, a page of all, at a past moment, and together with the sum of its entries. */
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import type { AccountView } from "../../actors/records/command.ts";
import type { BatchPosition, Page } from "../../archive/queries/query.ts";
import { PAGE_BYTES_MAX } from "../../bounds/page-bytes.ts";
import { InvalidTime, OperatingError } from "../../errors/operating-error.ts";
import { type Caller, refuseGone } from "../caller.ts";
import { flowOwnerOfSubject } from "../shard-link/owners.ts";
import { nonEmptyPositions, type Shards } from "../shard-link/shards.ts";

/** How far a client's clock may be ahead of log time. */
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
  await waitForLogTime(shards, partner, shard, atMs);
  // From now on the shard logs later times only, so no new record can fall before a moment that was shown.
  const { position, result } = await shards.ask(shard, partner, ["tick", atMs, id]);
  if (!result) throw new OperatingError("log_unavailable", "log time has not reached this moment yet");
  return shards.turns.pages.run(partner, flowOwnerOfSubject(partner, id), undefined, () =>
    shards.archive.accountAt({ partner, account: id, atMs }, nonEmptyPositions([position])),
  );
}

/**
 * Waits until log time has passed the end of this moment's slot. All reads of one slot share one `tick` record, so
 * reads cause at most ten records a second.
 */
async function waitForLogTime(shards: Shards, partner: string, shard: number, atMs: number): Promise<void> {
  const endMs = (Math.floor(atMs / SLOT_MS) + 1) * SLOT_MS;
  for (;;) {
    const { result: nowMs } = await shards.ask(shard, partner, ["time"]);
    if (atMs - nowMs > AHEAD_MS_MAX) throw new InvalidTime("at", "must not be in the future");
    const aheadMs = endMs - nowMs;
    if (aheadMs <= 0) return;
    await new Promise((resolve) => setTimeout(resolve, aheadMs));
  }
}

/** The existing accounts among the first `read` ids, in the order of the ids. */
export type AccountsRead = Readonly<{ accounts: readonly AccountView[]; read: number }>;

/** Reads accounts until they fill a page. At least the first id is read. */
export async function accountsOf(
  shards: Shards,
  partner: string,
  ids: readonly string[],
): Promise<AccountsRead> {
  // Each shard holds about its share of the page. A smaller bound would make more pages, a larger one would read in
  // vain.
  const bytesMax = Math.ceil((2 * PAGE_BYTES_MAX) / (shards.links.length + 1));
  const byShard = Map.groupBy(ids, (id) => shards.ofAccount(partner, id));
  const views = new Map<string, AccountView>();
  const unread = new Set<string>();
  await Promise.all(
    [...byShard].map(async ([shard, shardIds]) => {
      const { result } = await shards.ask(shard, partner, ["accounts", shardIds, bytesMax]);
      for (const view of result.found) views.set(view.id, view);
      for (const id of shardIds.slice(result.read)) unread.add(id);
    }),
  );
  const firstUnread = ids.findIndex((id) => unread.has(id));
  const read = firstUnread === -1 ? ids.length : firstUnread;
  const accounts = ids
    .slice(0, read)
    .map((id) => views.get(id))
    .filter((view) => view !== undefined);
  return { accounts, read };
}

/** Accounts sorted by id. The cursor is the last id of the previous page. @throws CallerGone */
export async function accountPage(
  shards: Shards,
  partner: string,
  query: Readonly<{ prefix: string; limit: number; cursor?: string | undefined }>,
  caller: Caller | undefined,
): Promise<Page<AccountView>> {
  const { prefix, limit, cursor } = query;
  const after = await shards.positions(partner);
  const range = { partner, prefix, afterId: cursor, limit: limit + 1 };
  const ids = await shards.archive.accountIds(range, after);
  refuseGone(caller);
  const owner = flowOwnerOfSubject(partner, prefix);
  const { accounts } = await shards.turns.largeReads.run(partner, owner, caller, () =>
    accountsOf(shards, partner, ids.slice(0, limit)),
  );
  const cursors = accounts.map(({ id }) => id);
  return {
    data: accounts,
    cursors,
    nextCursor: ids.length > accounts.length ? (cursors.at(-1) ?? null) : null,
  };
}

/** An account, and the sum of its entries, at the same `seq`. */
export async function reconciliation(shards: Shards, partner: string, id: string) {
  const shard = shards.ofAccount(partner, id);
  const { result: account, position } = await shards.ask(shard, partner, ["account", id]);
  if (account === null) return undefined;
  const query = { partner, account: id, seq: account.seq };
  const { sum, count } = await shards.archive.sum(query, nonEmptyPositions([position]));
  return { account, entriesSum: sum, entriesCount: count };
}

/**
 * The positions that the archive must have reached before it can show the account's entries, and the `seq` of its
 * newest entry. `undefined` if there is no such account.
 */
export async function positionsOfAccount(
  shards: Shards,
  partner: string,
  account: string,
): Promise<Readonly<{ after: readonly BatchPosition[]; seq?: number }> | undefined> {
  if (isSystemAccount(account)) {
    const found = await shards.askAll(partner, ["system_account", account]);
    const exists = found.some(({ result }) => result !== null);
    return exists ? { after: nonEmptyPositions(found.map(({ position }) => position)) } : undefined;
  }
  const { result, position } = await shards.ask(shards.ofAccount(partner, account), partner, [
    "account",
    account,
  ]);
  return result === null ? undefined : { after: nonEmptyPositions([position]), seq: result.seq };
}
