/** Daybook on Redis and a rival alternate under the same requests. */
import { join } from "node:path";
import { type Arm, measureLoads, runArm } from "../arms.ts";
import type { BenchContext } from "../bench-context.ts";
import { type Bodies, RefusedLoad, writeBodies } from "../loads/load.ts";
import type { Settings } from "../measurement.ts";
import { CONNECTIONS, type Options } from "../options.ts";
import { startWithOwners, totalsOf, verifyTotals } from "./owner-books.ts";
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
/** With these Daybook is fastest. */
const DAYBOOK_BATCH_CONNECTIONS = 32;
/** Warm-up and duration of the trial of each candidate. */
const SCAN_SECONDS = 1;

type Setup = Readonly<{ connections: number; pool: number }>;

export async function measureDuels(bench: BenchContext, prefix: string, challenge: Challenge): Promise<void> {
  const { loads, pools, batchConnections, batchPool } = challenge;
  if (loads.includes("single")) {
    const setupsOf = (connections: number) => pools.map((pool) => ({ connections, pool }));
    await duel(bench, `${prefix}.single`, challenge, { size: 1, connections: CONNECTIONS, setupsOf });
  }
  if (loads.includes("batch")) {
    const setups = batchConnections.map((connections) => {
      return { connections, pool: batchPool === "caller" ? connections : batchPool };
    });
    const plan = { size: BATCH, connections: [DAYBOOK_BATCH_CONNECTIONS], setupsOf: () => setups };
    await duel(bench, `${prefix}.batch`, challenge, plan);
  }
}

type Plan = Readonly<{
  size: number;
  /** Of Daybook. */
  connections: readonly number[];
  /** Candidates of the rival beside so many connections of Daybook. */
  setupsOf: (connections: number) => readonly Setup[];
}>;

async function duel(bench: BenchContext, name: string, challenge: Challenge, plan: Plan): Promise<void> {
  const { accounts, shards } = bench.options;
  const { size, setupsOf } = plan;
  const wanted = plan.connections.filter((connections) => bench.wants(`${name}.${connections}`));
  if (wanted.length === 0) return;
  const folder = bench.newFolder();
  const owners = ownersOf(accounts);
  const daybook = await startWithOwners(join(folder, "daybook"), owners, shards);
  const rival = await RivalServer.start(await challenge.startStore(folder), owners);
  const bodies = bodiesOf(join(folder, "bodies"), owners, size);
  const ours = { ...bodies, name: "daybook", subject: daybook, size, answered: { items: 0, unanswered: 0 } };
  const theirs = { ...bodies, name: "rival", subject: rival, size, answered: { items: 0, unanswered: 0 } };
  for (const connections of wanted) {
    const best = await bestSetup(bench, rival, theirs, setupsOf(connections));
    await rival.serve(best.pool);
    const settings = { ...challenge.settings, size, pool: best.pool };
    const arms = [ours, { ...theirs, connections: best.connections }] as const;
    await measureLoads(bench, { name, connections: [connections], arms, settings });
  }
  verifyTotals(await totalsOf(daybook, owners), owners, ours.answered);
  verifyTotals(await rival.totals(), owners, theirs.answered);
  await Promise.all([daybook.stop(), rival.stop()]);
}

function bodiesOf(file: string, owners: number, size: number): Readonly<{ path: string; bodies: Bodies }> {
  if (size === 1) return { path: "/v1/transfers", bodies: writeBodies(file, ownerSingleBodies(owners)) };
  return { path: "/v1/transfers/batch", bodies: writeBodies(file, ownerBatchBodies(size, owners)) };
}

/** The fastest setup. Each is tried with a new server, so that all are equally warm; a single one is not tried. */
async function bestSetup(
  bench: BenchContext,
  rival: RivalServer,
  arm: Arm,
  all: readonly Setup[],
): Promise<Setup> {
  const candidates = candidatesOf(all, bench.options);
  let fastest = { setup: candidates[0] as Setup, rate: 0 };
  for (const setup of candidates.length > 1 ? candidates : []) {
    const { connections, pool } = setup;
    await rival.serve(pool);
    const rate = await tryRate(bench, arm, connections);
    bench.say(`  ${connections} connections, ${pool} to the store: ${Math.round(rate)} transfers/s`);
    if (rate > fastest.rate) fastest = { setup, rate };
  }
  return fastest.setup;
}

/** A quick run uses the middle one. */
function candidatesOf<T>(all: readonly T[], { quick }: Options): readonly T[] {
  return quick ? all.slice(all.length >> 1, (all.length >> 1) + 1) : all;
}

/** The rate with a number of connections that may be too high for the rival: it is then 0. */
async function tryRate(bench: BenchContext, arm: Arm, connections: number): Promise<number> {
  try {
    await runArm(bench, arm, connections, SCAN_SECONDS);
    return (await runArm(bench, arm, connections, SCAN_SECONDS)).rate;
  } catch (failure) {
    if (failure instanceof RefusedLoad) return 0;
    throw failure;
  }
}
