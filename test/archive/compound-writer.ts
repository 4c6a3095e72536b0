/**
 * Writes the records of compound transfers as shards would, across any number of logs. Reservations, holds and
 * messages to other shards follow as jobs, each for the log of one shard. Everything is accepted, except attempts
 * that are made to fail.
 */

import { legsOf } from "../../src/actors/ledger/transfers/legs.ts";
import type { LogRecord } from "../../src/actors/records/command.ts";
import type {
  AssetLeg,
  CompoundCommand,
  Hold,
  Leg,
  Move,
  Posting,
  Purpose,
  SentPortion,
  TransferChanged,
  TransferView,
} from "../../src/actors/records/compound-command.ts";
import { ASSET, dipsOf, holdDips, moveLegs, shardOfLeg } from "./compound-legs.ts";
import type { LogWriter } from "./ledger-writer.ts";

/** A record to be logged by a shard, at `timeMs` or later. */
type Job = Readonly<{ timeMs: number; write: () => LogRecord }>;

export type CompoundOptions = Readonly<{
  pending?: boolean;
  /** Whether the attempt fails after all other shards have reserved. */
  fails?: boolean;
  /** The transfer that it reverts. */
  reverts?: string;
}>;

/** A pending transfer at its home. */
export type Open = {
  readonly partner: string;
  readonly home: number;
  view: TransferView;
  part: number;
  holds: readonly Hold[];
  readonly reservedAt: readonly number[];
};

export class CompoundWriter {
  readonly open: Open[] = [];
  /** Posted in full and not reverted yet. */
  readonly posted: { partner: string; view: TransferView }[] = [];
  readonly #logs: readonly LogWriter[];
  readonly #jobs: Job[][];
  /** Reservations by shard and transfer. */
  readonly #reservations = new Map<string, readonly Hold[]>();

  constructor(logs: readonly LogWriter[]) {
    this.#logs = logs;
    this.#jobs = logs.map(() => []);
  }

  waits(shard: number): boolean {
    return (this.#jobs[shard] ?? []).length > 0;
  }

  /** Removes and returns the first job of a shard; `undefined` if there is none. */
  next(shard: number): LogRecord | undefined {
    return this.#jobs[shard]?.shift()?.write();
  }

  /** The latest time of the jobs of a shard. */
  waitingSince(shard: number): number {
    return Math.max(0, ...(this.#jobs[shard] ?? []).map(({ timeMs }) => timeMs));
  }

  /** Starts a transfer on the home shard of its first posting. `undefined` if other shards must reserve first. */
  transfer(
    partner: string,
    postings: readonly Posting[],
    options: CompoundOptions = {},
  ): LogRecord | undefined {
    const legs = legsOf(partner, postings);
    const [first] = legs;
    if (first === undefined) throw new Error("a transfer has postings");
    const home = shardOfLeg(first);
    const id = this.#log(home).nextId(first.vnode);
    const takers = this.#othersOf(home, legs).filter(([, there]) => dipsOf(there).length > 0);
    const commit = () =>
      this.#commit(
        partner,
        id,
        home,
        postings,
        takers.map(([shard]) => shard),
        options,
      );
    if (takers.length === 0) return commit();
    let left = takers.length;
    for (const [shard, there] of takers) {
      this.#send(home, shard, () => {
        left -= 1;
        if (left === 0) this.#send(shard, home, commit);
        return this.#reserve(partner, id, home, shard, there, options);
      });
    }
    return undefined;
  }

