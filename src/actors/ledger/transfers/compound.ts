/**
 * Decides transfers of any shape: pending, of several postings, taken back. What they need of other shards is asked
 * before; here all of it is at hand, and one decision sees every rule.
 */
import { assert } from "../../../errors/assert.ts";
import type { Effect } from "../../programmes/programme.ts";
import type { JsonValue } from "../../records/act.ts";
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
import { revertClaim } from "../limits/claim-names.ts";
import { verdictOf } from "../precedence.ts";
import type { CompoundState } from "./compound-state.ts";
import { examine, type LegReport, legsOf, partOf, releaseOf, risesOf, totalOf } from "./legs.ts";
import type { OpenTransfer } from "./pending.ts";
import { areTaking } from "./reservations.ts";

/** The transfer is not open here: what became of it has to be handed in. */
export const NOT_OPEN = Symbol("not open");

/** Commands that move money, or hold it, on any number of accounts. */
export type LegsCommand = CompoundTransfer | PostTransfer | RevertTransfer;

/** What a command comes to, if nothing is against it. */
export type Plan = Readonly<{
  ok: true;
  postings: readonly Posting[];
  purpose: Purpose;
  legs: ReadonlyMap<number, readonly Leg[]>;
  /** The pending transfer that it posts. */
  open: OpenTransfer | undefined;
  /** It moves what there is, and there is nothing. */
  isEmpty: boolean;
  /** The programme that moves the money, if one does. */
  programme: string | null;
}>;

/**
 * What is to be moved and where: before anybody has been asked, and again when all have answered.
 *
 * @param times as often as it is there is what is asked for where a transfer is to move what there is.
 */
export function plan(
  state: CompoundState,
  command: LegsCommand,
  times = 1,
): Plan | Rejected | typeof NOT_OPEN {
  switch (command.op) {
    case "compound_transfer": {
      const there = command.available ? times * availableFor(state, command) : Number.POSITIVE_INFINITY;
      const postings = command.postings.map((posting) => {
        return { ...posting, amount: Math.max(1, Math.min(posting.amount, there)) };
      });
      return planOf(state, command, postings, command.pending ? "hold" : "post", { isEmpty: there <= 0 });
    }
    case "post_transfer": {
      const open = openFor(state, command);
      if (open === NOT_OPEN || "ok" in open) return open;
      const postings = creditedTo(command.credit, open.view.postings);
      const amount = command.amount ?? open.remaining;
      // Several postings go together or not at all.
      const isTooMuch = postings.length === 1 ? amount > open.remaining : amount !== open.remaining;
      if (isTooMuch) return reject("amount_exceeds_pending", open.id);
      return planOf(state, command, partOf(postings, amount), "capture", { open });
    }
    case "revert_transfer": {
      const { id, original } = command;
      if (original === null) return reject("transfer_not_found", id);
      if (original.postings.length === 0) return reject("transfer_not_posted", id);
      if (state.claims.takenBy(revertClaim(id), command.seen) !== undefined)
        return reject("already_reverted", id);
      const there = state.takeable(command, totalOf(original.postings));
      const back = partOf(original.postings, Math.max(1, there)).toReversed();
      const postings = back.map(({ debit, credit, amount }) => ({ debit: credit, credit: debit, amount }));
      return planOf(state, command, postings, "revert", { isEmpty: there <= 0 });
    }
  }
}

/**
 * Decides what was planned in the same turn.
 *
 * @param remote what the other shards have said of their legs.
 * @param newId of the transfer, if it is a new one.
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
  const decided = state.decideAct(command, totalOf(postings), nowMs);
  if (!decided.ok) return decided;
  const here = legs.get(state.shard) ?? [];
  const { programme } = planned;
  const book = state.bookOf(command.partner);
  const local = examine(book, here, purpose, nowMs, programme, givenBack(command, planned));
  const reports = new Map<string, LegReport>();
  for (const [shard, there] of legs) {
    const said = shard === state.shard ? local.reports : remote.get(shard);
    assert(said?.length === there.length, "every leg was examined");
    for (const [i, leg] of there.entries()) {
      const report = said[i] as LegReport;
      reports.set(sideOf(leg), planned.isEmpty && leg.amount < 0 ? emptied(report) : report);
    }
  }
  for (const [i, posting] of postings.entries()) {
    const rejected = verdictOf(posting, reports.get(`${i}-`) as LegReport, reports.get(`${i}+`) as LegReport);
    if (rejected !== undefined) return rejected;
  }
  const others = othersOf(state, planned);
  const isHold = purpose === "hold";
  const sent = (isHold ? [] : others).map(([to, there]): SentPortion => {
    const known = there.map((leg): AssetLeg => ({ ...leg, asset: reports.get(sideOf(leg))?.asset ?? "" }));
    return { to, no: state.exchangeWith(to).sent + 1, purpose, legs: known };
  });
  const transfer = viewAfter(command, planned, decided.effect, newId, nowMs);
  return {
    ok: true,
    id: transfer.id,
    transfer,
    moves: local.moves,
    sent,
    part: open?.part ?? 0,
    holds: isHold ? local.holds : [],
    reservedAt: isHold ? others.filter(([, there]) => areTaking(there, true)).map(([shard]) => shard) : [],
    elsewhere: isHold ? movesElsewhere(state, planned, remote) : [],
    ...effectOf(decided),
  };
}

/** What accepted legs would do on other shards, by what those have said of them. */
export function movesElsewhere(
  state: CompoundState,
  planned: Plan,
  remote: ReadonlyMap<number, readonly LegReport[]>,
): readonly Move[] {
  const isHold = planned.purpose === "hold";
  return othersOf(state, planned).flatMap(([shard, there]) => {
    const said = remote.get(shard) ?? [];
    return there.flatMap((leg, i): readonly Move[] => {
      // Only what is taken is held.
      if (isHold && leg.amount > 0) return [];
      const { asset, posted, held, seq } = said[i] as LegReport;
      const { posting, account, vnode } = leg;
      const amount = isHold ? 0 : leg.amount;
      return [{ posting, account, asset: asset ?? "", vnode, amount, posted, held, seq }];
    });
  });
}

