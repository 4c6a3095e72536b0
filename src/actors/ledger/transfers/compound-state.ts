/** A shard's pending transfers, reservations and claims, and how compound records change them. */
import { assert, unreachable } from "../../../errors/assert.ts";
import type { AcceptedAct, ApplyContext } from "../../programmes/programme.ts";
import { claimOfAct, movedAccountsOf, type Programmes } from "../../programmes/programmes.ts";
import type { Act, JsonValue } from "../../records/act.ts";
import { acceptedOf, type Command, type Recorded, type Rejected } from "../../records/command.ts";
import type {
  CompoundAccepted,
  CompoundCommand,
  CompoundTransfer,
  Leg,
  Moved,
  Portion,
  Posting,
  PostTransfer,
  TransferChanged,
  TransferExpired,
  Use,
} from "../../records/compound-command.ts";
import { changesOf } from "../../records/record-views.ts";
import type { Book } from "../book.ts";
import type { Exchange, TimedRecordPlace } from "../exchange.ts";
import { claimOf, seenOf } from "../limits/claim-names.ts";
import type { Claims, LogPlace } from "../limits/claims.ts";
import { countUse, type Direction, uncountUse } from "../limits/velocity.ts";
import { shardOfVnode } from "../routing.ts";
import { applyMove, legsOf, totalAmount, usesOf, withAmount } from "./legs.ts";
import { type OpenTransfer, PendingTransfers } from "./pending.ts";
import { Reservations } from "./reservations.ts";

const NO_ACT: AcceptedAct = { ok: true, effect: null };

export type CompoundStateOptions = Readonly<{
  shard: number;
  shards: number;
  bookOf: (partner: string) => Book;
  exchangeWith: (shard: number) => Exchange;
  programmes: Programmes;
  claims: Claims;
  /** Bound on pending transfers of all partners together. */
  pendingMax?: number | undefined;
}>;

/** A command that may carry a programme's act. */
type Acting = Readonly<{
  partner: string;
  act?: Act;
  debit?: string;
  credit?: string;
  postings?: readonly Posting[];
}>;

export class CompoundState {
  readonly shard: number;
  readonly pending: PendingTransfers;
  readonly reservations = new Reservations();
  readonly claims: Claims;
  readonly bookOf: CompoundStateOptions["bookOf"];
  readonly exchangeWith: CompoundStateOptions["exchangeWith"];
  readonly #shards: number;
  readonly #programmes: Programmes;

  constructor({ shard, shards, bookOf, exchangeWith, programmes, claims, pendingMax }: CompoundStateOptions) {
    this.claims = claims;
    this.pending = new PendingTransfers((partner) => bookOf(partner).usage, pendingMax);
    this.#programmes = programmes;
    this.shard = shard;
    this.#shards = shards;
    this.bookOf = bookOf;
    this.exchangeWith = exchangeWith;
  }

