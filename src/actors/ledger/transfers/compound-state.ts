/** What a shard knows of transfers of any shape while they are under way, and how records change it. */
import { unreachable } from "../../../errors/assert.ts";
import type { Done, Effect } from "../../programmes/programme.ts";
import { claimOfAct, type Programmes } from "../../programmes/programmes.ts";
import type { Act, JsonValue } from "../../records/act.ts";
import type { Command, Rejected } from "../../records/command.ts";
import type {
  CompoundCommand,
  CompoundTransfer,
  Leg,
  Moved,
  Portion,
  Posting,
  PostTransfer,
  Reserved,
  TransferChanged,
  Use,
} from "../../records/compound-command.ts";
import type { Book } from "../book.ts";
import type { Exchange, RecordPlace } from "../exchange.ts";
import { claimOf, seenOf } from "../limits/claim-names.ts";
import type { Claims, LogPlace } from "../limits/claims.ts";
import { countUse, type Direction, giveBackUse } from "../limits/velocity.ts";
import { shardOfVnode } from "../routing.ts";
import { applyMove, legsOf, partOf, totalOf, usesOf } from "./legs.ts";
import { type OpenTransfer, PendingTransfers } from "./pending.ts";
import { Reservations } from "./reservations.ts";

/** What nobody has asked a programme for. */
const NO_ACT: Effect = { ok: true, effect: null };

/** What the rest of the ledger has for it. */
export type CompoundStateOptions = Readonly<{
  shard: number;
  shards: number;
  bookOf: (partner: string) => Book;
  exchangeWith: (shard: number) => Exchange;
  programmes: Programmes;
  claims: Claims;
  /** Of all partners together. */
  pendingMax?: number | undefined;
}>;

