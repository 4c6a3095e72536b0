/**
 * Decides compound transfers: pending ones, those of several postings, posts, voids and reverts. Other shards have
 * reported on their legs before, so one decision sees every rule.
 */

import { assert } from "../../../errors/assert.ts";
import type { AcceptedAct } from "../../programmes/programme.ts";
import { isCancelAct } from "../../programmes/programmes.ts";
import { actOfTransfer, type JsonValue } from "../../records/act.ts";
import { type Rejected, reject } from "../../records/command.ts";
import type {
  AssetLeg,
  CompoundTransfer,
  ExpiredTransfer,
  ExpireTransfer,
  Hold,
  Leg,
  Move,
  Moved,
  Portion,
  Posting,
  PostTransfer,
  Purpose,
  Release,
  Reserve,
  Reserved,
  RevertTransfer,
  SentPortion,
  TransferChanged,
  TransferExpired,
  TransferView,
  VoidTransfer,
} from "../../records/compound-command.ts";
import { detailsOf, NO_DETAILS, type TransferDetails } from "../../records/transfer-details.ts";
import { revertClaim } from "../limits/claim-names.ts";
import { verdictOf } from "../precedence.ts";
import type { CompoundState } from "./compound-state.ts";
import { examine, type LegReport, legsOf, releaseOf, risesOf, totalAmount, withAmount } from "./legs.ts";
import type { OpenTransfer } from "./pending.ts";
import { needReservation } from "./reservations.ts";

/** The transfer is not open on this shard. The gateway must ask the archive for its status and retry with it. */
export const NOT_OPEN = Symbol("not open");

/** Commands that move or hold money on any number of accounts. */
export type LegsCommand = CompoundTransfer | PostTransfer | RevertTransfer;

/** What a command will do if every rule accepts it. `legs` are by shard. */
export type Plan = Readonly<{
  ok: true;
  postings: readonly Posting[];
  purpose: Purpose;
  legs: ReadonlyMap<number, readonly Leg[]>;
  /** For a post: the pending transfer. */
  open: OpenTransfer | undefined;
  /** Nothing is available, or nothing can be reverted. The postings then have amount 1 and are rejected. */
  isEmpty: boolean;
  /** The programme whose act comes with the command. */
  programme: string | null;
}>;

/**
 * Computes a command's postings and legs. Called before other shards are asked, and again when all have answered.
 *
 * @param factor for a transfer of the available balance: plans for this multiple of it, so that other shards also
 * accept a balance that grows until they have answered.
 */
export function plan(
  state: CompoundState,
  command: LegsCommand,
  factor = 1,
): Plan | Rejected | typeof NOT_OPEN {
  switch (command.op) {
    case "compound_transfer": {
      const purpose = command.pending ? "hold" : "post";
      if (!command.available) return planOf(state, command, command.postings, purpose, {});
      const available = factor * availableFor(state, command);
      const postings = command.postings.map((posting) => {
        return { ...posting, amount: Math.max(1, Math.min(posting.amount, available)) };
      });
      return planOf(state, command, postings, purpose, { isEmpty: available <= 0 });
    }
    case "post_transfer": {
      const open = openFor(state, command);
      if (open === NOT_OPEN || "ok" in open) return open;
      const postings = creditedTo(command.credit, open.view.postings);
      const amount = command.amount ?? open.remaining;
      // Several postings are posted together or not at all.
      const isTooMuch = postings.length === 1 ? amount > open.remaining : amount !== open.remaining;
      if (isTooMuch) return reject("amount_exceeds_pending", open.id);
      return planOf(state, command, withAmount(postings, amount), "capture", { open });
    }
    case "revert_transfer": {
      const { id, original } = command;
      if (original === null) return reject("transfer_not_found", id);
      if (original.postings.length === 0) return reject("transfer_not_posted", id);
      if (state.claims.takenBy(revertClaim(id), command.seen) !== undefined)
        return reject("already_reverted", id);
      const takeable = state.takeable(command, totalAmount(original.postings));
      const back = withAmount(original.postings, Math.max(1, takeable)).toReversed();
      const postings = back.map(({ debit, credit, amount }) => ({ debit: credit, credit: debit, amount }));
      return planOf(state, command, postings, "revert", { isEmpty: takeable <= 0 });
    }
  }
}

