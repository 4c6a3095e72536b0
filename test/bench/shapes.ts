/**
 * Measures the cost of the shape of a load or of the server: a hot account compared with many, cross-shard transfers
 * with those within a shard, holds and several postings with plain transfers, processes with threads.
 */
import { join } from "node:path";
import { shardOfVnode, vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import { type Arm, compare } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { connectionsOf } from "./ceilings.ts";
import { accountId, Daybook, type DaybookOptions } from "./daybook.ts";
import { writeBodies } from "./load.ts";
import { FUNDS } from "./owner-transfers.ts";

/** A prime, so that adjacent requests have no account in common. */
const STRIDE = 7919;
const BODIES = 5_000;
const PARTNER = "bench";

export async function measureShapes(bench: BenchContext): Promise<void> {
  for (const connections of connectionsOf(bench.options)) {
    if (bench.wants(`hot.${connections}`)) await measureHot(bench, connections);
    if (bench.wants(`across.${connections}`)) await measureAcross(bench, connections);
    for (const shape of COMPOUND_SHAPES) {
      if (bench.wants(`${shape}.${connections}`)) await measureCompound(bench, shape, connections);
    }
    if (bench.wants(`processes.${connections}`)) await measureProcesses(bench, connections);
  }
}

async function measureHot(bench: BenchContext, connections: number): Promise<void> {
  const { accounts, shards } = bench.options;
  const folder = bench.newFolder();
  const daybook = await startFunded(folder, accounts, { shards });
  const [hot, spread] = [1, accounts].map((spreadOver, n) => {
    const bodies = writeBodies(join(folder, `${n}`), salesBodies(spreadOver));
    return { name: n === 0 ? "hot" : "spread", daybook, bodies };
  });
  await compare(bench, `hot.${connections}`, connections, [hot as Arm, spread as Arm]);
  await daybook.stop();
}

/** Transfers from this many accounts in turn. */
export function salesBodies(accounts: number): string[] {
  return Array.from({ length: BODIES }, (_, i) => body(accountId((i * STRIDE) % accounts), "@sales"));
}

async function measureAcross(bench: BenchContext, connections: number): Promise<void> {
  const { accounts } = bench.options;
  const shards = Math.max(2, bench.options.shards ?? 2);
  const folder = bench.newFolder();
  const daybook = await startFunded(folder, accounts, { shards });
  const arms = [true, false].map((across) => {
    const name = across ? "across" : "within";
    return { name, daybook, bodies: writeBodies(join(folder, name), acrossBodies(accounts, shards, across)) };
  });
  await compare(bench, `across.${connections}`, connections, arms as [Arm, Arm]);
  await daybook.stop();
}

/** Transfers between accounts: to the next shard if `across`, otherwise within one. */
export function acrossBodies(accounts: number, shards: number, across: boolean): string[] {
  const ids = Array.from({ length: accounts }, (_, i) => accountId(i));
  const shardOf = (id: string) => shardOfVnode(vnodeOfAccount(PARTNER, id), shards);
  const byShard = Map.groupBy(ids, shardOf);
  return Array.from({ length: BODIES }, (_, i) => {
    const debit = ids[(i * STRIDE) % accounts] as string;
    const there = byShard.get((shardOf(debit) + (across ? 1 : 0)) % shards) as string[];
    const credit = there[(i * STRIDE + 1) % there.length] as string;
    return body(debit, credit === debit ? (there[(i * STRIDE + 2) % there.length] as string) : credit);
  });
}

/** A hold; four postings on one shard; two debits on two shards, one of which is reserved first. */
const COMPOUND_SHAPES = ["pending", "postings", "debits"] as const;
export type CompoundShape = (typeof COMPOUND_SHAPES)[number];

async function measureCompound(
  bench: BenchContext,
  shape: CompoundShape,
  connections: number,
): Promise<void> {
  const { accounts } = bench.options;
  const shards = Math.max(2, bench.options.shards ?? 2);
  const folder = bench.newFolder();
  const daybook = await startFunded(folder, accounts, { shards });
  const arms = ([shape, "plain"] as const).map((name) => {
    const bodies = writeBodies(join(folder, name), compoundBodies(accounts, shards, name));
    return { name, daybook, bodies };
  });
  await compare(bench, `${shape}.${connections}`, connections, arms as [Arm, Arm]);
  await daybook.stop();
}

/** Requests of one of the shapes, or plain transfers from the same accounts. */
export function compoundBodies(accounts: number, shards: number, shape: CompoundShape | "plain"): string[] {
  const ids = Array.from({ length: accounts }, (_, i) => accountId(i));
  const byShard = Map.groupBy(ids, (id) => shardOfVnode(vnodeOfAccount(PARTNER, id), shards));
  const on = (shard: number, i: number) => {
    const there = byShard.get(shard % shards) as string[];
    return there[(i * STRIDE) % there.length] as string;
  };
  const asked = {
    plain: (i: number) => posting(on(i, i), "@sales"),
    pending: (i: number) => ({ ...posting(on(i, i), "@sales"), pending: true }),
    postings: (i: number) => ({
      postings: [1, 2, 3, 4].map((n) => posting(on(i, i), on(i, i + n))),
    }),
    debits: (i: number) => ({ postings: [posting(on(i, i), "@sales"), posting(on(i + 1, i), "@sales")] }),
  }[shape];
  return Array.from({ length: BODIES }, (_, i) => JSON.stringify(asked(i)));
}

async function measureProcesses(bench: BenchContext, connections: number): Promise<void> {
  const { accounts, shards } = bench.options;
  const folder = bench.newFolder();
  const arms: Arm[] = [];
  for (const isolation of ["processes", "threads"] as const) {
    const daybook = await startFunded(join(folder, isolation), accounts, { shards, isolation });
    const bodies = writeBodies(join(folder, `${isolation}.bodies`), salesBodies(accounts));
    arms.push({ name: isolation, daybook, bodies });
  }
  await compare(bench, `processes.${connections}`, connections, arms as [Arm, Arm]);
  for (const { daybook } of arms) await daybook.stop();
}

function posting(debit: string, credit: string): object {
  return { debit_account: debit, credit_account: credit, amount: 1 };
}

function body(debit: string, credit: string): string {
  return JSON.stringify(posting(debit, credit));
}

/** Funds all accounts with more than any run can spend. */
export async function startFunded(
  folder: string,
  accounts: number,
  options: Omit<DaybookOptions, "folder" | "backend"> & Partial<Pick<DaybookOptions, "backend">>,
): Promise<Daybook> {
  const daybook = await Daybook.start({ folder, backend: "redis", ...options });
  await daybook.createAccounts(accounts);
  await daybook.fund(
    Array.from({ length: accounts }, (_, i) => accountId(i)),
    FUNDS,
  );
  return daybook;
}