  /** Numbers of all other shards. */
  get others(): readonly number[] {
    return Array.from({ length: this.#shards }, (_, shard) => shard).filter((shard) => shard !== this.shard);
  }

  /**
   * For a command that claims a name, if only the archive can tell whether the name is free: the log position up to
   * which the archive must have read this shard's log. `undefined` if the command can be decided now.
   */
  uncertainUpTo(command: Command): LogPlace | undefined {
    const name = claimOf(command);
    if (name === undefined || !this.claims.isUncertain(name, seenOf(command))) return undefined;
    return this.claims.forgotten;
  }

  /** The legs by shard, in posting order. */
  byShard(legs: readonly Leg[]): ReadonlyMap<number, readonly Leg[]> {
    if (this.#shards === 1) return new Map([[this.shard, legs]]);
    return Map.groupBy(legs, ({ vnode }) => shardOfVnode(vnode, this.#shards));
  }

  /** The programme's decision on the command's act; accepts a command without one. */
  decideAct(command: Acting, amount: number, nowMs: number): AcceptedAct | Rejected {
    const { partner, act } = command;
    if (act === undefined) return NO_ACT;
    const name = claimOfAct(partner, act);
    const credit = checkedCredit(command, act);
    const takenBy = name === undefined ? undefined : this.claims.takenBy(name, act.seen);
    return this.#programmes.decide(act, {
      partner,
      nowMs,
      amount,
      isTaken: takenBy !== undefined,
      ...(takenBy !== undefined && { takenBy }),
      ...(credit !== undefined && { credit }),
    });
  }

  /**
   * Adds the monitors that a decided outcome crosses, by the balances before and after it. They are part of the record,
   * so that no replay decides them again.
   */
  withCrossings<O extends Recorded>(command: Command, outcome: O): O {
    const { partner } = command;
    const { monitors } = this.#programmes;
    if (!outcome.ok || !monitors.watches(partner)) return outcome;
    const { accounts } = this.bookOf(partner);
    const changes = changesOf({ command, outcome });
    const crossed = monitors.crossingsBy(partner, changes, (account) => accounts.get(account));
    return crossed.length === 0 ? outcome : { ...outcome, crossed };
  }

  /** How much of `amount` a revert may move back: less than all if a programme has already used some of it. */
  takeable({ partner, act }: Acting, amount: number): number {
    return act === undefined ? amount : this.#programmes.takeable(act, partner, amount);
  }

  /** Applies the command's act, if it has one, to its programme. */
  applyAct(
    { partner, act }: Acting,
    effect: JsonValue | undefined,
    done: Omit<ApplyContext, "partner">,
  ): void {
    if (act !== undefined) this.#programmes.apply(act, effect ?? null, { partner, ...done });
  }

  apply(
    command: CompoundCommand,
    outcome: CompoundAccepted[CompoundCommand["op"]],
    place: TimedRecordPlace,
    batch: number,
  ): void {
    const book = this.bookOf(command.partner);
    switch (command.op) {
      case "tick":
        return;
      case "reserve": {
        const reserved = acceptedOf(command, outcome);
        this.#applyMoves(book, reserved, batch);
        this.reservations.add(book, command, reserved, place.timeMs);
        return;
      }
      case "release":
        this.#applyMoves(book, acceptedOf(command, outcome), batch);
        this.reservations.remove(book, command.id, true);
        return;
      case "portion":
        this.#applyMoves(book, acceptedOf(command, outcome), batch);
        this.#applyPortion(book, command, place.timeMs);
        return;
      case "compound_transfer": {
        const changed = acceptedOf(command, outcome);
        this.#applyAtHome(book, command, changed, place, batch);
        if (command.pending) this.#open(book, command, changed, place.timeMs);
        else this.#countPosted(book, command.partner, changed, place.timeMs);
        return;
      }
      case "post_transfer": {
        const changed = acceptedOf(command, outcome);
        this.#applyAtHome(book, command, changed, place, batch);
        this.#applyPost(book, command, changed, place.timeMs);
        return;
      }
      case "revert_transfer":
        this.#applyAtHome(book, command, acceptedOf(command, outcome), place, batch);
        return;
      case "void_transfer":
      case "expire_transfer": {
        const changed = acceptedOf(command, outcome);
        this.#applyAtHome(book, command, changed, place, batch);
        this.#close(book, this.#openTransfer(changed.id));
        return;
      }
      default:
        unreachable(command);
    }
  }

  /** What all records of transfers on their home shard do. */
  #applyAtHome(
    book: Book,
    command: Acting,
    changed: TransferChanged | TransferExpired,
    place: TimedRecordPlace,
    batch: number,
  ): void {
    this.#applyMoves(book, changed, batch);
    this.#send(book, command.partner, changed, place);
    const { id, transfer, effect } = changed;
    const amount = transfer.postedAmount - (this.pending.get(id)?.view.postedAmount ?? 0);
    this.applyAct(command, effect, { timeMs: place.timeMs, transfer: id, amount });
  }

  #applyMoves(book: Book, { moves }: Moved, batch: number): void {
    for (const move of moves) applyMove(book, move, batch);
  }

  #applyPortion(book: Book, command: Portion, timeMs: number): void {
    const { from, no, transfer, legs, purpose } = command;
    this.reservations.remove(book, transfer.id, legs.length === 0);
    if (purpose !== "revert") countUses(book, usesOf(legs, "credit"), "credit", timeMs);
    for (const { asset, amount } of legs) book.countCrossShard(asset, 0, amount);
    this.exchangeWith(from).receive(no);
  }

