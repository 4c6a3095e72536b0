/**
 * Compares this checkout's server with another revision's under the same loads, in alternating rounds. Both servers
 * run all the time, each with its own Redis; only one of them has load. A ratio is this checkout's value divided by
 * the other one's in the same round: for rates, higher is better; for CPU time, lower.
 */
import { join } from "node:path";
import { inParallel } from "../support/client.ts";
import { measureLoads } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import type { Checkout } from "./checkout.ts";
import type { Backend, Daybook } from "./daybook.ts";
import { batchBodies, type Encoding, MEDIA_TYPES, singleBodies } from "./loads/bodies.ts";
import { type Bodies, writeBodies } from "./loads/load.ts";
import { ACTS, writeActs } from "./programmes.ts";
import { acrossBodies, compoundBodies, salesBodies, startFunded } from "./shapes.ts";

/** The configuration of both servers of a pair. */
type Pair = Readonly<{ name: string; backend: Backend; shards: number }>;

type AgainstLoad = Readonly<{
  name: string;
  connections: number;
  path?: string;
  contentType?: string;
  /** Transfers in one request; 1 when absent. */
  size?: number;
  keyed?: boolean;
  write: (file: string, accounts: number) => Bodies;
}>;

const BATCH = 1000;
const SHARDS = 2;

const batch = (encoding: Encoding, connections: number): AgainstLoad => ({
  name: `batch.${encoding}`,
  connections,
  path: "/v1/transfers/batch",
  contentType: MEDIA_TYPES[encoding],
  size: BATCH,
  write: (file, accounts) => writeBodies(file, batchBodies(encoding, BATCH, accounts)),
});

const single = (connections: number, keyed: boolean): AgainstLoad => ({
  name: keyed ? "keyed" : "single",
  connections,
  keyed,
  write: (file, accounts) => writeBodies(file, singleBodies(accounts)),
});

const shape = (name: string, textsOf: (accounts: number) => string[]): AgainstLoad => ({
  name,
  connections: 256,
  write: (file, accounts) => writeBodies(file, textsOf(accounts)),
});

const act = (name: string): AgainstLoad => ({
  name,
  connections: 256,
  write: (file, accounts) => {
    const found = ACTS.find((each) => each.name === name);
    if (found === undefined) throw new RangeError(`no act is called ${name}`);
    return writeActs(file, found, found.parties(accounts));
  },
});

/** The rows of BENCHMARKS.md that are ratios or rates of the server under load. */
const PLAN: readonly (readonly [Pair, readonly AgainstLoad[]])[] = [
  [
    { name: "redis", backend: "redis", shards: 1 },
    [
      single(64, false),
      single(256, false),
      single(64, true),
      single(256, true),
      batch("json", 8),
      batch("json", 32),
      batch("msgpack", 8),
      shape("hot", () => salesBodies(1)),
      act("accrual"),
      act("sale"),
    ],
  ],
  [
    { name: "redis.shards", backend: "redis", shards: SHARDS },
    [
      shape("across", (accounts) => acrossBodies(accounts, SHARDS, true)),
      shape("pending", (accounts) => compoundBodies(accounts, SHARDS, "pending")),
      shape("postings", (accounts) => compoundBodies(accounts, SHARDS, "postings")),
      shape("debits", (accounts) => compoundBodies(accounts, SHARDS, "debits")),
    ],
  ],
  [
    { name: "sqlite", backend: "sqlite", shards: 1 },
    [single(256, false), single(256, true), batch("json", 8)],
  ],
];

export async function measureAgainst(bench: BenchContext, other: Checkout): Promise<void> {
  for (const [pair, loads] of PLAN) {
    const wanted = loads.filter(({ name, connections }) =>
      bench.wants(`against.${pair.name}.${name}.${connections}`),
    );
    if (wanted.length > 0) await measurePair(bench, pair, wanted, other);
  }
}

async function measurePair(
  bench: BenchContext,
  { name, backend, shards }: Pair,
  loads: readonly AgainstLoad[],
  { folder: checkout, revision }: Checkout,
): Promise<void> {
  const { accounts } = bench.options;
  const folder = bench.newFolder();
  const start = (arm: string, options: Readonly<{ checkout?: string }>) =>
    startFunded(join(folder, arm), accounts, { backend, shards, ...options });
  const servers = [
    { arm: "this", daybook: await start("this", {}) },
    { arm: revision, daybook: await start("other", { checkout }) },
  ] as const;
  for (const load of loads) {
    const { write, connections, size = 1 } = load;
    for (const { daybook } of servers) await prepare(daybook, load, accounts);
    const bodies = write(join(folder, load.name), accounts);
    const armOf = ({ arm, daybook }: (typeof servers)[number]) => ({
      ...load,
      name: arm,
      subject: daybook,
      bodies,
    });
    await measureLoads(bench, {
      name: `against.${name}.${load.name}`,
      connections: [connections],
      arms: [armOf(servers[0]), armOf(servers[1])],
      settings: { backend, shards, size },
    });
  }
  for (const { daybook } of servers) await daybook.stop();
}

/** Creates the members and sellers that acts need. */
async function prepare(daybook: Daybook, { name }: AgainstLoad, accounts: number): Promise<void> {
  const found = ACTS.find((each) => each.name === name);
  if (found !== undefined)
    await inParallel(Array(found.parties(accounts)).keys(), (i) => found.prepare(daybook, i));
}