  /** Reverts a transfer, on the home shard of the revert. */
  revert(from: number, partner: string, postings: readonly Posting[], id: string): void {
    const [first] = legsOf(partner, postings);
    if (first === undefined) return;
    const home = shardOfLeg(first);
    this.#send(from, home, () => {
      return this.transfer(partner, postings, { reverts: id }) ?? this.#log(home).delivered(from, 0);
    });
  }

  /** Captures a pending transfer; one with a single posting perhaps only in part. */
  post(open: Open, amount: number | null, final: boolean): LogRecord {
    const { partner, home, view } = open;
    const [single] = view.postings.length === 1 ? view.postings : [];
    const left =
      (single?.amount ?? view.postings.reduce((sum, each) => sum + each.amount, 0)) - view.postedAmount;
    const now = single === undefined ? left : Math.min(amount ?? left, left);
    const isOver = final || now === left;
    const postings = single === undefined ? view.postings : [{ ...single, amount: now }];
    open.view = { ...view, status: isOver ? "posted" : "pending", postedAmount: view.postedAmount + now };
    const given = isOver ? open.holds : open.holds.map((hold) => ({ ...hold, amount: now }));
    open.holds = isOver ? [] : open.holds.map((hold) => ({ ...hold, amount: hold.amount - now }));
    const part = open.part++;
    const legs = legsOf(partner, postings);
    const moves = moveLegs(
      this.#log(home),
      partner,
      legs.filter((leg) => shardOfLeg(leg) === home),
      given,
    );
    const sent = this.#sendPortions(open, part, "capture", this.#othersOf(home, legs));
    if (isOver) this.#settle(open, true);
    return this.#record(
      open,
      { op: "post_transfer", id: view.id, amount: now, final, settled: null },
      moves,
      sent,
      part,
    );
  }

  /** Voids the rest of a pending transfer. */
  end(open: Open, op: "void_transfer" | "expire_transfer"): LogRecord {
    const { partner, home, holds, part } = open;
    open.view = { ...open.view, status: op === "void_transfer" ? "voided" : "expired" };
    const moves = moveLegs(this.#log(home), partner, [], holds);
    open.holds = [];
    const nothing = open.reservedAt.map((shard) => [shard, []] as const);
    const sent = this.#sendPortions(open, part, "capture", nothing);
    this.#settle(open, false);
    const { id } = open.view;
    const asked = op === "void_transfer" ? { op, id, settled: null } : { op, id };
    const record = this.#record(open, asked, moves, sent, part);
    // Older versions wrote the full transfer: half of these records do, too.
    return op === "void_transfer" || part > 0 ? record : withoutNotes(record);
  }

  #commit(
    partner: string,
    id: string,
    home: number,
    postings: readonly Posting[],
    takers: readonly number[],
    { pending = false, fails = false, reverts }: CompoundOptions,
  ): LogRecord {
    const legs = legsOf(partner, postings);
    const isHere = (leg: Leg) => shardOfLeg(leg) === home;
    const { timeMs } = this.#log(home);
    const common = { partner, key: null, fingerprint: 7, vnode: legs[0]?.vnode ?? 0 };
    const command: CompoundCommand =
      reverts === undefined
        ? {
            ...common,
            op: "compound_transfer",
            postings,
            available: false,
            pending,
            timeoutMs: null,
            memo: "m",
            metadata: null,
            occurredAtMs: null,
          }
        : { ...common, op: "revert_transfer", id: reverts, original: { postings } };
    if (fails) {
      for (const taker of takers) this.#send(home, taker, () => this.#release(partner, id, taker));
      return { command, outcome: { ok: false, code: "ceiling_exceeded", subject: null } };
    }
    const view: TransferView = {
      id,
      status: pending ? "pending" : "posted",
      postings,
      postedAmount: pending ? 0 : postings.reduce((sum, { amount }) => sum + amount, 0),
      memo: "m",
      metadata: null,
      occurredAtMs: null,
      createdAtMs: timeMs,
      expiresAtMs: null,
      reverts: reverts ?? null,
    };
    const open: Open = { partner, home, view, part: 0, holds: [], reservedAt: pending ? takers : [] };
    let moves: readonly Move[];
    let sent: readonly SentPortion[] = [];
    if (pending) {
      this.open.push(open);
      const dips = dipsOf(legs.filter(isHere));
      moves = holdDips(this.#log(home), partner, dips);
      open.holds = dips.map(holdOf);
    } else {
      this.posted.push({ partner, view });
      moves = moveLegs(this.#log(home), partner, legs.filter(isHere), []);
      sent = this.#sendPortions(
        open,
        0,
        reverts === undefined ? "post" : "revert",
        this.#othersOf(home, legs),
      );
    }
    return this.#record(open, command, moves, sent, 0);
  }

  #reserve(
    partner: string,
    id: string,
    from: number,
    shard: number,
    legs: readonly Leg[],
    { pending = false, reverts }: CompoundOptions,
  ): LogRecord {
    const dips = dipsOf(legs);
    const holds = dips.map(holdOf);
    this.#reservations.set(`${shard} ${id}`, holds);
    const moves = holdDips(this.#log(shard), partner, dips);
    const purpose = pending ? "hold" : reverts === undefined ? "post" : "revert";
    const command = { op: "reserve", partner, key: null, fingerprint: 0, id, from, purpose, legs } as const;
    return { command, outcome: { ok: true, moves, holds, rises: [] } };
  }

  #release(partner: string, id: string, shard: number): LogRecord {
    const moves = moveLegs(this.#log(shard), partner, [], this.#taken(shard, id));
    return {
      command: { op: "release", partner, key: null, fingerprint: 0, id },
      outcome: { ok: true, moves },
    };
  }

  #sendPortions(
    { partner, home, view }: Open,
    part: number,
    purpose: Purpose,
    others: readonly (readonly [number, readonly Leg[]])[],
  ): readonly SentPortion[] {
    const sentAtMs = this.#log(home).timeMs;
    return others.map(([to, there]) => {
      const no = this.#log(home).nextNo(to);
      const legs = there.map((leg): AssetLeg => ({ ...leg, asset: ASSET }));
      const asked = {
        key: null,
        fingerprint: 0,
        from: home,
        no,
        transfer: view,
        part,
        purpose,
        legs,
        sentAtMs,
      };
      this.#send(home, to, () => ({
        command: { op: "portion", partner, ...asked },
        outcome: { ok: true, moves: moveLegs(this.#log(to), partner, legs, this.#taken(to, view.id)) },
      }));
      return { to, no, purpose, legs };
    });
  }

  #record(
    { partner, view, holds, reservedAt }: Open,
    asked: object,
    moves: readonly Move[],
    sent: readonly SentPortion[],
    part: number,
  ): LogRecord {
    const outcome: TransferChanged = {
      ok: true,
      id: view.id,
      transfer: view,
      moves,
      sent,
      part,
      holds,
      reservedAt,
      elsewhere: [],
    };
    return { command: { partner, key: null, fingerprint: 7, ...asked } as CompoundCommand, outcome };
  }

  #taken(shard: number, id: string): readonly Hold[] {
    const holds = this.#reservations.get(`${shard} ${id}`) ?? [];
    this.#reservations.delete(`${shard} ${id}`);
    return holds;
  }

  #settle(open: Open, isPosted: boolean): void {
    this.open.splice(this.open.indexOf(open), 1);
    if (isPosted) this.posted.push({ partner: open.partner, view: open.view });
  }

  #send(from: number, to: number, write: () => LogRecord): void {
    this.#jobs[to]?.push({ timeMs: this.#log(from).timeMs, write });
  }

  #othersOf(home: number, legs: readonly Leg[]): readonly (readonly [number, readonly Leg[]])[] {
    const others = new Map<number, Leg[]>();
    for (const leg of legs) {
      const shard = shardOfLeg(leg);
      if (shard !== home) others.set(shard, [...(others.get(shard) ?? []), leg]);
    }
    return [...others];
  }

  #log(shard: number): LogWriter {
    const log = this.#logs[shard];
    if (log === undefined) throw new Error(`there is no shard ${shard}`);
    return log;
  }
}

/** Removes the fields that an expiry record omits. */
function withoutNotes({ command, outcome }: LogRecord): LogRecord {
  const changed = outcome as TransferChanged;
  const { memo: _memo, metadata: _metadata, ...transfer } = changed.transfer;
  return { command, outcome: { ...changed, transfer } };
}

function holdOf({ account, asset, vnode, amount }: Hold): Hold {
  return { account, asset, vnode, amount };
}