/**
 * Decides a planned command. The state must not have changed since `plan`.
 *
 * @param remote the other shards' reports on their legs.
 * @param newId the id for a new transfer; a post does not use it.
 */
export function decideLegs(
  state: CompoundState,
  command: LegsCommand,
  planned: Plan,
  remote: ReadonlyMap<number, readonly LegReport[]>,
  newId: string,
  nowMs: number,
): TransferChanged | Rejected {
  const { postings, legs, purpose, open } = planned;
  const decided = state.decideAct(command, totalAmount(postings), nowMs);
  if (!decided.ok) return decided;
  const localLegs = legs.get(state.shard) ?? [];
  const { programme } = planned;
  const book = state.bookOf(command.partner);
  const local = examine(book, localLegs, purpose, nowMs, programme, releasedHolds(command, planned));
  const reports = new Array<LegReport | undefined>(2 * postings.length);
  for (const [shard, shardLegs] of legs) {
    const shardReports = shard === state.shard ? local.reports : remote.get(shard);
    assert(shardReports?.length === shardLegs.length, "every leg was examined");
    for (const [i, leg] of shardLegs.entries()) {
      const report = reportAt(shardReports, i);
      reports[placeOf(leg)] = planned.isEmpty && leg.amount < 0 ? withInsufficientFunds(report) : report;
    }
  }
  for (const [i, posting] of postings.entries()) {
    const debit = reports[2 * i];
    const credit = reports[2 * i + 1];
    assert(debit !== undefined && credit !== undefined, "both legs of a posting were examined");
    const rejected = verdictOf(posting, debit, credit);
    if (rejected !== undefined) return rejected;
  }
  const others = othersOf(state, planned);
  const isHold = purpose === "hold";
  const sent = (isHold ? [] : others).map(([to, shardLegs]): SentPortion => {
    const assetLegs = shardLegs.map((leg): AssetLeg => {
      return { ...leg, asset: reports[placeOf(leg)]?.asset ?? "" };
    });
    return { to, no: state.exchangeWith(to).sent + 1, purpose, legs: assetLegs };
  });
  const transfer = viewAfter(command, planned, decided.effect, newId, nowMs);
  return state.withCrossings<TransferChanged>(command, {
    ok: true,
    id: transfer.id,
    transfer,
    moves: local.moves,
    sent,
    part: open?.part ?? 0,
    holds: isHold ? local.holds : [],
    reservedAt: isHold
      ? others.filter(([, each]) => needReservation(each, true)).map(([shard]) => shard)
      : [],
    elsewhere: isHold ? movesElsewhere(state, planned, remote) : [],
    ...effectOf(decided),
  });
}

/** The moves of accepted legs on other shards, computed from those shards' reports. */
export function movesElsewhere(
  state: CompoundState,
  planned: Plan,
  remote: ReadonlyMap<number, readonly LegReport[]>,
): readonly Move[] {
  const isHold = planned.purpose === "hold";
  return othersOf(state, planned).flatMap(([shard, shardLegs]) => {
    const reports = remote.get(shard) ?? [];
    return shardLegs.flatMap((leg, i): readonly Move[] => {
      // Only debits are held.
      if (isHold && leg.amount > 0) return [];
      const { asset, posted, held, seq } = reportAt(reports, i);
      const { posting, account, vnode } = leg;
      const amount = isHold ? 0 : leg.amount;
      return [{ posting, account, asset: asset ?? "", vnode, amount, posted, held, seq }];
    });
  });
}