/** Gives back what is left of a pending transfer. */
export function decideEnd(
  state: CompoundState,
  command: VoidTransfer,
  nowMs: number,
): TransferChanged | Rejected | typeof NOT_OPEN;
export function decideEnd(
  state: CompoundState,
  command: ExpireTransfer,
  nowMs: number,
): TransferExpired | Rejected | typeof NOT_OPEN;
export function decideEnd(
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
  return {
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
  };
}

function expiredOf(view: TransferView): ExpiredTransfer {
  const { memo: _memo, metadata: _metadata, act: _act, effect: _effect, ...rest } = view;
  return { ...rest, status: "expired" };
}

/** Keeps what the legs will take, and the room that they will need. */
export function decideReserve(
  state: CompoundState,
  { partner, legs, purpose }: Reserve,
  nowMs: number,
): Reserved {
  const book = state.bookOf(partner);
  const { moves, holds } = examine(book, legs, "hold", nowMs, null);
  // What is pending takes no room: it is asked for once it is posted.
  return { ok: true, moves, holds, rises: purpose === "hold" ? [] : risesOf(book, legs) };
}

export function decideRelease(state: CompoundState, { partner, id }: Release): Moved {
  return { ok: true, moves: releaseOf(state.bookOf(partner), state.reservations.holdsOf(id)) };
}

/** The commit stands: what was held is given back, and the legs move. */
export function decidePortion(state: CompoundState, command: Portion, nowMs: number): Moved {
  const { partner, transfer, legs, purpose } = command;
  const book = state.bookOf(partner);
  const holds = state.reservations.holdsOf(transfer.id);
  const moves =
    legs.length === 0 ? releaseOf(book, holds) : examine(book, legs, purpose, nowMs, null, holds).moves;
  return { ok: true, moves };
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

/** What the debit account has, which lives at its home. */
function availableFor(state: CompoundState, { partner, postings }: CompoundTransfer): number {
  const account = state.bookOf(partner).accounts.get(postings[0]?.debit ?? "");
  return account === undefined ? 0 : account.posted - account.held;
}

/** Somebody else's transfer is as good as none (I12). */
function openFor(
  state: CompoundState,
  command: PostTransfer | VoidTransfer | ExpireTransfer,
): OpenTransfer | Rejected | typeof NOT_OPEN {
  const { id, partner } = command;
  const open = state.pending.get(id);
  if (open !== undefined) {
    if (open.partner !== partner) return reject("transfer_not_found", id);
    const by = command.op === "expire_transfer" ? open.view.act : command.act;
    return by?.programme === open.view.act?.programme ? open : reject("managed_account", id);
  }
  const settled = command.op === "expire_transfer" ? "expired" : command.settled;
  if (settled === null) return NOT_OPEN;
  if (settled === "none") return reject("transfer_not_found", id);
  return reject(settled === "expired" ? "transfer_expired" : "transfer_not_pending", id);
}

/** What was held for the legs here: all of it, or of a part that is posted as much as the part. */
function givenBack(command: LegsCommand, { open, postings }: Plan): readonly Hold[] {
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
  const amount = totalOf(postings);
  if (command.op === "post_transfer") {
    assert(open !== undefined, "what is posted was pending");
    const isOver = command.final || amount === open.remaining;
    const postedAmount = open.view.postedAmount + amount;
    const status = isOver ? "posted" : "pending";
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
    memo: isRevert ? null : command.memo,
    metadata: isRevert ? null : command.metadata,
    occurredAtMs: isRevert ? null : command.occurredAtMs,
    createdAtMs: nowMs,
    expiresAtMs: isHold && timeoutMs !== null ? nowMs + timeoutMs : null,
    reverts: isRevert ? command.id : null,
    ...(command.act !== undefined && { act: command.act }),
    ...(effect !== null && { effect }),
  };
}

/** With another credit account, where one is named. */
function creditedTo(credit: string | undefined, postings: readonly Posting[]): readonly Posting[] {
  return credit === undefined ? postings : postings.map((posting) => ({ ...posting, credit }));
}

/** Nothing stands in the record where nothing came of it. */
function effectOf({ effect }: Effect): Readonly<{ effect?: JsonValue }> {
  return effect === null ? {} : { effect };
}

function othersOf(state: CompoundState, { legs }: Plan): (readonly [number, readonly Leg[]])[] {
  return [...legs].filter(([shard]) => shard !== state.shard);
}

function sideOf({ posting, amount }: Leg): string {
  return `${posting}${amount < 0 ? "-" : "+"}`;
}

/** What keeps the account from being debited at all comes before that it has nothing. */
function emptied(report: LegReport): LegReport {
  const { objection } = report;
  const isWeaker =
    objection === null || objection === "limit_exceeded" || objection === "balance_out_of_range";
  return isWeaker ? { ...report, objection: "insufficient_funds" } : report;
}
