/**
 * Measures the cost of the shape of a load or of the server: a hot account compared with many, cross-shard transfers
 * with those within a shard, holds and several postings with plain transfers, processes with threads.
 */
import { join } from "node:path";
import { shardOfVnode, vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import { type Arm, measureLoads } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { accountId, Daybook, type DaybookOptions } from "./daybook.ts";
import { writeBodies } from "./loads/load.ts";
import { CONNECTIONS } from "./options.ts";
import { FUNDS } from "./rivals/owner-transfers.ts";

/** A prime, so that adjacent requests have no account in common. */
const STRIDE = 7919;
const BODIES = 5_000;
const PARTNER = "bench";

export async function measureShapes(bench: BenchContext): Promise<void> {
  await measureHot(bench);
  await measureAcross(bench);
  await measureProcesses(bench);
}

async function measureHot(bench: BenchContext): Promise<void> {
  const { accounts, shards } = bench.options;
  if (!bench.wants("hot")) return;
  const folder = bench.newFolder();
  const daybook = await startFunded(folder, accounts, { shards });
  const arms = [
    armOf(folder, "hot", daybook, salesBodies(1)),
    armOf(folder, "spread", daybook, salesBodies(accounts)),
  ] as const;
  await measureLoads(bench, { name: "hot", connections: CONNECTIONS, arms });
  await daybook.stop();
}

function armOf(folder: string, name: string, subject: Daybook, bodies: readonly string[]): Arm {
  return { name, subject, bodies: writeBodies(join(folder, `${name}.bodies`), bodies) };
}

/** Transfers from this many accounts in turn. */
export function salesBodies(accounts: number): string[] {
  return Array.from({ length: BODIES }, (_, i) => body(accountId((i * STRIDE) % accounts), "@sales"));
}

/** All that need two shards or more. */
async function measureAcross(bench: BenchContext): Promise<void> {
  const { accounts } = bench.options;
  if (!["across", ...COMPOUND_SHAPES].some((name) => bench.wants(name))) return;
  const shards = Math.max(2, bench.options.shards ?? 2);
  const folder = bench.newFolder();
  const daybook = await startFunded(folder, accounts, { shards });
  const arm = (name: string, bodies: readonly string[]) => armOf(folder, name, daybook, bodies);
  const within = arm("within", acrossBodies(accounts, shards, false));
  const across = arm("across", acrossBodies(accounts, shards, true));
  await measureLoads(bench, { name: "across", connections: CONNECTIONS, arms: [across, within] });
  const plain = arm("plain", compoundBodies(accounts, shards, "plain"));
  for (const shape of COMPOUND_SHAPES) {
    const compound = arm(shape, compoundBodies(accounts, shards, shape));
    await measureLoads(bench, { name: shape, connections: CONNECTIONS, arms: [compound, plain] });
  }
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

async function measureProcesses(bench: BenchContext): Promise<void> {
  const { accounts, shards } = bench.options;
  if (!bench.wants("processes")) return;
  const folder = bench.newFolder();
  const start = async (isolation: "processes" | "threads") => {
    const daybook = await startFunded(join(folder, isolation), accounts, { shards, isolation });
    return armOf(folder, isolation, daybook, salesBodies(accounts));
  };
  const arms = [await start("processes"), await start("threads")] as const;
  await measureLoads(bench, { name: "processes", connections: CONNECTIONS, arms });
  for (const { subject } of arms) await subject.stop();
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
