/**
 * Oracles on the logs of a run at rest: each log is replayed from its bytes, and compared with the clients' answers and
 * with the memory of the running shards.
 */
import { viewOf } from "../../src/actors/ledger/account.ts";
import type { Message } from "../../src/actors/ledger/exchange.ts";
import { Ledger } from "../../src/actors/ledger/ledger.ts";
import { readRecords } from "../../src/actors/records/codec.ts";
import type { LogRecord } from "../../src/actors/records/command.ts";
import type { RecordPosition } from "../../src/archive/queries/query.ts";
import { Chain } from "../../src/wal/chain.ts";
import type { MemorySnapshotStore } from "../../src/wal/snapshots/snapshot-store.ts";
import { formatLogId } from "../../src/wal/wal.ts";
import { replayBatch } from "../../src/workers/recovery/replay.ts";
import { restoreNewest } from "../../src/workers/recovery/restore.ts";
import { ENTRY_BYTES_MAX, ENTRY_RECORDS_MAX } from "../../src/workers/shard/group-commit.ts";
import { balanceOf, LedgerAudit } from "../actors/ledger/ledger-audit.ts";
import { type ClientHistory, itemOf, nameOf } from "./client-history.ts";
import { entriesOf } from "./entries.ts";
import { LimitsModel } from "./limits-oracle.ts";
import { checkLotExpiry } from "./members.ts";
import { SIM_SETTINGS, type SimArchive } from "./sim-archive.ts";
import type { Oracle } from "./sim-context.ts";
import type { LogStore } from "./sim-log.ts";

export type Logged = LogRecord & Readonly<{ shard: number; timeMs: number; at: RecordPosition }>;

/** The result of replaying a log. */
export type Replayed = Readonly<{
  shard: number;
  ledger: Ledger;
  records: readonly Logged[];
  timeMs: number;
  /** Every view that an account ever had; `posted`: the posted balance by account and seq. */
  views: ReadonlySet<string>;
  posted: ReadonlyMap<string, ReadonlyMap<number, number>>;
}>;

type Fail = (oracle: Oracle, message: string) => void;

/** Decisions keep balances within this, which leaves room for what other shards have committed (ADR 15). */
const DECIDED_MAX = 2 ** 52;

/** Replays one log; fails if its chain is broken, or the books do not balance after a batch. */
export function replayLog(
  { memory, trimmed }: LogStore,
  shard: number,
  shards: number,
  archive: SimArchive,
  fail: Fail,
): Replayed {
  const ledger = new Ledger(shard, shards, undefined, SIM_SETTINGS);
  const records: Logged[] = [];
  const views = new Set<string>();
  const posted: Posted = new Map();
  const hashes = new Map<string, Uint8Array>();
  const chain = new Chain(memory.name, "beginning");
  const audit = new LedgerAudit();
  const limits = new LimitsModel();
  let lastMs = 0;
  try {
    for (const entry of [...trimmed, ...memory.entries]) {
      const link = chain.accept(entry);
      if (link.kind === "claim") continue;
      const { id, timeMs, body, hash, count } = link.batch;
      if (count > ENTRY_RECORDS_MAX || body.length > ENTRY_BYTES_MAX)
        fail(
          "entries are bounded",
          `${memory.name} ${formatLogId(id)} has ${count} records, ${body.length} bytes`,
        );
      if (timeMs < lastMs)
        fail("time does not go back", `${memory.name} ${formatLogId(id)} is of ${timeMs}, after ${lastMs}`);
      lastMs = timeMs;
      hashes.set(formatLogId(id), hash);
      let index = 0;
      readRecords(body, (command, outcome) => {
        const record: Logged = { command, outcome, shard, timeMs, at: { shard, ...id, index } };
        checkExpiry(ledger, record, fail);
        checkLotExpiry({ ledger }, record, fail);
        checkOpen(ledger, record, fail);
        ledger.apply(command, outcome, { ...id, index, timeMs }, 0);
        audit.follow(record);
        limits.follow(record);
        checkRange(record, fail);
        records.push(record);
        index += 1;
        for (const name of accountsOf(record)) {
          const account = ledger.account(command.partner, name);
          if (account === undefined) continue;
          views.add(`${command.partner} ${JSON.stringify(viewOf(account))}`);
          noteEntry(posted, `${command.partner} ${name}`, account);
        }
        // An account may have several entries in a transfer with several postings.
        if (outcome.ok && "moves" in outcome)
          for (const move of outcome.moves)
            if (move.amount !== 0) noteEntry(posted, `${command.partner} ${move.account}`, move);
      });
      for (const [asset, { sum, sent, received }] of ledger.sums(undefined))
        if (sum + sent - received !== 0n)
          fail(
            "I1 books balance",
            `${memory.name} ${formatLogId(id)}: ${sum} ${asset}, ${sent} sent, ${received} received`,
          );
    }
  } catch (error) {
    fail("I7 the chain holds", error instanceof Error ? error.message : String(error));
  }
  for (const problem of limits.problems) fail("limits hold", `${memory.name}: ${problem}`);
  for (const problem of audit.problems) fail(oracleOf(problem), `${memory.name}: ${problem}`);
  for (const { id, hash } of archive.batches[shard] ?? []) {
    const stored = hashes.get(formatLogId(id));
    if (stored === undefined || Buffer.compare(stored, hash) !== 0)
      fail(
        "I5 acknowledged is logged once",
        `${memory.name} has no ${formatLogId(id)}, which the archive was given`,
      );
  }
  return { shard, ledger, records, timeMs: lastMs, views, posted };
}