/** Decides a void or an expiry: releases the remaining holds of a pending transfer. */
export function decideVoidOrExpiry(
  state: CompoundState,
  command: VoidTransfer,
  nowMs: number,
): TransferChanged | Rejected | typeof NOT_OPEN;
export function decideVoidOrExpiry(
  state: CompoundState,
  command: ExpireTransfer,
  nowMs: number,
): TransferExpired | Rejected | typeof NOT_OPEN;
export function decideVoidOrExpiry(
  state: CompoundState,
  command: VoidTransfer | ExpireTransfer,
  nowMs: number,
): TransferChanged | TransferExpired | Rejected | typeof NOT_OPEN {
  const open = openFor(state, command);
  if (open === NOT_OPEN || "ok" in open) return open;
  const decided = state.decideAct(command, open.remaining, nowMs);
  if (!decided.ok) return decided;
  const sent = open.reservedAt.map((to): SentPortion => {
    return { to, no: state.exchangeWith(to).sent + 1, purpose: "capture", legs: [] };
  });
  return state.withCrossings<TransferChanged | TransferExpired>(command, {
    ok: true,
    id: open.id,
    transfer: command.op === "void_transfer" ? { ...open.view, status: "voided" } : expiredOf(open.view),
    moves: releaseOf(state.bookOf(open.partner), open.holds),
    sent,
    part: open.part,
    holds: [],
    reservedAt: [],
    elsewhere: [],
    ...effectOf(decided),
  });
}

function expiredOf(view: TransferView): ExpiredTransfer {
  const { memo: _memo, metadata: _metadata, act: _act, effect: _effect, ...rest } = view;
  return { ...rest, status: "expired" };
}

/** Decides another shard's reservation: holds for its debits, credit reservations for its credits. Never refuses. */
export function decideReserve(state: CompoundState, command: Reserve, nowMs: number): Reserved {
  const { partner, legs, purpose } = command;
  const book = state.bookOf(partner);
  const { moves, holds } = examine(book, legs, "hold", nowMs, null);
  // A pending credit reserves no headroom: the ceiling is checked when it is posted.
  const rises = purpose === "hold" ? [] : risesOf(book, legs);
  return state.withCrossings<Reserved>(command, { ok: true, moves, holds, rises });
}

export function decideRelease(state: CompoundState, command: Release): Moved {
  const { partner, id } = command;
  const moves = releaseOf(state.bookOf(partner), state.reservations.holdsOf(id));
  return state.withCrossings<Moved>(command, { ok: true, moves });
}

/** Decides another shard's committed portion: releases its reservation and moves its legs. Never refuses. */
export function decidePortion(state: CompoundState, command: Portion, nowMs: number): Moved {
  const { partner, transfer, legs, purpose } = command;
  const book = state.bookOf(partner);
  const holds = state.reservations.holdsOf(transfer.id);
  const moves =
    legs.length === 0 ? releaseOf(book, holds) : examine(book, legs, purpose, nowMs, null, holds).moves;
  return state.withCrossings<Moved>(command, { ok: true, moves });
}

function planOf(
  state: CompoundState,
  { partner, act }: LegsCommand,
  postings: readonly Posting[],
  purpose: Purpose,
  { open, isEmpty = false }: Partial<Pick<Plan, "open" | "isEmpty">>,
): Plan {
  const legs = state.byShard(legsOf(partner, postings));
  return { ok: true, postings, purpose, legs, open, isEmpty, programme: act?.programme ?? null };
}

/** Available balance of the debit account, which is on the transfer's home shard. */
function availableFor(state: CompoundState, { partner, postings }: CompoundTransfer): number {
  const account = state.bookOf(partner).accounts.get(postings[0]?.debit ?? "");
  return account === undefined ? 0 : account.posted - account.held;
}

