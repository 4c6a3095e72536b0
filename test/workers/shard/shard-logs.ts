/** Invariants of the logs of several shards, for any commands and crashes. */
import { viewOf } from "../../../src/actors/ledger/account.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import type { AccountView, LogRecord } from "../../../src/actors/records/command.ts";
import type { ArchivedRecord } from "../../../src/archive/queries/query.ts";
import type { ShardStats } from "../../../src/workers/shard/stats.ts";
import { balanceOf, LedgerAudit } from "../../actors/ledger/ledger-audit.ts";

/** Records by shard, in order. */
export type ShardLogs = readonly (readonly ArchivedRecord[])[];

/** Problems within each log, and between the logs. */
export function logProblems(logs: ShardLogs): readonly string[] {
  const problems: string[] = [];
  const keys = new Set<string>();
  const reverted = new Set<string>();
  for (const { record } of logs.flat()) {
    const { command, outcome } = record;
    if (command.key !== null && keys.has(command.key))
      problems.push(`I11: ${command.key} is in the logs twice`);
    if (command.key !== null) keys.add(command.key);
    if (command.op !== "revert_transfer" || !outcome.ok) continue;
    if (reverted.has(command.id)) problems.push(`${command.id} is reverted twice`);
    reverted.add(command.id);
  }
  for (const log of logs) {
    const audit = new LedgerAudit();
    for (const { record } of log) audit.follow(record);
    problems.push(...audit.problems);
  }
  return [...problems, ...messageProblems(logs)];
}

/** Every message that was sent is received once, on its shard. */
export function messageProblems(logs: ShardLogs): readonly string[] {
  const sent = logs.flatMap((log, from) => log.flatMap(({ record }) => sentBy(record, from)));
  const received = logs.flatMap((log, to) => log.flatMap(({ record }) => receivedBy(record, to)));
  const missing = sent.filter((message) => !received.includes(message));
  const strange = received.filter((message, i) => !sent.includes(message) || received.indexOf(message) !== i);
  return [
    ...missing.map((message) => `I8: never received: ${message}`),
    ...strange.map((message) => `I8: never sent, or received before: ${message}`),
  ];
}

function sentBy({ command, outcome }: LogRecord, from: number): readonly string[] {
  if (!outcome.ok) return [];
  if ("to" in outcome && command.op === "transfer")
    return [`${from}-${outcome.to} ${outcome.no}: ${outcome.id} ${command.amount}`];
  if (!("sent" in outcome)) return [];
  return outcome.sent.map(({ to, no, legs }) => `${from}-${to} ${no}: ${outcome.id} ${JSON.stringify(legs)}`);
}

function receivedBy({ command }: LogRecord, to: number): readonly string[] {
  if (command.op === "credit")
    return [`${command.from}-${to} ${command.no}: ${command.id} ${command.amount}`];
  if (command.op !== "portion") return [];
  return [`${command.from}-${to} ${command.no}: ${command.transfer.id} ${JSON.stringify(command.legs)}`];
}

/**
 * Compares the state of shards at rest with the state replayed from their logs (I3, I9): every hold belongs to a
 * pending transfer, and no other reservation is left.
 */
export function stateProblems(
  logs: ShardLogs,
  figures: readonly Pick<ShardStats, "pending" | "reservations">[],
  views: ReadonlyMap<string, readonly AccountView[]>,
): readonly string[] {
  const ledgers = logs.map((log, shard) => replayed(log, shard, logs.length));
  const problems = ledgers.flatMap((ledger) =>
    [...views.keys()].flatMap((partner) => holdProblems(ledger, partner)),
  );
  for (const [shard, { compound }] of ledgers.entries()) {
    const { pending = 0, reservations = 0 } = figures[shard] ?? {};
    if (pending !== compound.pending.size) problems.push(`I9: ${pending} are pending on shard ${shard}`);
    if (reservations !== compound.reservations.size)
      problems.push(`I9: shard ${shard} has ${reservations} reservations`);
    for (const [id] of compound.reservations.entries()) {
      const isKept = ledgers.some((home) => home.compound.pending.get(id)?.reservedAt.includes(shard));
      if (!isKept) problems.push(`shard ${shard} keeps something for ${id} in vain`);
    }
  }
  for (const [partner, shown] of views) {
    for (const view of shown) {
      const account = ledgers
        .map((ledger) => ledger.account(partner, view.id))
        .find((each) => each !== undefined);
      if (account === undefined || JSON.stringify(viewOf(account)) !== JSON.stringify(view))
        problems.push(`I9: ${view.id} is not what its log says: ${JSON.stringify(view)}`);
    }
  }
  return problems;
}

/** I3 on one shard. */
function holdProblems({ compound }: Ledger, partner: string): readonly string[] {
  const holds = new Map<string, number>();
  for (const [, kept] of [
    ...compound.reservations.entries(),
    ...[...compound.pending.all()].map((each) => ["", each] as const),
  ]) {
    if (kept.partner !== partner) continue;
    for (const hold of kept.holds) {
      const balance = balanceOf(partner, hold);
      holds.set(balance, (holds.get(balance) ?? 0) + hold.amount);
    }
  }
  const book = compound.bookOf(partner);
  const problems: string[] = [];
  const compare = (balance: string, held: number) => {
    const expected = holds.get(balance) ?? 0;
    if (held !== expected)
      problems.push(`I3: ${held} are held on ${balance}, and ${expected} kept for anything`);
  };
  for (const [id, { held, reserved, reservations }] of book.accounts) {
    compare(`${partner} ${id}`, held);
    if (reserved !== 0 || reservations !== 0) problems.push(`room is kept on ${id}`);
  }
  for (const [account, asset, vnode, { held }] of book.slices())
    compare(balanceOf(partner, { account, asset, vnode }), held);
  return problems;
}

function replayed(log: ShardLogs[number], shard: number, shards: number): Ledger {
  const ledger = new Ledger(shard, shards);
  for (const { at, timeMs, record } of log)
    ledger.apply(record.command, record.outcome, { ...at, timeMs }, 0);
  return ledger;
}
