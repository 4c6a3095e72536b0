/** Logs of points on several shards, with a plain model of what is outstanding. */
import { loyaltyAct } from "../../src/actors/programmes/loyalty/acts.ts";
import type { LogRecord } from "../../src/actors/records/command.ts";
import { LogWriter, type WrittenBatch } from "../archive/ledger-writer.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** An accrual of points, or with a negative number a redemption. */
export function movement(log: LogWriter, partner: string, member: string, points: number): LogRecord {
  const subject = `points:${member}`;
  const [debit, credit] = points > 0 ? ["@issuance", subject] : [subject, "@redemption"];
  const { command, outcome } = log.transfer({ partner, debit, credit, amount: Math.abs(points) });
  const act = loyaltyAct(points > 0 ? "accrual" : "redemption", subject, {});
  // The writer makes plain transfers; with an act the outcome has its effect.
  return { command: { ...command, act }, outcome: { ...outcome, effect: null } } as LogRecord;
}

/** What is outstanding after all records up to each minute. */
export class PointsModel {
  readonly #changes: { partner: string; timeMs: number; points: number }[] = [];

  add(partner: string, timeMs: number, points: number): void {
    this.#changes.push({ partner, timeMs, points });
  }

  at(partner: string, atMs: number): bigint {
    const counted = this.#changes.filter((change) => change.partner === partner && change.timeMs <= atMs);
    return BigInt(counted.reduce((sum, { points }) => sum + points, 0));
  }
}

export type PointsLog = Readonly<{
  batches: readonly WrittenBatch[];
  model: PointsModel;
  firstMs: number;
  lastMs: number;
}>;

/**
 * Movements of `partners` on all shards for some minutes of log time, in the order in which an archive gets them. Each
 * shard logs something in each minute, as servers do.
 *
 * @param below a random whole number below its argument.
 */
export function pointsLog(
  {
    shards,
    partners,
    minutes,
    perMinute,
  }: Readonly<{ shards: number; partners: readonly string[]; minutes: number; perMinute: number }>,
  below: (max: number) => number,
): PointsLog {
  // Yesterday: by its own clock ClickHouse deletes rows of 400 days ago whenever it merges.
  const firstMs = (Math.floor(Date.now() / DAY_MS) - 1) * DAY_MS + 1_000 * MINUTE_MS;
  const logs = Array.from({ length: shards }, (_, shard) => new LogWriter(shard, firstMs));
  const model = new PointsModel();
  const batches: WrittenBatch[] = [];
  const balances = new Map<string, number>();
  for (let minute = 0; minute < minutes; minute++) {
    for (const log of logs) {
      const times = Array.from(
        { length: 1 + below(perMinute) },
        () => minute * MINUTE_MS + below(MINUTE_MS),
      ).toSorted((a, b) => a - b);
      for (const time of times) {
        if (below(50) === 0) log.restart();
        log.reach(firstMs + time);
        const records = Array.from({ length: 1 + below(3) }, () => {
          const partner = partners[below(partners.length)] ?? "";
          const member = `m${log.shard}-${below(4)}`;
          const key = `${partner}/${member}`;
          const balance = balances.get(key) ?? 0;
          const points = balance > 0 && below(3) === 0 ? -1 - below(balance) : 1 + below(500);
          balances.set(key, balance + points);
          model.add(partner, log.timeMs, points);
          return movement(log, partner, member, points);
        });
        batches.push(log.batch(records));
      }
    }
  }
  for (const log of logs) {
    log.reach(firstMs + minutes * MINUTE_MS + 1);
    batches.push(log.batch([log.delivered(0, 1)]));
  }
  return { batches, model, firstMs, lastMs: firstMs + minutes * MINUTE_MS };
}
