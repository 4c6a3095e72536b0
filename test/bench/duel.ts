/**
 * Daybook on Redis and a rival alternate under the same requests. Each run of the rival is between two of Daybook and
 * is compared with their mean, so that other load on the machine affects both.
 */
import { join } from "node:path";
import { type BenchContext, warmUpSeconds } from "./bench-context.ts";
import { connectionsOf } from "./ceilings.ts";
import { Contender, type Duty, type Turn } from "./contender.ts";
import { SERVER_SETTINGS } from "./daybook.ts";
import { startDaybookSubject } from "./daybook-subject.ts";
import { writeBodies } from "./load.ts";
import type { Settings } from "./measurement.ts";
import type { Options } from "./options.ts";
import { ownerBatchBodies, ownerSingleBodies, ownersOf } from "./owner-transfers.ts";
import { RivalServer, type Store } from "./rival-server.ts";

export type Challenge = Readonly<{
  startStore(folder: string): Promise<Store>;
  loads: readonly ("single" | "batch")[];
  /** Candidates for the connections from its server to the store; the best one is used for singles. */
  pools: readonly number[];
  /** Candidates for the number of callers with batches; the best one is used. */
  batchConnections: readonly number[];
  /** Connections to the store for batches: a number, or one per caller, if a batch keeps one busy. */
  batchPool: number | "caller";
  settings: Settings;
}>;

const BATCH = 1000;
const DAYBOOK_BATCH_CONNECTIONS = [1, 2, 4, 8, 16, 32] as const;
/** Warm-up and duration of the trial of each candidate. */
const SCAN_SECONDS = 2;

type Setup = Readonly<{ connections: number; pool: number }>;
type Pair = Readonly<{
  bench: BenchContext;
  rival: RivalServer;
  contenders: Readonly<{ rival: Contender; daybook: Contender }>;
}>;

export async function measureDuels(bench: BenchContext, prefix: string, challenge: Challenge): Promise<void> {
  const { loads, pools, batchConnections, batchPool } = challenge;
  const plan = { rival: prefix, challenge };
  for (const connections of loads.includes("single") ? connectionsOf(bench.options) : []) {
    const name = `${prefix}.single.${connections}`;
    if (!bench.wants(name)) continue;
    const setups = pools.map((pool) => ({ connections, pool }));
    await duel(bench, name, { ...plan, size: 1, setups, daybookConnections: [connections] });
  }
  const name = `${prefix}.batch.${BATCH}`;
  if (!loads.includes("batch") || !bench.wants(name)) return;
  const setups = batchConnections.map((connections) => ({
    connections,
    pool: batchPool === "caller" ? connections : batchPool,
  }));
  await duel(bench, name, { ...plan, size: BATCH, setups, daybookConnections: DAYBOOK_BATCH_CONNECTIONS });
}

type Plan = Readonly<{
  rival: string;
  challenge: Challenge;
  size: number;
  setups: readonly Setup[];
  daybookConnections: readonly number[];
}>;

async function duel(bench: BenchContext, name: string, plan: Plan): Promise<void> {
  const { accounts, shards } = bench.options;
  const { challenge, size } = plan;
  const folder = bench.newFolder();
  const owners = ownersOf(accounts);
  const texts = size === 1 ? ownerSingleBodies(owners) : ownerBatchBodies(size, owners);
  const bodies = writeBodies(join(folder, "bodies"), texts);
  const path = size === 1 ? "/v1/transfers" : "/v1/transfers/batch";
  const duty: Duty = { path, bodies, size, owners };
  const daybook = await startDaybookSubject(join(folder, "daybook"), owners, shards);
  const rival = await RivalServer.start(await challenge.startStore(folder), owners);
  const contenders = {
    rival: new Contender(bench, rival, duty),
    daybook: new Contender(bench, daybook, duty),
  };
  const pair: Pair = { bench, rival, contenders };
  const ours = await bestConnections(pair, plan.daybookConnections);
  const theirs = await bestSetup(pair, plan.setups);
  await compare(pair, name, plan, ours, theirs);
  await contenders.rival.verify();
  await contenders.daybook.verify();
  await Promise.all([daybook.stop(), rival.stop()]);
}