/** I5, I11: every acknowledged command is logged exactly once, and a refused one is not logged. */
export function checkAnswers(logs: readonly Replayed[], history: ClientHistory, fail: Fail): void {
  const byKey = new Map<string, Logged[]>();
  const ids = new Map<string, number>();
  for (const record of logs.flatMap(({ records }) => records)) {
    const { command, outcome } = record;
    const { key } = command;
    if (key !== null) byKey.set(key, [...(byKey.get(key) ?? []), record]);
    if (outcome.ok && "id" in outcome && CREATING.has(command.op))
      ids.set(outcome.id, (ids.get(outcome.id) ?? 0) + 1);
  }
  for (const [key, [first, ...more]] of byKey) {
    if (first === undefined) continue;
    if (more.length > 0)
      fail("I11 one key, one outcome", `${nameOf(first.command)} is in the logs ${more.length + 1} times`);
    if (key.startsWith("dry"))
      fail("I5 acknowledged is logged once", `a dry run is logged: ${nameOf(first.command)}`);
  }
  for (const { key, item, outcome, unknown, command } of history.asked.values()) {
    const [logged] = byKey.get(key) ?? [];
    if (item === undefined) {
      if (unknown === 0 && logged !== undefined)
        fail("I5 acknowledged is logged once", `${nameOf(command)} was certainly not done, and is logged`);
      continue;
    }
    // A command on an unknown transfer does not use its key.
    if (logged === undefined && item === "transfer_not_found") continue;
    if (logged === undefined) {
      fail("I5 acknowledged is logged once", `${nameOf(command)} was ${item}, and is not logged`);
      continue;
    }
    const loggedItem = itemOf(logged.outcome);
    if (loggedItem !== item)
      fail("I5 acknowledged is logged once", `${nameOf(command)} was ${item}, and logged as ${loggedItem}`);
    const answered = outcome?.ok && "transfer" in outcome ? JSON.stringify(outcome.transfer) : undefined;
    const loggedTransfer =
      logged.outcome.ok && "transfer" in logged.outcome ? JSON.stringify(logged.outcome.transfer) : undefined;
    if (answered !== undefined && answered !== loggedTransfer)
      fail(
        "I5 acknowledged is logged once",
        `${nameOf(command)} was answered as ${answered}, and logged as ${loggedTransfer}`,
      );
  }
  for (const [id, times] of ids)
    if (times > 1) fail("I5 acknowledged is logged once", `${id} was created ${times} times`);
  for (const id of history.unkeyed)
    if (!ids.has(id)) fail("I5 acknowledged is logged once", `${id} was acknowledged, and is not logged`);
}

/** I6: every balance that was shown is in the history of a log. */
export function checkReads(logs: readonly Replayed[], history: ClientHistory, fail: Fail): void {
  for (const { partner, view } of history.views) {
    const shown = `${partner} ${JSON.stringify(view)}`;
    if (!logs.some(({ views }) => views.has(shown)))
      fail("I6 reads are in the history", `${shown} was shown, and never was`);
  }
  for (const { partner, account, seq, posted } of history.balances) {
    const name = `${partner} ${account}`;
    const actual = logs.map((log) => log.posted.get(name)?.get(seq)).find((each) => each !== undefined);
    if (actual !== posted)
      fail(
        "I6 reads are in the history",
        `${name} was shown with ${posted} after entry ${seq}, and had ${actual}`,
      );
  }
}

