/** Checks of a round, whichever shards crashed: replies agree with the logs, nothing is half done or left over. */
import { viewOf } from "../../../src/actors/ledger/account.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { isSystemAccount } from "../../../src/actors/ledger/routing.ts";
import type { LogRecord, Outcome } from "../../../src/actors/records/command.ts";
import type { Round } from "./compound-crashes.ts";
import { messagesOf } from "./crashing-shards.ts";

/** All problems of a round. */
export function problemsOf(round: Round): readonly string[] {
  const problems = [...answerProblems(round), ...partProblems(round)];
  try {
    return [...problems, ...stateProblems(round)];
  } catch (error) {
    // A complete log replays without a failed assertion.
    return [...problems, `the logs cannot be replayed: ${String(error)}`];
  }
}

/** Every reply to a key equals the first one and the record, which the logs contain once. */
function answerProblems({ asked, logs, expected }: Round): readonly string[] {
  const problems: string[] = [];
  const records = Map.groupBy(
    logs.flatMap((log) => log.map(({ record }) => record)),
    ({ command }) => command.key,
  );
  for (const { key, outcomes } of asked) {
    const [first] = outcomes as [Outcome];
    const there = records.get(key) ?? [];
    if (new Set(outcomes.map(toldOf)).size > 1)
      problems.push(`${key} has several outcomes: ${JSON.stringify(outcomes)}`);
    if (there.length !== 1) problems.push(`${key} is in the logs ${there.length} times`);
    const said = first.ok ? "accepted" : first.code;
    if (said !== expected[key]) problems.push(`${key} is ${said}, not ${expected[key]}`);
    for (const { outcome } of there) {
      if (truthOf(outcome) !== truthOf(first))
        problems.push(`${key} was answered ${truthOf(first)} and logged ${truthOf(outcome)}`);
    }
  }
  const unasked = Object.keys(expected).filter((key) => asked.every((each) => each.key !== key));
  return [...problems, ...unasked.map((key) => `${key} was not asked`)];
}

/** An outcome as callers see it: slices of system accounts are hidden. */
function toldOf(outcome: Outcome): string {
  if (!outcome.ok || !("moves" in outcome)) return JSON.stringify(outcome);
  return JSON.stringify({
    ...outcome,
    moves: outcome.moves.filter(({ account }) => !isSystemAccount(account)),
  });
}

/** The parts of an outcome that its record and its reply have in common. */
function truthOf(outcome: LogRecord["outcome"]): string {
  if (!outcome.ok) return JSON.stringify(outcome);
  return "transfer" in outcome ? JSON.stringify([outcome.id, outcome.transfer]) : JSON.stringify(outcome);
}

/** Every message is applied once on its shard, and nothing else is. */
function partProblems({ logs }: Round): readonly string[] {
  const sent = logs.flatMap((log, from) =>
    log.flatMap(({ record: { outcome } }) =>
      messagesOf(outcome).map(({ to, no, ...message }) => `${from}-${to} ${no} ${JSON.stringify(message)}`),
    ),
  );
  const taken = logs.flatMap((log, to) =>
    log.flatMap(({ record: { command } }) => {
      if (command.op !== "portion") return [];
      const { from, no, purpose, legs } = command;
      return [`${from}-${to} ${no} ${JSON.stringify({ purpose, legs })}`];
    }),
  );
  const missing = sent
    .filter((each) => !taken.includes(each))
    .map((each) => `${each} was sent and never came`);
  const strange = taken
    .filter((each) => !sent.includes(each))
    .map((each) => `${each} came and was never sent`);
  const committed = new Set(logs.flatMap((log) => log.flatMap(({ record: { outcome } }) => idsOf(outcome))));
  const undone = logs.flatMap((log) =>
    log.flatMap(({ record: { command } }) =>
      command.op === "release" && committed.has(command.id)
        ? [`${command.id} is committed, and was released`]
        : [],
    ),
  );
  const twice = taken.length === new Set(taken).size ? [] : ["a part came twice"];
  return [...missing, ...strange, ...undone, ...twice];
}

/** Messages of the transfer that this record has committed. */
function idsOf(outcome: LogRecord["outcome"]): readonly string[] {
  return outcome.ok && "transfer" in outcome ? [outcome.id] : [];
}

/** The state replayed from the logs equals the shards' own state and the expected one. */
function stateProblems({ logs, balances, views, figures, trial }: Round): readonly string[] {
  const problems: string[] = [];
  const ledgers = logs.map((log, shard) => replayed(log, shard, logs.length));
  for (const view of views) {
    const { id, posted, held } = view;
    if (posted !== balances[id]) problems.push(`${id} has ${posted}, not ${balances[id]}`);
    if (held !== 0) problems.push(`${held} of ${id} are held`);
    const account = ledgers.map((ledger) => ledger.account("acme", id)).find((each) => each !== undefined);
    if (account === undefined || JSON.stringify(viewOf(account)) !== JSON.stringify(view))
      problems.push(`${id} is not what its log says: ${JSON.stringify(view)}`);
    if (account !== undefined && account.reserved + account.reservations !== 0)
      problems.push(`room is reserved on ${id}`);
  }
  if (views.length !== Object.keys(balances).length) problems.push("there are not all accounts");
  for (const [shard, ledger] of ledgers.entries()) {
    const { accounts, keys, compound } = ledger;
    const [pending, reservations] = [compound.pending.size, compound.reservations.size];
    const state = { accounts, keys: keys.size, pending, reservations };
    if (JSON.stringify(state) !== JSON.stringify(figures[shard]))
      problems.push(
        `shard ${shard} is ${JSON.stringify(figures[shard])}, its log says ${JSON.stringify(state)}`,
      );
    if (pending + reservations > 0) problems.push(`${pending} pending, ${reservations} reserved on ${shard}`);
    for (const [other, there] of ledgers.entries()) {
      const { sent, forgotten } = ledger.exchange(other);
      const { received } = there.exchange(shard);
      if (sent !== received || sent !== forgotten)
        problems.push(`${shard} to ${other}: ${sent} sent, ${received} received, ${forgotten} forgotten`);
    }
  }
  const { sum, inTransit } = trial.assets["PTS/0"] ?? { sum: 1n, inTransit: 0n };
  if (sum !== 0n || inTransit !== 0n) problems.push(`trial balance ${sum}, in transit ${inTransit}`);
  return problems;
}

function replayed(log: Round["logs"][number], shard: number, shards: number): Ledger {
  const ledger = new Ledger(shard, shards);
  for (const { at, timeMs, record } of log) {
    const { epoch, seq, index } = at;
    ledger.apply(record.command, record.outcome, { epoch, seq, index, timeMs }, 0);
  }
  return ledger;
}
