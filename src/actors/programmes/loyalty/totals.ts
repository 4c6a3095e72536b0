/**
 * A partner's outstanding points over all shards. Each shard reports the total of its own members to the partner's home
 * shard, which adds them up and compares the sum with the threshold, in the record that takes the report.
 *
 * Reports are ordered messages between shards, so each is taken once and in order. A shard has at most one report of a
 * partner on its way; the next one has the total of its own time, so a total that was never sent is replaced.
 */
import { assert } from "../../../errors/assert.ts";
import { shardOfVnode, vnodeOfAccount } from "../../ledger/routing.ts";
import { actAlone } from "../../records/command.ts";
import { keyless } from "../../records/command-header.ts";
import type { ProgrammeContext, ScheduledCommand } from "../programme.ts";
import { LOYALTY_SUBJECT, loyaltyAct, type TotalCrossing } from "./acts.ts";

/** The shortest time between two reports of a shard about a partner. */
const REPORT_INTERVAL_MS = 100;

/** The snapshot of `PartnerTotals`. */
export type StoredTotals = readonly [
  reported: string,
  /** When the next report is due; `null` if none is. */
  dueAtMs: number | null,
  /** Number of the message with a report that is on its way; 0 if none is. */
  messageSeq: number,
  /** On the home shard: the last report of each shard. */
  byShard: readonly (readonly [shard: number, total: string])[],
  crossings: number,
];

export class PartnerTotals {
  readonly #partner: string;
  readonly #scheduler: ProgrammeContext["scheduler"];
  /** The partner's home shard. */
  readonly home: number;
  /** The total that this shard has last reported. */
  #reported = 0n;
  #report: ScheduledCommand | undefined;
  #messageSeq = 0;
  readonly #byShard = new Map<number, bigint>();
  #sum = 0n;
  #crossings = 0;

  constructor(partner: string, { shards, scheduler }: Pick<ProgrammeContext, "shards" | "scheduler">) {
    this.#partner = partner;
    this.#scheduler = scheduler;
    this.home = shardOfVnode(vnodeOfAccount(partner, LOYALTY_SUBJECT), shards);
  }

  /** A report is on its way to the home shard. */
  get isAwaited(): boolean {
    return this.#messageSeq > 0;
  }

  /** The total of this shard may have changed: schedules a report, unless the last one is still on its way. */
  changed(timeMs: number): void {
    if (this.#report === undefined && this.#messageSeq === 0) this.#schedule(timeMs + REPORT_INTERVAL_MS);
  }

  /** @param messageSeq number of the message with the report; 0 on the home shard, which sends none. */
  reported(total: bigint, messageSeq: number): void {
    assert(this.#report !== undefined, "a report was due");
    this.#scheduler.remove(this.#report);
    this.#report = undefined;
    this.#reported = total;
    this.#messageSeq = messageSeq;
  }

  /** The home shard has made messages up to this one durable. @param total the total of this shard now. */
  delivered(upTo: number, total: bigint, timeMs: number): void {
    if (this.#messageSeq === 0 || this.#messageSeq > upTo) return;
    this.#messageSeq = 0;
    if (total !== this.#reported) this.changed(timeMs);
  }

  /** On the home shard: the crossing that a report of shard `shard` makes, if it does. */
  crossingBy(shard: number, total: bigint, threshold: number): TotalCrossing | undefined {
    const sum = this.#sumWith(shard, total);
    if (this.#sum > threshold || sum <= threshold) return undefined;
    return { number: this.#crossings + 1, total: `${sum}`, threshold };
  }

  /** On the home shard: takes the report of shard `shard`. */
  take(shard: number, total: bigint, crossed: TotalCrossing | undefined): void {
    this.#sum = this.#sumWith(shard, total);
    this.#byShard.set(shard, total);
    if (crossed === undefined) return;
    assert(crossed.number === this.#crossings + 1, "crossings are numbered without gaps");
    this.#crossings = crossed.number;
  }

  /**
   * @param now the total of this shard.
   * @returns `undefined` for the state that `restore` makes of `undefined`.
   */
  storedWith(now: bigint): StoredTotals | undefined {
    const isFirst = this.#reported === 0n && this.#messageSeq === 0 && this.#byShard.size === 0;
    if (isFirst && (this.#report !== undefined) === (now !== 0n)) return undefined;
    const byShard = Array.from(this.#byShard, ([shard, total]) => [shard, `${total}`] as const);
    const dueAtMs = this.#report?.endsAtMs ?? null;
    return [`${this.#reported}`, dueAtMs, this.#messageSeq, byShard, this.#crossings];
  }

  /**
   * @param stored `undefined` if nothing was reported yet, as in older versions: unless it is 0, the first report is due at
   * once. @param now the total of this shard.
   */
  restore(stored: StoredTotals | undefined, now: bigint): void {
    if (stored === undefined) {
      if (now !== 0n) this.changed(0);
      return;
    }
    const [reported, dueAtMs, messageSeq, byShard, crossings] = stored;
    this.#reported = BigInt(reported);
    this.#messageSeq = messageSeq;
    for (const [shard, total] of byShard) this.take(shard, BigInt(total), undefined);
    this.#crossings = crossings;
    if (dueAtMs !== null) this.#schedule(dueAtMs);
  }

  #sumWith(shard: number, total: bigint): bigint {
    return this.#sum - (this.#byShard.get(shard) ?? 0n) + total;
  }

  #schedule(endsAtMs: number): void {
    const partner = this.#partner;
    this.#report = {
      partner,
      endsAtMs,
      id: `${partner}\0total`,
      place: -1,
      subjects: [],
      command: () => actAlone(keyless(partner), loyaltyAct("report_total", LOYALTY_SUBJECT, {})),
    };
    this.#scheduler.add(this.#report);
  }
}