/** I8: every message was received exactly once. I1: the balances of all shards add up to 0. */
export function checkMessages(logs: readonly Replayed[], fail: Fail): void {
  const sent = new Map<string, string>();
  const received = new Map<string, string>();
  for (const { records, shard } of logs) {
    for (const { command, outcome } of records) {
      if (outcome.ok && "to" in outcome && command.op === "transfer")
        sent.set(`${shard}-${outcome.to} ${outcome.no}`, `${outcome.id} ${command.credit} ${command.amount}`);
      if (outcome.ok && "sent" in outcome)
        for (const { to, no, legs } of outcome.sent)
          sent.set(`${shard}-${to} ${no}`, `${outcome.id} ${JSON.stringify(legs)}`);
      if (outcome.ok && "told" in outcome)
        for (const { to, no } of outcome.told ?? [])
          sent.set(`${shard}-${to} ${no}`, JSON.stringify(outcome.notice));
      if (command.op !== "credit" && command.op !== "portion" && command.op !== "notice") continue;
      const name = `${command.from}-${shard} ${command.no}`;
      if (received.has(name)) fail("I8 messages arrive once", `message ${name} was received twice`);
      received.set(name, contentOf(command));
    }
  }
  for (const [name, what] of sent)
    if (received.get(name) !== what)
      fail(
        "I8 messages arrive once",
        `message ${name} is ${what}, and was received as ${received.get(name) ?? "nothing"}`,
      );
  for (const [name, what] of received)
    if (!sent.has(name)) fail("I8 messages arrive once", `${name} was received and never sent: ${what}`);
  for (const { shard, ledger } of logs) {
    for (const other of logs) {
      const { sent: count, forgotten } = ledger.exchange(other.shard);
      const { received: arrived } = other.ledger.exchange(shard);
      if (count !== arrived || count !== forgotten)
        fail(
          "I8 messages arrive once",
          `${shard} to ${other.shard}: ${count} sent, ${arrived} received, ${forgotten} forgotten`,
        );
    }
  }
  const totals = new Map<string, bigint>();
  for (const { ledger } of logs)
    for (const [asset, { sum }] of ledger.sums(undefined)) totals.set(asset, (totals.get(asset) ?? 0n) + sum);
  for (const [asset, total] of totals)
    if (total !== 0n) fail("I1 books balance", `all balances of ${asset} come to ${total}`);
}

/** I3: every held amount belongs to a pending transfer, and every reservation to a live one. */
export function checkHolds(logs: readonly Replayed[], partners: Iterable<string>, fail: Fail): void {
  const partnersToCheck = [...partners];
  for (const { shard, ledger } of logs) {
    const { compound } = ledger;
    const holds = new Map<string, number>();
    const keep = (partner: string, each: Parameters<typeof balanceOf>[1] & { amount: number }) => {
      const balance = balanceOf(partner, each);
      holds.set(balance, (holds.get(balance) ?? 0) + each.amount);
    };
    for (const { partner, holds: there } of compound.pending.all())
      for (const hold of there) keep(partner, hold);
    for (const [id, { partner, holds: there, from }] of compound.reservations.entries()) {
      for (const hold of there) keep(partner, hold);
      if (logs[from]?.ledger.compound.pending.get(id)?.reservedAt.includes(shard) !== true)
        fail("I3 holds add up", `shard ${shard} keeps something for ${id} in vain`);
    }
    for (const partner of partnersToCheck) {
      const book = compound.bookOf(partner);
      const compare = (balance: string, held: number) => {
        const kept = holds.get(balance) ?? 0;
        if (held !== kept)
          fail("I3 holds add up", `${held} are held on ${balance}, and ${kept} kept for anything`);
      };
      for (const [id, { held, reserved, reservations }] of book.accounts) {
        compare(`${partner} ${id}`, held);
        if (reserved !== 0 || reservations !== 0)
          fail("I3 holds add up", `room is kept on ${partner} ${id} for nothing`);
      }
      for (const [account, asset, vnode, { held }] of book.slices())
        compare(balanceOf(partner, { account, asset, vnode }), held);
    }
  }
}

/** I9: a shard's memory equals the replay of its log, and no credit reservations are left at rest. */
export function checkMemory(
  { shard, ledger, timeMs }: Replayed,
  live: Ledger,
  partners: Iterable<string>,
  fail: Fail,
): void {
  const actual = [...live.stateLines(timeMs)];
  const expected = [...ledger.stateLines(timeMs)];
  for (const [i, line] of expected.entries())
    if (actual[i] !== line) {
      fail(
        "I9 replay is the live state",
        `shard ${shard} has ${actual[i] ?? "nothing"}, and its log says ${line}`,
      );
      return;
    }
  if (actual.length > expected.length)
    fail("I9 replay is the live state", `shard ${shard} has ${actual[expected.length]}, not in its log`);
  for (const partner of partners)
    for (const { id, pinned, pins } of live.compound.bookOf(partner).accounts.values())
      if (pinned !== 0 || pins !== 0)
        fail("I3 holds add up", `${pinned} in ${pins} credits are still announced to ${partner} ${id}`);
}