  /** Rebuilds the messages from the record alone, so that a replay sends the same ones. */
  #send(
    book: Book,
    partner: string,
    changed: TransferChanged | TransferExpired,
    place: TimedRecordPlace,
  ): void {
    const { transfer, part } = changed;
    for (const { to, no, purpose, legs } of changed.sent) {
      for (const { asset, amount } of legs) book.countCrossShard(asset, amount, 0);
      const header = { op: "portion", partner, key: null, fingerprint: 0, from: this.shard, no } as const;
      const portion: Portion = { ...header, transfer, part, purpose, legs, sentAtMs: place.timeMs };
      this.exchangeWith(to).send(portion, place);
    }
  }

  #countPosted(book: Book, partner: string, { transfer }: TransferChanged, timeMs: number): void {
    const legs = this.#legsOf(partner, transfer.postings);
    countUses(book, usesOf(legs, "debit"), "debit", timeMs);
    countUses(book, usesOf(legs, "credit"), "credit", timeMs);
  }

  #open(
    book: Book,
    command: CompoundTransfer,
    { transfer, holds, reservedAt }: TransferChanged,
    timeMs: number,
  ) {
    const uses = usesOf(this.#legsOf(command.partner, transfer.postings), "debit");
    countUses(book, uses, "debit", timeMs);
    this.pending.add({
      id: transfer.id,
      partner: command.partner,
      endsAtMs: transfer.expiresAtMs ?? Number.POSITIVE_INFINITY,
      place: -1,
      view: transfer,
      remaining: totalAmount(transfer.postings),
      part: 0,
      holds,
      uses,
      reservedAt,
    });
  }

  #applyPost(book: Book, command: PostTransfer, { transfer, part }: TransferChanged, timeMs: number): void {
    const open = this.#openTransfer(transfer.id);
    const amount = transfer.postedAmount - open.view.postedAmount;
    const credited = this.#legsOf(command.partner, withAmount(transfer.postings, amount));
    countUses(book, usesOf(credited, "credit"), "credit", timeMs);
    open.view = transfer;
    open.remaining -= amount;
    open.part = part + 1;
    if (transfer.status === "pending") {
      open.holds = open.holds.map((hold) => ({ ...hold, amount: hold.amount - amount }));
      return;
    }
    this.#close(book, open);
  }

  /** Ends a pending transfer. Removes the amount that was never posted from the counts of the accounts' limits. */
  #close(book: Book, open: OpenTransfer): void {
    this.pending.remove(open);
    const { view, remaining, part, uses } = open;
    for (const { account, amount, count: times } of uses) {
      const unposted = view.postings.length === 1 ? remaining : part === 0 ? amount : 0;
      const velocities = book.accounts.get(account)?.velocities;
      uncountUse(velocities, "debit", unposted, part === 0 ? times : 0, view.createdAtMs);
    }
  }

  #openTransfer(id: string): OpenTransfer {
    const open = this.pending.get(id);
    if (open === undefined) throw new Error(`I10: the record resolves ${id}, which is not open`);
    return open;
  }

  /** The postings' legs on this shard. */
  #legsOf(partner: string, postings: readonly Posting[]): readonly Leg[] {
    return legsOf(partner, postings).filter(({ vnode }) => shardOfVnode(vnode, this.#shards) === this.shard);
  }
}

function countUses(book: Book, uses: readonly Use[], direction: Direction, timeMs: number): void {
  for (const { account, amount, count: times } of uses)
    countUse(book.accounts.get(account)?.velocities, direction, amount, times, timeMs);
}

/**
 * The account that the transfer of an act credits. Asserts that the gateway has built the transfer between the accounts
 * that the act's programme prescribes.
 */
function checkedCredit({ debit, credit, postings }: Acting, act: Act): string | undefined {
  const [posting = { debit, credit }, ...others] = postings ?? [];
  const expected = movedAccountsOf(act);
  if (expected !== undefined) {
    const isExpected =
      (expected.debit === null || expected.debit === posting.debit) &&
      (expected.credit === null ? posting.credit !== undefined : expected.credit === posting.credit);
    assert(
      isExpected && others.length === 0,
      "the transfer of an act moves money between the act's accounts",
    );
  }
  return posting.credit;
}
