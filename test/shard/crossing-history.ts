/** A random history of transfers over several shards in memory, with crashes and append faults, from one seed. */
import type { Command, LogRecord, Outcome } from "../../src/actors/command.ts";
import { shardOfVnode, vnodeOfAccount } from "../../src/actors/routing.ts";
import { OperatingError } from "../../src/operating-error.ts";
import { type Failpoint, POINTS } from "../../src/shard/failpoint.ts";
import { type AppendFault, MemoryStore } from "../../src/wal/memory.ts";
import { account, MemoryCluster, mustPost, recordsOf, transfer } from "./memory-shards.ts";

const ACCOUNTS_PER_SHARD = 3;
const CLIENTS = 6;
const COMMANDS_PER_CLIENT = 12;
/** Injected faults end a shard some ten times; one that cannot start at all is a bug. */
const LIVES_MAX = 100;
const PATIENCE_MS = 20_000;

export type Asked = { command: Command; outcomes: Outcome[] };

export type History = Readonly<{
  asked: readonly Asked[];
  /** What each shard's log holds, in order. */
  logs: readonly (readonly LogRecord[])[];
  /** As read over the gateway at the end. */
  balances: ReadonlyMap<string, number>;
  trial: Awaited<ReturnType<MemoryCluster["gateway"]["trialBalance"]>>;
  crashes: number;
}>;

/** mulberry32: small, and the same everywhere. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Ids of accounts on a shard. */
export function idsOn(shard: number, shards: number, count: number): string[] {
  const ids: string[] = [];
  for (let i = 0; ids.length < count; i++) {
    const id = `a${i}`;
    if (shardOfVnode(vnodeOfAccount("acme", id), shards) === shard) ids.push(id);
  }
  return ids;
}

export async function runHistory(seed: number, shards: number): Promise<History> {
  const random = randomOf(seed);
  const stores = Array.from({ length: shards }, (_, shard) => new MemoryStore(`s${shard}`));
  const cluster = new MemoryCluster(stores);
  const { gateway } = cluster;
  const state = { crashes: 0, isOver: false };

  const failpoint = (shard: number): Failpoint[] => {
    const point = POINTS[random(POINTS.length)] as Failpoint["point"];
    return [{ shard, point, at: 1 + random(12) }];
  };
  /** Starts a shard whenever it has ended, each time with something else that will go wrong. */
  const keepRunning = async (shard: number): Promise<void> => {
    for (let life = 0; !state.isOver; life++) {
      if (life > LIVES_MAX) throw new Error(`shard ${shard} does not stay alive`);
      const running = await cluster
        .launch(shard, life === 0 || life > 3 ? [] : failpoint(shard))
        .catch(() => undefined);
      if (running === undefined) {
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      await running.exited;
      state.crashes += 1;
    }
  };
  const lives = Promise.all(stores.map((_, shard) => keepRunning(shard)));
  // Whatever waits for a shard that cannot start must not wait for ever.
  const unless = <T>(work: Promise<T>) => Promise.race([work, lives.then((): never => never())]);
  await unless(Promise.all(cluster.links.map((link) => link.welcomed)));

  const ids = stores.flatMap((_, shard) => idsOn(shard, shards, ACCOUNTS_PER_SHARD));
  for (const [i, id] of ids.entries()) {
    await mustPost(gateway, { ...account(id), ceiling: i % ACCOUNTS_PER_SHARD === 2 ? 40 : null });
    await mustPost(gateway, transfer("@issuance", id, 20));
  }

  const asked: Asked[] = [];
  const client = async (number: number): Promise<void> => {
    for (let i = 0; i < COMMANDS_PER_CLIENT; i++) {
      disturb(random, cluster, stores);
      const command = commandOf(random, ids, `${number}-${i}`);
      const times = random(5) === 0 ? 2 : 1;
      const outcomes = await Promise.all(Array.from({ length: times }, () => insist(cluster, command)));
      asked.push({ command, outcomes });
    }
  };
  await unless(Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number))));

  for (const entry of asked) entry.outcomes.push(await unless(insist(cluster, entry.command)));
  await unless(atRest(cluster));
  const views = await gateway.accounts("acme", ids);
  const trial = await gateway.trialBalance("acme");
  state.isOver = true;
  for (const shard of stores.keys()) cluster.shard(shard).host.control({ type: "stop" });
  await lives;
  return {
    asked,
    logs: stores.map((store, shard) => recordsOf(store, shard).map(({ record }) => record)),
    balances: new Map(views.map(({ id, posted }) => [id, posted])),
    trial,
    crashes: state.crashes,
  };
}

function never(): never {
  throw new Error("the shards have ended before the history did");
}

function disturb(
  random: (below: number) => number,
  cluster: MemoryCluster,
  stores: readonly MemoryStore[],
): void {
  const dice = random(40);
  const shard = random(stores.length);
  const faults: readonly AppendFault["kind"][] = ["drop_answer", "fail_before", "refuse", "duplicate"];
  if (dice < 2) stores[shard]?.inject({ kind: faults[random(faults.length)] } as AppendFault);
  // As an operator would restart it.
  else if (dice === 2) cluster.running(shard)?.host.control({ type: "stop" });
}

function commandOf(random: (below: number) => number, ids: readonly string[], key: string): Command {
  const pick = () => ids[random(ids.length)] as string;
  const dice = random(20);
  const id = pick();
  if (dice === 0) return keyed({ ...base, op: "set_account_status", id, action: "close" }, key);
  if (dice === 1) return keyed({ ...base, op: "update_account", id, ceiling: 10 + random(40) }, key);
  const debit = dice === 2 ? "@issuance" : id;
  const credit = dice === 3 ? "@sink" : pick();
  return transfer(debit, credit, 1 + random(12), key);
}

const base = { partner: "acme", key: null, fingerprint: 0 } as const;

function keyed<C extends Command>(command: C, key: string): C {
  return { ...command, key };
}

/** Asks again with the same key until there is an answer. */
async function insist(cluster: MemoryCluster, command: Command): Promise<Outcome> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      const answer = await cluster.gateway.submit(command);
      if (!("outcome" in answer)) throw new Error(`refused: ${answer.refused}`);
      return answer.outcome;
    } catch (error) {
      if (!(error instanceof OperatingError) || performance.now() > untilMs) throw error;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Nothing is under way between the shards any more. */
async function atRest(cluster: MemoryCluster): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      const { assets } = await cluster.gateway.trialBalance("acme");
      if (Object.values(assets).every(({ inTransit }) => inTransit === 0n)) return;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
    }
    if (performance.now() > untilMs) throw new Error("money stays in transit");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
