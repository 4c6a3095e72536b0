/** The wall clock jumps while shards serve: log time and its expiries must not be affected. */
import { afterEach, expect, test } from "vitest";
import { MemoryStore } from "../../../../src/wal/memory.ts";
import { HELD_BACK_MS, ServerClock } from "../../../../src/workers/server/server-clock.ts";
import type { JudgedClock } from "../../../../src/workers/shard/clock/log-clock.ts";
import { idsOn } from "../../cross-shard/cross-shard-history.ts";
import { account, MemoryCluster, mustPost, recordsOf, transfer } from "../memory-shards.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Real time is `uptimeMs`; the wall clock shows `offsetMs` more. */
class Machine {
  uptimeMs = HOUR;
  offsetMs = 0;
  readonly now = () => Math.floor(Date.UTC(2026, 10, 28) + this.uptimeMs + this.offsetMs);
  readonly uptime = () => this.uptimeMs;
}

let clusters: { cluster: MemoryCluster; shards: number }[] = [];

afterEach(async () => {
  for (const { cluster, shards } of clusters)
    for (let shard = 0; shard < shards; shard++) if (cluster.running(shard)) await cluster.stop(shard);
  clusters = [];
});

async function start(
  machine: Machine,
  stores = [new MemoryStore("s0")],
  judgedClock?: () => JudgedClock,
): Promise<MemoryCluster> {
  const { now, uptime } = machine;
  const cluster = await MemoryCluster.start(stores, { now, uptime, ...(judgedClock && { judgedClock }) });
  clusters.push({ cluster, shards: stores.length });
  return cluster;
}

