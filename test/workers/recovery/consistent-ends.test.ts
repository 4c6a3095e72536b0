/** What is left of several logs after one of them has lost its end: shards serve from it, and the books balance. */
import { expect, test } from "vitest";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { CompoundTransfer } from "../../../src/actors/records/compound-command.ts";
import { hashFrame, NO_BATCH } from "../../../src/wal/frame.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { MemorySnapshotStore } from "../../../src/wal/snapshots/snapshot-store.ts";
import { compareLogIds, type Witness } from "../../../src/wal/wal.ts";
import { findConsistentEnds } from "../../../src/workers/recovery/consistent-ends.ts";
import { rebuild, type Sources } from "../../../src/workers/recovery/rebuild.ts";
import { Random } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { idsOn } from "../cross-shard/cross-shard-history.ts";
import { account, MemoryCluster, mustPost, recordsOf, transfer } from "../shard/memory-shards.ts";
import { logProblems, messageProblems } from "../shard/shard-logs.ts";

const SHARDS = 3;
const SEEDS = Array.from({ length: 24 }, (_, seed) => seed);
const ACCOUNTS = Array.from({ length: SHARDS }, (_, shard) => idsOn(shard, SHARDS, 2)).flat();
const OPENED_LATE = Array.from({ length: SHARDS }, (_, shard) => idsOn(shard, SHARDS, 5).slice(2)).flat();

function newestOf(store: MemoryStore): Witness {
  const entry = store.entries.findLast(({ id }) => id.seq > 0);
  return entry === undefined ? NO_BATCH : { id: entry.id, hash: hashFrame(entry.bytes) };
}

function sourcesOf(stores: readonly MemoryStore[]): readonly Sources[] {
  return stores.map((store, shard) => {
    const snapshots = new MemorySnapshotStore(`snapshots of ${shard}`);
    return { shard, shards: stores.length, stream: store.open(), snapshots, archived: () => [] };
  });
}

function endsOf(stores: readonly MemoryStore[]): Promise<readonly Witness[]> {
  const newest = stores.map(newestOf);
  const ends = sourcesOf(stores).map((sources, shard) => ({ sources, newest: newest[shard] ?? NO_BATCH }));
  return findConsistentEnds(ends);
}

/** Removes what is above an end. @returns the number of batches. */
function cut(store: MemoryStore, { id }: Witness): number {
  const above = store.entries.filter((entry) => entry.id.seq > 0 && compareLogIds(entry.id, id) > 0);
  store.loseTail(above.length);
  return above.length;
}

function compound(key: string, random: Random): CompoundTransfer {
  const postings = Array.from({ length: 3 }, () => {
    const debit = random.oneOf(ACCOUNTS);
    return {
      debit,
      credit: random.oneOf(ACCOUNTS.filter((id) => id !== debit)),
      amount: 1 + random.below(5),
    };
  });
  const [{ debit, credit }] = postings as [(typeof postings)[0]];
  const vnode = homeVnodeOf("acme", debit, credit, key);
  const rest = { memo: null, metadata: null, occurredAtMs: null, vnode } as const;
  const header = { op: "compound_transfer", partner: "acme", key, fingerprint: 1 } as const;
  const pending = random.chance(0.3);
  return { ...header, postings, available: false, pending, timeoutMs: null, ...rest };
}

/** Logs of shards that have moved much money between them at the same time. Accounts were opened all the time. */
async function busyLogs(random: Random): Promise<readonly MemoryStore[]> {
  const stores = Array.from({ length: SHARDS }, (_, shard) => new MemoryStore(`s${shard}`));
  const cluster = await MemoryCluster.start(stores);
  const { gateway } = cluster;
  for (const id of ACCOUNTS) {
    await mustPost(gateway, account(id));
    await mustPost(gateway, transfer("@issuance", id, 1_000));
  }
  for (const [round, opened] of OPENED_LATE.entries()) {
    await mustPost(gateway, account(opened));
    const commands = Array.from({ length: 8 }, (_, no) => {
      const key = `${round}-${no}`;
      const debit = random.oneOf(ACCOUNTS);
      const credit = no === 0 ? opened : random.oneOf(ACCOUNTS.filter((id) => id !== debit));
      return no < 5 ? transfer(debit, credit, 1 + random.below(9), key) : compound(key, random);
    });
    await Promise.all(commands.map((command) => gateway.submit(command)));
  }
  await Promise.all(stores.map((_, shard) => cluster.stop(shard)));
  return stores;
}

/** The debits on their way that nothing was reserved for: the money may be spent before they arrive. */
async function unreservedDebits(stores: readonly MemoryStore[]): Promise<readonly string[]> {
  const states = await Promise.all(
    sourcesOf(stores).map(async (sources) => (await rebuild(sources, {}, () => {})).ledger),
  );
  const found: string[] = [];
  for (const [from, state] of states.entries())
    for (const [to, other] of states.entries())
      for (const { message } of from === to ? [] : state.exchange(to).kept) {
        if (message.op !== "portion" || message.purpose === "capture") continue;
        const isOnItsWay = message.no > other.exchange(from).received;
        const debits = message.legs.filter(({ amount }) => amount < 0);
        const { id } = message.transfer;
        if (isOnItsWay && debits.length > 0 && other.compound.reservations.holdsOf(id).length === 0)
          found.push(`${from} to ${to}: ${id}`);
      }
  return found;
}

/** Starts shards on what is left; resolves when all messages have come. */
async function checkServes(stores: readonly MemoryStore[]): Promise<void> {
  const cluster = await MemoryCluster.start(stores);
  const exits: string[] = [];
  for (const [shard] of stores.entries())
    void cluster.shard(shard).exited.then(({ reason, message }) => exits.push(`${reason}: ${message}`));
  const logs = () => stores.map(recordsOf);
  await until("all messages have come", () => exits.length > 0 || messageProblems(logs()).length === 0);
  expect(exits).toEqual([]);
  const { assets } = await cluster.gateway.trialBalance("acme");
  expect(assets["PTS/0"]).toMatchObject({ sum: 0n, inTransit: 0n });
  await Promise.all(stores.map((_, shard) => cluster.stop(shard)));
  expect(logProblems(logs())).toEqual([]);
}

test("complete logs are kept whole", async () => {
  const stores = await busyLogs(new Random(1));
  expect(await endsOf(stores)).toEqual(stores.map(newestOf));
});

test.each(SEEDS)("one log has lost its end: seed %i", async (seed) => {
  const random = new Random(seed);
  const stores = await busyLogs(random);
  const victim = stores[random.below(SHARDS)] as MemoryStore;
  const lost = 1 + random.below(victim.entries.length - 1);
  victim.loseTail(lost);
  const ends = await endsOf(stores);
  for (const [shard, store] of stores.entries()) cut(store, ends[shard] as Witness);
  expect(await endsOf(stores), "nothing more has to be given up").toEqual(ends);
  expect(await unreservedDebits(stores)).toEqual([]);
  await checkServes(stores);
});