/** The pending transfer that a command resolves. Another partner's transfer counts as not found (I12). */
function openFor(
  state: CompoundState,
  command: PostTransfer | VoidTransfer | ExpireTransfer,
): OpenTransfer | Rejected | typeof NOT_OPEN {
  const { id, partner } = command;
  const open = state.pending.get(id);
  if (open !== undefined) {
    if (open.partner !== partner) return reject("transfer_not_found", id);
    const act = command.op === "expire_transfer" ? open.view.act : command.act;
    return act?.programme === open.view.act?.programme ? open : reject("managed_account", id);
  }
  const settled = command.op === "expire_transfer" ? "expired" : command.settled;
  if (settled === null) return NOT_OPEN;
  if (settled === "none") return reject("transfer_not_found", id);
  if (settled === "expired") return reject("transfer_expired", id);
  // A void that stands for a revert comes after another one.
  const isRevert = command.op === "void_transfer" && command.act !== undefined && isCancelAct(command.act);
  return reject(isRevert ? "already_reverted" : "transfer_not_pending", id);
}

/** The local holds that a post releases: all of them, or for a partial post that is not final, the posted amount. */
function releasedHolds(command: LegsCommand, { open, postings }: Plan): readonly Hold[] {
  if (open === undefined) return [];
  const isFinal = command.op === "post_transfer" && command.final;
  if (open.view.postings.length > 1 || isFinal) return open.holds;
  return open.holds.map((hold) => ({ ...hold, amount: postings[0]?.amount ?? 0 }));
}

function viewAfter(
  command: LegsCommand,
  { postings, open, purpose }: Plan,
  effect: JsonValue,
  newId: string,
  nowMs: number,
): TransferView {
  const amount = totalAmount(postings);
  if (command.op === "post_transfer") {
    assert(open !== undefined, "a posted transfer was pending");
    const isResolved = command.final || amount === open.remaining;
    const postedAmount = open.view.postedAmount + amount;
    const status = isResolved ? "posted" : "pending";
    return { ...open.view, status, postings: creditedTo(command.credit, open.view.postings), postedAmount };
  }
  const isHold = purpose === "hold";
  const isRevert = command.op === "revert_transfer";
  const timeoutMs = isRevert ? null : command.timeoutMs;
  return {
    id: newId,
    status: isHold ? "pending" : "posted",
    postings,
    postedAmount: isHold ? 0 : amount,
    ...(isRevert ? detailsOfRevert(command) : detailsOf(command)),
    createdAtMs: nowMs,
    expiresAtMs: isHold && timeoutMs !== null ? nowMs + timeoutMs : null,
    reverts: isRevert ? command.id : null,
    ...(command.act !== undefined && { act: actOfTransfer(command.act) }),
    ...(effect !== null && { effect }),
  };
}

function detailsOfRevert({ memo, metadata }: RevertTransfer): TransferDetails {
  return { ...NO_DETAILS, memo: memo ?? null, metadata: metadata ?? null };
}

/** The postings with another credit account, if one is given. */
function creditedTo(credit: string | undefined, postings: readonly Posting[]): readonly Posting[] {
  return credit === undefined ? postings : postings.map((posting) => ({ ...posting, credit }));
}

/** Omits the field from the record if the act has no effect. */
function effectOf({ effect }: AcceptedAct): Readonly<{ effect?: JsonValue }> {
  return effect === null ? {} : { effect };
}

function othersOf(state: CompoundState, { legs }: Plan): (readonly [number, readonly Leg[]])[] {
  return [...legs].filter(([shard]) => shard !== state.shard);
}

function reportAt(reports: readonly LegReport[], index: number): LegReport {
  const report = reports[index];
  assert(report !== undefined, "every leg was examined");
  return report;
}

/** The place of a leg among those of all postings: the debit of each, then its credit. */
function placeOf({ posting, amount }: Leg): number {
  return 2 * posting + (amount < 0 ? 0 : 1);
}

/** Reports `insufficient_funds`, unless a reason that precedes it (such as closed or frozen) is reported already. */
function withInsufficientFunds(report: LegReport): LegReport {
  const { objection } = report;
  const isWeaker =
    objection === null || objection === "limit_exceeded" || objection === "balance_out_of_range";
  return isWeaker ? { ...report, objection: "insufficient_funds" } : report;
}
