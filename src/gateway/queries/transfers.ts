/** What is asked about transfers that were made before: shown, listed, posted, voided, taken back. */
import { originOf, wayBackOwnerOf } from "../../actors/ledger/command-home.ts";
import { revertClaim } from "../../actors/ledger/limits/claim-names.ts";
import { vnodeOf } from "../../actors/ledger/routing.ts";
import { parseTransferId } from "../../actors/ledger/transfer-id.ts";
import { partOf } from "../../actors/ledger/transfers/legs.ts";
import { takeBackOf } from "../../actors/programmes/programmes.ts";
import type {
  Origin,
  RevertTransfer,
  Settled,
  TransferStatus,
  TransferView,
} from "../../actors/records/compound-command.ts";
import type { Page, Range } from "../../archive/queries/query.ts";
import { transferBytes } from "../../bounds/page-bytes.ts";
import { type Caller, refuseGone } from "../caller.ts";
import { known, type Shards } from "../shard-link/shards.ts";
import { fullPage } from "./full-page.ts";

/** `revertedBy`: the transfer that has taken it back. */
export type TransferRow = TransferView & Readonly<{ revertedBy: string | null }>;

type ListQuery = Range &
  Readonly<{
    account?: string | undefined;
    status?: TransferStatus | undefined;
    /** Which of them the list shows; all of them when absent. */
    shows?: (transfer: TransferView) => boolean;
  }>;

export async function transferRow(
  shards: Shards,
  partner: string,
  id: string,
): Promise<TransferRow | undefined> {
  const view = await viewOf(shards, partner, id);
  return view && (await rowsOf(shards, partner, [view]))[0];
}

export async function transferRows(
  shards: Shards,
  partner: string,
  { shows = () => true, ...query }: ListQuery,
  caller: Caller | undefined,
): Promise<Page<TransferRow>> {
  const after = await shards.positions(partner);
  const { data, ...rest } = await fullPage(
    query,
    (asked) => shards.archive.transfers({ ...query, ...asked, partner }, after),
    { isShown: shows, bytesOf: transferBytes, caller },
  );
  refuseGone(caller);
  return { data: await rowsOf(shards, partner, data), ...rest };
}

/** What became of a transfer that its home does not hold open. */
export async function settledOf(shards: Shards, partner: string, id: string): Promise<Settled> {
  const view = await viewOf(shards, partner, id);
  // Another request may have begun meanwhile what its home did not know: then it is open there, and this not looked at.
  return view === undefined || view.status === "pending" ? "none" : view.status;
}

/**
 * The facts of a transfer that never change: from its home while it is open, else from the archive.
 *
 * @param owner if it is this owner's. Neither shows what is another's, so that the time of an answer does not tell it from
 *   what is nowhere.
 */
export async function originOfTransfer(
  shards: Shards,
  partner: string,
  id: string,
  owner: string | null,
): Promise<Origin | undefined> {
  const parsed = parseTransferId(id);
  if (parsed === undefined) return undefined;
  const home = shards.ofVnode(parsed.vnode);
  const { position, result } = await shards.ask(home, partner, ["origin", id, owner]);
  if (result !== null) return result;
  const view = await shards.archive.transfer({ partner, id, owner }, known([position]));
  return view && originOf(view);
}

/** The command that takes a transfer back, with what its home has to know of it. */
export async function revertOf(
  shards: Shards,
  asked: Pick<RevertTransfer, "partner" | "key" | "fingerprint" | "id">,
): Promise<RevertTransfer> {
  const { partner, id } = asked;
  const view = await viewOf(shards, partner, id);
  if (view === undefined) {
    // An unknown transfer has no owner, so its key has no scope and is not stored.
    const vnode = parseTransferId(id)?.vnode ?? 0;
    return { op: "revert_transfer", partner, key: null, fingerprint: 0, id, original: null, vnode };
  }
  const isOver = view.status !== "pending";
  const postings = isOver && view.postedAmount > 0 ? partOf(view.postings, view.postedAmount) : [];
  const act = view.act && takeBackOf(view.act, view);
  const revert = {
    ...asked,
    op: "revert_transfer",
    original: { postings },
    vnode: wayBackOf(partner, view),
    ...(asked.key !== null && { owner: wayBackOwnerOf(view) }),
  } as const;
  return act === undefined ? revert : { ...revert, act };
}

/** As its home and the archive have it, with what its home has just ended because its time is over. */
async function viewOf(shards: Shards, partner: string, id: string): Promise<TransferView | undefined> {
  const parsed = parseTransferId(id);
  if (parsed === undefined) return undefined;
  const { position } = await shards.ask(shards.ofVnode(parsed.vnode), partner, ["transfer", id]);
  return shards.archive.transfer({ partner, id }, known([position]));
}

/** The home of the way back: that of the account whose money would go back first. */
function wayBackOf(partner: string, view: TransferView): number {
  return vnodeOf(partner, wayBackOwnerOf(view));
}

/** Whether a transfer was taken back is known where that is decided. */
async function rowsOf(
  shards: Shards,
  partner: string,
  views: readonly TransferView[],
): Promise<readonly TransferRow[]> {
  const byShard = Map.groupBy(views, (view) => shards.ofVnode(wayBackOf(partner, view)));
  const reverts = new Map<string, string | null>();
  await Promise.all(
    [...byShard].map(async ([shard, there]) => {
      const ids = there.map(({ id }) => id);
      const { result } = await shards.ask(shard, partner, ["reverts", ids]);
      for (const [i, id] of ids.entries()) reverts.set(id, result.by[i] ?? null);
      if (result.forgotten === null) return;
      const unknown = ids.filter((id) => reverts.get(id) === null);
      const names = unknown.map(revertClaim);
      const { by } = await shards.archive.claims({ shard, names }, [{ shard, ...result.forgotten }]);
      for (const [i, id] of unknown.entries()) reverts.set(id, by[i] ?? null);
    }),
  );
  return views.map((view) => ({ ...view, revertedBy: reverts.get(view.id) ?? null }));
}