/** A quick run uses the middle one. */
function candidatesOf<T>(all: readonly T[], { quick }: Options): readonly T[] {
  return quick ? all.slice(all.length >> 1, (all.length >> 1) + 1) : all;
}

/** The fastest candidate; a single candidate is not tried. */
async function best<T>(candidates: readonly T[], rateOf: (candidate: T) => Promise<number>): Promise<T> {
  let fastest = { candidate: candidates[0] as T, rate: 0 };
  for (const candidate of candidates.length > 1 ? candidates : []) {
    const rate = await rateOf(candidate);
    if (rate > fastest.rate) fastest = { candidate, rate };
  }
  return fastest.candidate;
}

async function bestConnections({ bench, contenders }: Pair, all: readonly number[]): Promise<number> {
  const candidates = candidatesOf(all, bench.options);
  // Warm up first: otherwise the compiler's work would only affect the first candidate.
  await contenders.daybook.run(candidates[0] as number, warmUpSeconds(bench.options));
  return best(candidates, (connections) => contenders.daybook.tryRun(connections, SCAN_SECONDS));
}

/** Each is tried with a new server, so that all are equally warm. */
async function bestSetup({ bench, rival, contenders }: Pair, all: readonly Setup[]): Promise<Setup> {
  const chosen = await best(candidatesOf(all, bench.options), async ({ connections, pool }) => {
    await rival.serve(pool);
    await contenders.rival.run(connections, SCAN_SECONDS);
    const rate = await contenders.rival.tryRun(connections, SCAN_SECONDS);
    bench.say(`  ${connections} connections, ${pool} to the store: ${Math.round(rate)} transfers/s`);
    return rate;
  });
  await rival.serve(chosen.pool);
  await contenders.rival.run(chosen.connections, warmUpSeconds(bench.options));
  return chosen;
}

async function compare({ bench, contenders }: Pair, name: string, plan: Plan, ours: number, theirs: Setup) {
  const { runs, seconds, accounts } = bench.options;
  const daybook: Turn[] = [await contenders.daybook.run(ours, seconds)];
  const rival: Turn[] = [];
  const fsyncUs: number[] = [];
  for (let i = 0; i < runs; i++) {
    fsyncUs.push(bench.fsyncUs());
    rival.push(await contenders.rival.run(theirs.connections, seconds));
    daybook.push(await contenders.daybook.run(ours, seconds));
  }
  const common = { size: plan.size, accounts, seconds };
  const emitTurns = (of: string, turns: readonly Turn[], settings: Settings) => {
    const emit = (suffix: string, unit: string, values: number[]) =>
      bench.emit({ name: `${of}${suffix}`, unit, settings, runs: values, fsyncUs });
    emit(
      "",
      "transfers/s",
      turns.map(({ rate }) => rate),
    );
    emit(
      ".p99",
      "ms",
      turns.map(({ p99Ms }) => p99Ms),
    );
    if (turns.every(({ cpuUs }) => cpuUs > 0))
      emit(
        ".cpu",
        "µs of CPU per transfer",
        turns.map(({ cpuUs }) => cpuUs),
      );
  };
  const { connections, pool } = theirs;
  emitTurns(name, rival, { ...plan.challenge.settings, ...common, connections, pool });
  emitTurns(`${name}.daybook`, daybook, {
    ...SERVER_SETTINGS,
    ...common,
    backend: "redis",
    connections: ours,
  });
  const ratios = rival.map(({ rate }, i) => {
    const before = (daybook[i] as Turn).rate;
    const after = (daybook[i + 1] as Turn).rate;
    return (before + after) / 2 / rate;
  });
  bench.emit({ name: `${name}.ratio`, unit: `daybook ÷ ${plan.rival}`, settings: common, runs: ratios });
}