/** I9: the newest good snapshot and the rest of the log give the same state. */
export async function checkSnapshots(
  { shard, ledger, timeMs }: Replayed,
  stores: readonly LogStore[],
  snapshots: readonly MemorySnapshotStore[],
  fail: Fail,
): Promise<void> {
  const restored = new Ledger(shard, stores.length, undefined, SIM_SETTINGS);
  const memory = stores[shard]?.memory;
  const store = snapshots[shard];
  if (memory === undefined || store === undefined) return;
  const { snapshot } = await restoreNewest(store, restored, { shard, shards: stores.length });
  if (snapshot === undefined) return;
  const chain = new Chain(memory.name, snapshot.head);
  for (const entry of memory.after(snapshot.head.id, Number.POSITIVE_INFINITY)) {
    const link = chain.accept(entry);
    if (link.kind === "batch") replayBatch(restored, memory.name, link.batch);
  }
  const expected = [...ledger.stateLines(timeMs)];
  for (const [i, line] of [...restored.stateLines(timeMs)].entries())
    if (line !== expected[i])
      fail(
        "I9 replay is the live state",
        `from its snapshot shard ${shard} is ${line}, and not ${expected[i]}`,
      );
}

/** Every balance is a safe integer, also minus what is held; decisions of this shard keep it within ±2^52. */
function checkRange(record: Logged, fail: Fail): void {
  const isCommittedElsewhere = record.command.op === "credit" || record.command.op === "portion";
  for (const { account, posted, held, amount } of entriesOf(record)) {
    const isWithin = amount > 0 ? posted <= DECIDED_MAX : posted - held >= -DECIDED_MAX;
    if (!isCommittedElsewhere && !isWithin)
      fail(
        "balances stay in range",
        `${nameOf(record.command)} is decided and leaves ${account} at ${posted}, ${held} held`,
      );
    if (![posted, held, posted - held].every((each) => Math.abs(each) <= Number.MAX_SAFE_INTEGER))
      fail(
        "balances stay in range",
        `${nameOf(record.command)} leaves ${account} at ${posted}, ${held} held`,
      );
  }
}

/** A transfer that has expired by log time is neither posted nor voided. */
function checkExpiry({ compound }: Ledger, { command, outcome, timeMs }: Logged, fail: Fail): void {
  if ((command.op !== "post_transfer" && command.op !== "void_transfer") || !outcome.ok) return;
  const endsAtMs = compound.pending.get(command.id)?.endsAtMs ?? Number.POSITIVE_INFINITY;
  if (endsAtMs <= timeMs)
    fail(
      "what is over is ended",
      `${nameOf(command)} is done ${timeMs - endsAtMs} ms after the end of ${command.id}`,
    );
}

/** A closed account has no further entries. */
function checkOpen(ledger: Ledger, record: Logged, fail: Fail): void {
  const { command, outcome } = record;
  if ("account" in outcome) return;
  for (const name of accountsOf(record)) {
    const isEntry =
      !("moves" in outcome) || outcome.moves.some((move) => move.account === name && move.amount !== 0);
    if (isEntry && ledger.account(command.partner, name)?.status === "closed")
      fail("I2 floors and ceilings", `${nameOf(command)} moves money of ${name}, which is closed`);
  }
}

type Posted = Map<string, Map<number, number>>;

function noteEntry(
  posted: Posted,
  name: string,
  { seq, posted: amount }: { seq: number; posted: number },
): void {
  const there = posted.get(name);
  if (there === undefined) posted.set(name, new Map([[seq, amount]]));
  else there.set(seq, amount);
}

function contentOf(command: Message): string {
  switch (command.op) {
    case "credit":
      return `${command.id} ${command.credit} ${command.amount}`;
    case "portion":
      return `${command.transfer.id} ${JSON.stringify(command.legs)}`;
    case "notice":
      return JSON.stringify(command.notice);
  }
}

const CREATING: ReadonlySet<string> = new Set(["transfer", "compound_transfer", "revert_transfer"]);

function accountsOf({ command, outcome }: Logged): readonly string[] {
  if (!outcome.ok) return [];
  if (command.op === "transfer") return [command.debit, command.credit];
  if (command.op === "credit") return [command.credit];
  if ("account" in outcome && outcome.account !== undefined) return [outcome.account.id];
  return "moves" in outcome ? outcome.moves.map(({ account }) => account) : [];
}

function oracleOf(problem: string): Oracle {
  if (problem.startsWith("I2")) return "I2 floors and ceilings";
  if (problem.startsWith("I4")) return "I4 entries are contiguous";
  return "I10 resolved once";
}