function uuid7(ms: number): string {
  const hex = Math.floor(ms).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7abc-8abc-0123456789ab`;
}

test.each([25 * HOUR, 365 * DAY, -25 * HOUR])(
  "with a clock that is %i ms off for one record, a retry gets its outcome, and fresh UUIDv7 keys are accepted",
  async (jumpMs) => {
    const machine = new Machine();
    const { gateway } = await start(machine);
    await mustPost(gateway, account("a"));
    await mustPost(gateway, account("b"));
    await mustPost(gateway, transfer("@issuance", "a", 100));
    const first = await gateway.submit(transfer("a", "b", 10, "pay-1017"));
    machine.offsetMs = jumpMs;
    await mustPost(gateway, transfer("a", "b", 1, "other"));
    machine.offsetMs = 0;
    expect(await gateway.submit(transfer("a", "b", 10, "pay-1017"))).toEqual({ ...first, replayed: true });
    await mustPost(gateway, transfer("a", "b", 1, uuid7(machine.now())));
    expect((await gateway.account("acme", "b"))?.posted).toBe(12);
  },
);

test("a clock that is a year ahead for a moment expires no hold and resets no limit", async () => {
  const machine = new Machine();
  const { gateway } = await start(machine);
  const limits = [{ windowS: 60, direction: "debit", maxAmount: 50, maxCount: null }] as const;
  await mustPost(gateway, { ...account("a"), limits });
  await mustPost(gateway, account("b"));
  await mustPost(gateway, transfer("@issuance", "a", 1000));
  const postings = [{ debit: "@issuance", credit: "b", amount: 1 }];
  const { debit: _debit, credit: _credit, amount: _amount, ...rest } = transfer("@issuance", "b", 1);
  const pending = { available: false, pending: true, timeoutMs: HOUR } as const;
  await mustPost(gateway, { ...rest, op: "compound_transfer", postings, ...pending });
  const held = async () => (await gateway.systemAccount("acme", "@issuance"))?.balances["PTS/0"]?.held;
  machine.offsetMs = 365 * DAY;
  await mustPost(gateway, transfer("a", "b", 50));
  expect(await held()).toBe(1n);
  machine.offsetMs = 0;
  expect(await gateway.submit(transfer("a", "b", 50))).toMatchObject({ outcome: { code: "limit_exceeded" } });
  machine.uptimeMs += 2 * MINUTE;
  await mustPost(gateway, transfer("a", "b", 50));
  expect(await held()).toBe(1n);
  machine.uptimeMs += HOUR;
  expect(await held()).toBe(0n);
});

test("a log whose last time is in the year 2107 accepts keyed commands, and recognizes retries after a restart", async () => {
  const machine = new Machine();
  const stores = [new MemoryStore("s0")];
  machine.offsetMs = Date.UTC(2107, 0) - machine.now();
  const future = await start(machine, stores);
  await mustPost(future.gateway, account("a"));
  await mustPost(future.gateway, transfer("@issuance", "a", 100, "k1"));
  await future.stop(0);
  machine.offsetMs = 0;
  const { gateway } = await start(machine, stores);
  for (const again of [true, false]) {
    const key = again ? "k1" : "k2";
    expect(await gateway.submit(transfer("@issuance", "a", 100, key))).toMatchObject({ replayed: again });
  }
  const [before, after] = recordsOf(stores[0] as MemoryStore, 0)
    .slice(-2)
    .map(({ timeMs }) => timeMs);
  machine.uptimeMs += HOUR;
  await mustPost(gateway, transfer("@issuance", "a", 1));
  const creptMs = (recordsOf(stores[0] as MemoryStore, 0).at(-1)?.timeMs ?? 0) - (after ?? 0);
  expect([(after ?? 0) >= (before ?? 0), creptMs]).toEqual([true, HOUR / 2]);
});

test("a message from a shard whose log time is a year ahead is applied, but its time is not followed", async () => {
  const machine = new Machine();
  const stores = [new MemoryStore("s0"), new MemoryStore("s1")];
  const [here = ""] = idsOn(0, 2, 1);
  const [there = ""] = idsOn(1, 2, 1);
  const cluster = await start(machine, stores);
  for (const id of [here, there]) await mustPost(cluster.gateway, account(id));
  await mustPost(cluster.gateway, transfer("@issuance", here, 100));
  const judged = { baselineMs: machine.now() + 365 * DAY - machine.uptimeMs, bootId: undefined };
  cluster.shard(0).host.control({ type: "clock", judged });
  await mustPost(cluster.gateway, transfer(here, there, 7));
  expect((await cluster.gateway.account("acme", there))?.posted).toBe(7);
  const lastOf = (shard: number) => recordsOf(stores[shard] as MemoryStore, shard).at(-1)?.timeMs ?? 0;
  expect(lastOf(0)).toBeGreaterThan(machine.now() + 364 * DAY);
  expect(lastOf(1)).toBeLessThanOrEqual(machine.now() + MINUTE);
});

test("a query about a future time does not move log time ahead", async () => {
  const machine = new Machine();
  const stores = [new MemoryStore("s0")];
  const cluster = await start(machine, stores);
  await mustPost(cluster.gateway, account("a"));
  const ask = async (atMs: number) => (await cluster.links[0]?.ask("acme", ["tick", atMs, "a"]))?.result;
  expect(await ask(machine.now() + DAY)).toBe(false);
  expect(await ask(machine.now())).toBe(true);
  await mustPost(cluster.gateway, transfer("@issuance", "a", 1));
  expect(recordsOf(stores[0] as MemoryStore, 0).at(-1)?.timeMs).toBe(machine.now() + 1);
});

test("after a reboot with a clock a year ahead nothing expires for ten minutes", async () => {
  const machine = new Machine();
  const stores = [new MemoryStore("s0")];
  const before = await start(machine, stores);
  await mustPost(before.gateway, account("a"));
  const first = await before.gateway.submit(transfer("@issuance", "a", 10, "pay"));
  await before.stop(0);
  const witnessed = [{ timeMs: machine.now(), uptimeMs: machine.uptimeMs, baselineMs: 0, bootId: "one" }];
  machine.offsetMs = 365 * DAY;
  const clocks = { wallMs: machine.now, uptimeMs: machine.uptime };
  const judge = new ServerClock({ clocks, bootId: "two", witnessed, jumpMsMax: DAY });
  const cluster = await start(machine, stores, () => judge.judged);
  const again = () => cluster.gateway.submit(transfer("@issuance", "a", 10, "pay"));
  machine.uptimeMs += HELD_BACK_MS - SECOND;
  expect(await again()).toEqual({ ...first, replayed: true });
  machine.uptimeMs += SECOND;
  judge.check();
  cluster.shard(0).host.control({ type: "clock", judged: judge.judged });
  expect(await again()).toMatchObject({ replayed: false });
});

test("an idle shard logs a tick every minute", async () => {
  const machine = new Machine();
  const stores = [new MemoryStore("s0")];
  const cluster = await start(machine, stores);
  await mustPost(cluster.gateway, account("a"));
  const ops = () => recordsOf(stores[0] as MemoryStore, 0).map(({ record }) => record.command.op);
  machine.uptimeMs += MINUTE - 1;
  await mustPost(cluster.gateway, account("b"));
  for (let ticks = 1; ticks <= 2; ticks++) {
    machine.uptimeMs += MINUTE;
    await expect.poll(ops).toEqual(["create_account", "create_account", ...Array(ticks).fill("tick")]);
  }
});
