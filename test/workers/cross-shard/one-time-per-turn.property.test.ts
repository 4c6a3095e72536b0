/** Commands decided in one turn are logged with the time at which they were applied, however the clock ticks. */
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { homeVnodeOf, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import { type LoyaltyAct, pointsAccount } from "../../../src/actors/programmes/loyalty/acts.ts";
import type { Command } from "../../../src/actors/records/command.ts";
import type { CompoundTransfer } from "../../../src/actors/records/compound-command.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { commandOf, history } from "../../actors/ledger/histories.ts";
import { account, MemoryCluster, mustPost, recordsOf, transfer } from "../shard/memory-shards.ts";

const BEGINNING_MS = 1_700_000_000_000;
const RUNS = 40;
/** Between two readings a new second begins, or a hold expires. */
const TICK_MS = 2_000;

afterEach(() => {
  vi.restoreAllMocks();
});

/** The ledgers of all shards that start from here on. */
function liveLedgers(): () => readonly Ledger[] {
  const applied = vi.spyOn(Ledger.prototype, "apply");
  return () => [...new Set(applied.mock.contexts as Ledger[])];
}

/** The state of a shard, rebuilt from its log alone. */
function replayed(store: MemoryStore, shard: number, shards: number): Ledger {
  const ledger = new Ledger(shard, shards);
  for (const { at, timeMs, record } of recordsOf(store, shard))
    ledger.apply(record.command, record.outcome, { ...at, timeMs }, 0);
  return ledger;
}

function hold(partner: string, debit: string, credit: string, timeoutMs: number): CompoundTransfer {
  return {
    op: "compound_transfer",
    partner,
    key: null,
    fingerprint: 0,
    postings: [{ debit, credit, amount: 1 }],
    available: false,
    pending: true,
    timeoutMs,
    memo: null,
    metadata: null,
    occurredAtMs: null,
    vnode: homeVnodeOf(partner, debit, credit, null),
  };
}

function accrual(member: string, points: number, expiresAtMs: number, key: string): Command {
  const subject = pointsAccount(member);
  const act = {
    programme: "loyalty",
    act: "accrual",
    subject,
    expiresAtMs,
  } as unknown as LoyaltyAct<"expiry">;
  const plain = transfer("@issuance", subject, points, key);
  return { ...plain, vnode: vnodeOfAccount("acme", subject), act };
}

test("a command that first expires a hold is applied and logged at a single time", async () => {
  let nowMs = BEGINNING_MS;
  let isTicking = false;
  const store = new MemoryStore("s0");
  const ledgers = liveLedgers();
  const { gateway } = await MemoryCluster.start([store], { now: () => (isTicking ? nowMs++ : nowMs) });
  for (const id of ["a", "b"]) await mustPost(gateway, account(id));
  await mustPost(gateway, transfer("@issuance", "a", 100));
  await mustPost(gateway, hold("acme", "a", "b", 1_000));
  nowMs += 1_000;
  isTicking = true;
  const act = {
    programme: "loyalty",
    act: "create_member",
    subject: pointsAccount("m1"),
    name: null,
  } as never;
  await mustPost(gateway, { op: "act", partner: "acme", key: null, fingerprint: 0, act });
  isTicking = false;
  await mustPost(gateway, accrual("m1", 10, nowMs + 500, "k"));
  expect([...replayed(store, 0, 1).stateLines(nowMs)]).toEqual([...(ledgers()[0]?.stateLines(nowMs) ?? [])]);
});

test("I9: whatever the clock shows at each reading, the live state equals the state replayed from the log", async () => {
  const run = fc.asyncProperty(history, fc.infiniteStream(fc.nat(TICK_MS)), async (steps, ticks) => {
    vi.restoreAllMocks();
    let nowMs = BEGINNING_MS;
    const now = () => (nowMs += ticks.next().value);
    const stores = [new MemoryStore("s0"), new MemoryStore("s1")];
    const ledgers = liveLedgers();
    const cluster = await MemoryCluster.start(stores, { now });
    const made: string[] = [];
    // Many commands in one message, so that one turn decides several.
    for (let at = 0; at < steps.length; at += 2) {
      await mustPost(cluster.gateway, hold("p", "@x", "a", 3 * TICK_MS)).catch(() => {});
      const asked = steps.slice(at, at + 2).map(async (step, i) => {
        nowMs += step.afterMs;
        const command = commandOf(step, { all: made, pending: made });
        const keyed = { ...command, key: `k${at + i}`, fingerprint: 1 };
        if (keyed.op === "revert_transfer") return;
        const answer = await cluster.gateway.submit(keyed);
        if ("outcome" in answer && answer.outcome.ok && "id" in answer.outcome) made.push(answer.outcome.id);
      });
      await Promise.allSettled(asked);
    }
    await Promise.all(stores.map((_, shard) => cluster.stop(shard)));
    const lines = (ledger: Ledger) => [...ledger.stateLines(nowMs)];
    const live = ledgers().map(lines);
    expect(live.length).toBeGreaterThan(0);
    const rebuilt = stores.map((store, shard) => lines(replayed(store, shard, 2)));
    for (const state of live) expect(rebuilt).toContainEqual(state);
  });
  await fc.assert(run, { numRuns: RUNS, endOnFailure: true });
}, 120_000);
