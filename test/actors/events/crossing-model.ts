/**
 * A plain model of the crossings of one partner on one shard. It compares the balances of all accounts before and after
 * each record, as they are read from the ledger, and shares no code with what decides crossings.
 */
import { viewOf } from "../../../src/actors/ledger/account.ts";
import type { Ledger } from "../../../src/actors/ledger/ledger.ts";
import type { LedgerEvent } from "../../../src/actors/records/event.ts";

type Balances = ReadonlyMap<string, Readonly<{ posted: number; held: number; available: number }>>;
export type WatchedRule = Readonly<{
  account: string | null;
  prefix: string | null;
  field: "posted" | "held" | "available";
  when: "above" | "below";
  value: number;
}>;
/** `[type, subject, what is crossed, balance after]`. */
export type ModelCrossing = readonly [type: string, subject: string, what: string, balance: number];

export class CrossingModel {
  readonly #partner: string;
  readonly monitors = new Map<string, WatchedRule>();
  readonly lowCredit = new Map<string, number>();
  memberThreshold = 1_000;
  #before: Balances = new Map();

  constructor(partner: string) {
    this.#partner = partner;
  }

  /** The crossings since the last call. To be called after each record. */
  follow(ledger: Ledger): readonly ModelCrossing[] {
    const before = this.#before;
    const after = this.balances(ledger);
    this.#before = after;
    const crossings: ModelCrossing[] = [];
    for (const [id, now] of after) {
      const was = before.get(id) ?? { posted: 0, held: 0, available: 0 };
      if (id.startsWith("points:")) crossings.push(...this.#ofMember(id.slice(7), was.posted, now.posted));
      const low = id.startsWith("credit:") ? this.lowCredit.get(id.slice(7)) : undefined;
      if (low !== undefined && was.posted >= low && now.posted < low)
        crossings.push(["seller.low_credit", id.slice(7), `${low}`, now.posted]);
      for (const [monitor, rule] of this.monitors) {
        const isWatched = rule.account === null ? id.startsWith(rule.prefix ?? "?") : rule.account === id;
        if (isWatched && !isBeyond(rule, was[rule.field]) && isBeyond(rule, now[rule.field]))
          crossings.push(["monitor.crossed", id, monitor, now[rule.field]]);
      }
    }
    return crossings;
  }

  points(ledger: Ledger): number {
    let sum = 0;
    for (const [id, { posted }] of this.balances(ledger)) if (id.startsWith("points:")) sum += posted;
    return sum;
  }

  balances(ledger: Ledger): Balances {
    const accounts = ledger.state.books.get(this.#partner)?.accounts.values() ?? [];
    return new Map(
      Array.from(accounts, (account) => {
        const { posted, held } = viewOf(account);
        return [account.id, { posted, held, available: posted - held }];
      }),
    );
  }

  #ofMember(member: string, was: number, now: number): readonly ModelCrossing[] {
    const above = was <= this.memberThreshold && now > this.memberThreshold;
    const isDepleted = was > 0 && now === 0;
    return [
      ...(above ? [["loyalty.member.above_threshold", member, "", now] as const] : []),
      ...(isDepleted ? [["loyalty.member.depleted", member, "", now] as const] : []),
    ];
  }
}

/** The total of a partner's points over all shards, as its home shard knows it. */
export class TotalModel {
  threshold = 100_000;
  readonly #byShard = new Map<number, number>();

  get total(): number {
    return [...this.#byShard.values()].reduce((sum, each) => sum + each, 0);
  }

  /** @returns the crossing of a report, if it makes one. */
  report(shard: number, points: number): readonly ModelCrossing[] {
    const before = this.total;
    this.#byShard.set(shard, points);
    const { total, threshold } = this;
    const crosses = before <= threshold && total > threshold;
    return crosses ? [["loyalty.total.above_threshold", "loyalty", `${threshold}`, total]] : [];
  }
}

/** The crossings among these events, as the model names them. */
export function crossingsIn(events: readonly LedgerEvent[]): readonly ModelCrossing[] {
  return events.map(crossingOf).filter((crossing) => crossing !== undefined);
}

function crossingOf({ type, subject, data }: LedgerEvent): ModelCrossing | undefined {
  switch (type) {
    case "loyalty.member.above_threshold":
    case "loyalty.member.depleted":
      return [type, subject, "", data.balance];
    case "loyalty.total.above_threshold":
      return [type, subject, `${data.threshold}`, Number(data.total)];
    case "seller.low_credit":
      return [type, subject, `${data.threshold}`, data.credit];
    case "monitor.crossed":
      return [type, subject, data.monitor, data.balance];
    default:
      return undefined;
  }
}

/** For comparison: the order within a record does not matter. */
export function textsOf(crossings: readonly ModelCrossing[]): readonly string[] {
  return crossings.map((each) => each.join(" ")).toSorted();
}

function isBeyond({ when, value }: WatchedRule, balance: number): boolean {
  return when === "above" ? balance > value : balance < value;
}