type Place = RecordPlace & Readonly<{ timeMs: number }>;
/** A command that moves money, or gives it back: it may come with a programme's act. */
type Acting = Readonly<{ partner: string; act?: Act }>;
type CompoundOutcome = TransferChanged | Reserved | Moved | Readonly<{ ok: true }>;

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

  /** The numbers of all other shards. */
  get others(): readonly number[] {
    return Array.from({ length: this.#shards }, (_, shard) => shard).filter((shard) => shard !== this.shard);
  }

  /**
   * Where the command takes a name for ever, and only the archive can tell whether it is free: up to where the archive
   * must hold this shard's log. `undefined` where the command can be decided.
   */
  uncertainUpTo(command: Command): LogPlace | undefined {
    const name = claimOf(command);
    if (name === undefined || !this.claims.isUncertain(name, seenOf(command))) return undefined;
    return this.claims.forgotten;
  }

  /** The legs of each shard, in the order of their postings. */
  byShard(legs: readonly Leg[]): ReadonlyMap<number, readonly Leg[]> {
    return Map.groupBy(legs, ({ vnode }) => shardOfVnode(vnode, this.#shards));
  }

  /** What its programme says of a command that may come with an act. */
  decideAct({ partner, act }: Acting, amount: number, nowMs: number): Effect | Rejected {
    if (act === undefined) return NO_ACT;
    const name = claimOfAct(partner, act);
    const isTaken = name !== undefined && this.claims.takenBy(name, act.seen) !== undefined;
    return this.#programmes.decide(act, { partner, nowMs, amount, isTaken });
  }

  /** How much of this amount a revert may move back. */
  takeable({ partner, act }: Acting, amount: number): number {
    return act === undefined ? amount : this.#programmes.takeable(act, partner, amount);
  }

  /** Tells its programme that the act is done, if the command has come with one. */
  applyAct({ partner, act }: Acting, effect: JsonValue | undefined, done: Omit<Done, "partner">): void {
    if (act !== undefined) this.#programmes.apply(act, effect ?? null, { partner, ...done });
  }

  apply(command: CompoundCommand, outcome: CompoundOutcome, place: Place, batch: number): void {
    const book = this.bookOf(command.partner);
    switch (command.op) {
      case "tick":
        return;
      case "reserve":
        this.#applyMoves(book, outcome as Reserved, batch);
        this.reservations.add(book, command, outcome as Reserved, place.timeMs);
        return;
      case "release":
        this.#applyMoves(book, outcome as Moved, batch);
        this.reservations.remove(book, command.id, true);
        return;
      case "portion":
        this.#applyMoves(book, outcome as Moved, batch);
        this.#applyPortion(book, command, place.timeMs);
        return;
      case "compound_transfer":
      case "post_transfer":
      case "void_transfer":
      case "revert_transfer":
      case "expire_transfer":
        this.#applyMoves(book, outcome as TransferChanged, batch);
        this.#send(book, command, outcome as TransferChanged, place);
        this.#applyActOf(command, outcome as TransferChanged, place.timeMs);
        this.#applyChange(book, command, outcome as TransferChanged, place.timeMs);
        return;
      default:
        unreachable(command);
    }
  }

  #applyMoves(book: Book, { moves }: Moved, batch: number): void {
    for (const move of moves) applyMove(book, move, batch);
  }

  #applyPortion(book: Book, command: Portion, timeMs: number): void {
    const { from, no, transfer, legs, purpose } = command;
    this.reservations.remove(book, transfer.id, legs.length === 0);
    if (purpose !== "revert") count(book, usesOf(legs, "credit"), "credit", timeMs);
    for (const { asset, amount } of legs) book.cross(asset, 0, amount);
    this.exchangeWith(from).receive(no);
  }

  /** Messages to other shards can be made again from the record alone. */
  #send(book: Book, { partner }: CompoundCommand, changed: TransferChanged, place: Place): void {
    const { transfer, part } = changed;
    for (const { to, no, purpose, legs } of changed.sent) {
      for (const { asset, amount } of legs) book.cross(asset, amount, 0);
      const names = { op: "portion", partner, key: null, fingerprint: 0, from: this.shard, no } as const;
      const portion: Portion = { ...names, transfer, part, purpose, legs, sentAtMs: place.timeMs };
      this.exchangeWith(to).send(portion, place);
    }
  }

  #applyChange(book: Book, command: CompoundCommand, changed: TransferChanged, timeMs: number): void {
    switch (command.op) {
      case "compound_transfer":
        if (command.pending) this.#open(book, command, changed, timeMs);
        else {
          const legs = this.#legsOf(command.partner, changed.transfer.postings);
          count(book, usesOf(legs, "debit"), "debit", timeMs);
          count(book, usesOf(legs, "credit"), "credit", timeMs);
        }
        return;
      case "post_transfer":
        this.#applyPost(book, command, changed, timeMs);
        return;
      case "revert_transfer":
        return;
      default: {
        const open = this.#openOf(changed.id);
        this.pending.remove(open);
        this.#giveBack(book, open);
      }
    }
  }

  #applyActOf(command: Acting, { id, transfer, effect }: TransferChanged, timeMs: number): void {
    const amount = transfer.postedAmount - (this.pending.get(id)?.view.postedAmount ?? 0);
    this.applyAct(command, effect, { timeMs, transfer: id, amount });
  }

  #open(
    book: Book,
    command: CompoundTransfer,
    { transfer, holds, reservedAt }: TransferChanged,
    timeMs: number,
  ) {
    const uses = usesOf(this.#legsOf(command.partner, transfer.postings), "debit");
    count(book, uses, "debit", timeMs);
    this.pending.add({
      id: transfer.id,
      partner: command.partner,
      endsAtMs: transfer.expiresAtMs ?? Number.POSITIVE_INFINITY,
      place: -1,
      view: transfer,
      remaining: totalOf(transfer.postings),
      part: 0,
      holds,
      uses,
      reservedAt,
    });
  }

  #applyPost(book: Book, command: PostTransfer, { transfer, part }: TransferChanged, timeMs: number): void {
    const open = this.#openOf(transfer.id);
    const amount = transfer.postedAmount - open.view.postedAmount;
    const credited = this.#legsOf(command.partner, partOf(transfer.postings, amount));
    count(book, usesOf(credited, "credit"), "credit", timeMs);
    open.view = transfer;
    open.remaining -= amount;
    open.part = part + 1;
    if (transfer.status === "pending") {
      open.holds = open.holds.map((hold) => ({ ...hold, amount: hold.amount - amount }));
      return;
    }
    this.pending.remove(open);
    this.#giveBack(book, open);
  }

  /** What is left of it does not count against limits any more. */
  #giveBack(book: Book, { view, remaining, part, uses }: OpenTransfer): void {
    for (const { account, amount, count: times } of uses) {
      const left = view.postings.length === 1 ? remaining : part === 0 ? amount : 0;
      const velocities = book.accounts.get(account)?.velocities;
      giveBackUse(velocities, "debit", left, part === 0 ? times : 0, view.createdAtMs);
    }
  }

  #openOf(id: string): OpenTransfer {
    const open = this.pending.get(id);
    if (open === undefined) throw new Error(`I10: the record resolves ${id}, which is not open`);
    return open;
  }

  /** Those of this shard. */
  #legsOf(partner: string, postings: readonly Posting[]): readonly Leg[] {
    return this.byShard(legsOf(partner, postings)).get(this.shard) ?? [];
  }
}

function count(book: Book, uses: readonly Use[], direction: Direction, timeMs: number): void {
  for (const { account, amount, count: times } of uses)
    countUse(book.accounts.get(account)?.velocities, direction, amount, times, timeMs);
}
