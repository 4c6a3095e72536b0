/** Computes throughput, latency and losses of a trial from its operations. */
import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import { decisionOf, isDecision, type Operation } from "./operation.ts";
import type { Outage } from "./outage.ts";

/** ms since 1970. */
export type Window = Readonly<{ fromMs: number; toMs: number }>;

export type Speed = Readonly<{
  transfersPerSecond: number;
  transfers: number;
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  maxMs: number;
}>;

/** Counts transfers decided within the window, including batch items; latencies are those of single transfers. */
export function speedOf(operations: readonly Operation[], { fromMs, toMs }: Window): Speed {
  let transfers = 0;
  const latencies: number[] = [];
  for (const operation of operations) {
    const decision = decisionOf(operation);
    if (decision !== undefined && decision.answeredMs >= fromMs && decision.answeredMs < toMs) transfers += 1;
    if (operation.inBatch) continue;
    for (const { askedMs, answeredMs, answer } of operation.sendings) {
      if (isDecision(answer) && askedMs >= fromMs && answeredMs < toMs) latencies.push(answeredMs - askedMs);
    }
  }
  const sorted = Float64Array.from(latencies).toSorted();
  const at = (fraction: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? 0;
  return {
    transfersPerSecond: (transfers / (toMs - fromMs)) * 1000,
    transfers,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    maxMs: at(1),
  };
}

export type Counts = Readonly<{
  accepted: number;
  refused: number;
  /** Transfers across shards. */
  crossing: number;
  /** Replayed answers. */
  replayed: number;
  /** Requests that were retried because they got no answer. */
  resent: number;
}>;

export function countsOf(operations: readonly Operation[], shardOf: (account: string) => number): Counts {
  const counts = { accepted: 0, refused: 0, crossing: 0, replayed: 0, resent: 0 };
  for (const operation of operations) {
    const decision = decisionOf(operation)?.answer;
    if (decision?.is === "accepted") counts.accepted += 1;
    if (decision?.is === "rejected") counts.refused += 1;
    if (new Set(shardsConcerned(operation, shardOf)).size > 1) counts.crossing += 1;
    for (const { answer } of operation.sendings) {
      if (!isDecision(answer)) counts.resent += 1;
      else if (answer.replayed) counts.replayed += 1;
    }
  }
  return counts;
}

export type Bystanders = Readonly<{
  /** Answers during the outage to requests that concern only accounts of other shards. */
  served: number;
  /** Such requests that failed. */
  lost: number;
  /** Their errors, for the report. */
  losses: readonly string[];
}>;

export function bystandersOf(
  operations: readonly Operation[],
  { downMs, upMs }: Outage,
  concernsVictim: (account: string) => boolean,
): Bystanders {
  let served = 0;
  const losses: string[] = [];
  for (const { key, debit, credit, sendings } of operations) {
    if ([debit, credit].some((account) => !isSystemAccount(account) && concernsVictim(account))) continue;
    for (const { askedMs, answeredMs, answer } of sendings) {
      if (answeredMs < downMs || askedMs > upMs) continue;
      if (isDecision(answer)) served += 1;
      else losses.push(`${key}, ${debit} to ${credit}: ${answer.why}`);
    }
  }
  return { served, lost: losses.length, losses };
}

function shardsConcerned(
  { debit, credit }: Operation,
  shardOf: (account: string) => number,
): readonly number[] {
  return [debit, credit].filter((account) => !isSystemAccount(account)).map(shardOf);
}
