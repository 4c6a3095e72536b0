/** Reads existing transfers, for display and for commands that post, void or revert them. */

import { originOf, revertOwnerOf } from "../../actors/ledger/command-home.ts";
import { revertClaim } from "../../actors/ledger/limits/claim-names.ts";
import { vnodeOf } from "../../actors/ledger/routing.ts";
import { parseTransferId } from "../../actors/ledger/transfer-id.ts";
import { withAmount } from "../../actors/ledger/transfers/legs.ts";
import { cancelActOf, revertActOf } from "../../actors/programmes/programmes.ts";
import { keyless } from "../../actors/records/command-header.ts";
import type {
  Origin,
  RevertTransfer,
  Settled,
  TransferStatus,
  TransferView,
  VoidTransfer,
} from "../../actors/records/compound-command.ts";
import { textsOf } from "../../actors/records/transfer-details.ts";
import type { Page, Range } from "../../archive/queries/query.ts";
import { rowBytes } from "../../bounds/page-bytes.ts";
import { type Caller, refuseGone } from "../caller.ts";
import type { RevertRequest, TransferRow } from "../ports.ts";
import { nonEmptyPositions, type Shards } from "../shard-link/shards.ts";
import { fullPage } from "./full-page.ts";

type ListQuery = Range &
  Readonly<{
    account?: string | undefined;
    status?: TransferStatus | undefined;
    /** A filter on the rows of the list. Absent: all rows. */
    shows?: (transfer: TransferView) => boolean;
  }>;

export async function transferRow(
  shards: Shards,
  partner: string,
  id: string,
): Promise<TransferRow | undefined> {
  const view = await readView(shards, partner, id);
  return view && (await withRevertedBy(shards, partner, [view]))[0];
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
    (range) => shards.archive.transfers({ ...query, ...range, partner }, after),
    { isShown: shows, bytesOf: (view) => rowBytes(textsOf(view), view.postings.length), caller },
  );
  refuseGone(caller);
  return { data: await withRevertedBy(shards, partner, data), ...rest };
}

/** The final status of a transfer that is not open at its home shard. */
export async function settledOf(shards: Shards, partner: string, id: string): Promise<Settled> {
  const view = await readView(shards, partner, id);
  // If the transfer has been created since, it is open at its home shard, and the shard ignores this status.
  return view === undefined || view.status === "pending" ? "none" : view.status;
}

/**
 * The immutable facts of a transfer: from its home shard while it is open, else from the archive.
 *
 * @param owner only a transfer of this owner is found. Neither source looks at transfers of others, so that the
 *   response time does not reveal whether the id exists.
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
  const view = await shards.archive.transfer({ partner, id, owner }, nonEmptyPositions([position]));
  return view && originOf(view);
}

/**
 * The command that reverts a transfer, with the facts that its home shard needs. A transfer that its programme posts
 * later is voided while it is pending; a retry after that repeats the void.
 */
export async function revertOf(
  shards: Shards,
  { terms, ...header }: RevertRequest,
): Promise<RevertTransfer | VoidTransfer> {
  const { partner, id } = header;
  const view = await readView(shards, partner, id);
  if (view === undefined) {
    // An unknown transfer has no owner, so its key has no scope and is not stored.
    const vnode = parseTransferId(id)?.vnode ?? 0;
    return { op: "revert_transfer", ...keyless(partner), id, original: null, vnode };
  }
  const cancelled = cancelOf(header, view);
  if (cancelled !== undefined) return cancelled;
  const isSettled = view.status !== "pending";
  const postings = isSettled && view.postedAmount > 0 ? withAmount(view.postings, view.postedAmount) : [];
  const act = view.act && revertActOf(view.act, view, terms);
  const revert = {
    ...header,
    op: "revert_transfer",
    original: { postings },
    vnode: revertHomeOf(partner, view),
    ...(header.key !== null && { owner: header.owner ?? revertOwnerOf(view) }),
  } as const;
  return act === undefined ? revert : { ...revert, act };
}

function cancelOf(
  header: Pick<RevertTransfer, "partner" | "key" | "fingerprint" | "id">,
  view: TransferView,
): VoidTransfer | undefined {
  if (view.status !== "pending" && view.status !== "voided") return undefined;
  const act = view.act && cancelActOf(view.act, view);
  if (act === undefined) return undefined;
  const owner = header.key === null ? {} : { owner: revertOwnerOf(view) };
  return { ...header, op: "void_transfer", settled: null, ...owner, act };
}

/** The transfer at its home shard and in the archive, after any expiry that was overdue. */
async function readView(shards: Shards, partner: string, id: string): Promise<TransferView | undefined> {
  const parsed = parseTransferId(id);
  if (parsed === undefined) return undefined;
  const { position } = await shards.ask(shards.ofVnode(parsed.vnode), partner, ["transfer", id]);
  return shards.archive.transfer({ partner, id }, nonEmptyPositions([position]));
}

/** The shard that decides a revert: that of the account whose money would go back first. */
function revertHomeOf(partner: string, view: TransferView): number {
  return vnodeOf(partner, revertOwnerOf(view));
}

/** Adds `revertedBy`, which the shard that decides reverts knows. */
async function withRevertedBy(
  shards: Shards,
  partner: string,
  views: readonly TransferView[],
): Promise<readonly TransferRow[]> {
  const byShard = Map.groupBy(views, (view) => shards.ofVnode(revertHomeOf(partner, view)));
  const reverts = new Map<string, string | null>();
  await Promise.all(
    [...byShard].map(async ([shard, shardViews]) => {
      const ids = shardViews.map(({ id }) => id);
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
