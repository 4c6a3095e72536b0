/**
 * Draws which real parts replace models in a run (Redis client, archive, programmes), and their faults. It has its own
 * random generator, so that the swarm of a seed does not depend on it.
 */
import { Random } from "../support/random.ts";
import { type ClusterPlan, drawClusterPlan } from "./cluster-nemesis.ts";
import { checkFeeds } from "./event-oracles.ts";
import type { Replayed } from "./log-oracles.ts";
import { PROGRAMMES } from "./programmes/programme-workload.ts";
import { SimArchive } from "./sim-archive.ts";
import { SimCluster } from "./sim-cluster.ts";
import type { Oracle } from "./sim-context.ts";
import { type LogStore, SimStore } from "./sim-log.ts";
import { type RealArchiveWorld, SimRealArchive } from "./sim-real-archive.ts";
import { REDIS_TROUBLES, type RedisEvents, type RedisTrouble, SimRedis } from "./sim-redis.ts";
import { checkDamagedArchive, checkStatements } from "./statement-oracle.ts";
import { ENVIRONMENT, type VirtualClock } from "./virtual-clock.ts";

const SALT = 0x5eed_b4ea;
const CLUSTER_SALT = 0x5eed_c105;

export type Breadth = Readonly<{
  /** The real `RedisStream` over a simulated Redis. */
  isRedis: boolean;
  redisTroubles: Readonly<Record<RedisTrouble, number>>;
  /** The longest time between two faults of a Redis; 0: no faults. */
  redisTroubleMs: number;
  /** The real `ClusterStream` over a simulated Redis Cluster. */
  isCluster: boolean;
  clusterPlan: ClusterPlan;
  /** The real archive over files. */
  isArchived: boolean;
  /** Whether the archive is damaged after everything else was judged. */
  isArchiveDamaged: boolean;
  /** The relative rate of requests for each programme. */
  programmes: Readonly<Record<(typeof PROGRAMMES)[number], number>>;
  /** The share of client requests that go to programmes in any case. */
  programmeShare: number;
}>;

export function drawBreadth(seed: number): Breadth {
  const random = new Random(seed ^ SALT);
  const clusterRandom = new Random(seed ^ CLUSTER_SALT);
  const isRedis = random.chance(0.35);
  const some = <K extends string>(names: readonly K[]) =>
    Object.fromEntries(
      names.map((name) => [name, random.chance(0.5) ? random.fraction() ** 2 : 0]),
    ) as Record<K, number>;
  const redisTroubles = some(REDIS_TROUBLES);
  // Alone sometimes, because broken connections hide faults that take long to be noticed.
  const only = random.chance(0.3) ? random.oneOf(REDIS_TROUBLES) : undefined;
  if (only !== undefined) for (const name of REDIS_TROUBLES) redisTroubles[name] = name === only ? 1 : 0;
  return {
    isRedis,
    redisTroubles,
    redisTroubleMs: random.oneOf([0, 800, 2_500, 8_000]),
    isCluster: !isRedis && clusterRandom.chance(0.25),
    clusterPlan: drawClusterPlan(clusterRandom),
    isArchived: random.chance(0.25),
    isArchiveDamaged: random.chance(0.2),
    programmes: { ...some(PROGRAMMES), [random.oneOf(PROGRAMMES)]: 1 },
    programmeShare: random.chance(0.35) ? 0.4 + 0.5 * random.fraction() : 0,
  };
}

export function newStore({ isRedis, isCluster }: Breadth, name: string, events: RedisEvents): LogStore {
  if (isCluster) return new SimCluster(name, events);
  return isRedis ? new SimRedis(name, events) : new SimStore(name, events);
}

export function newArchive({ isArchived }: Breadth, world: RealArchiveWorld): SimArchive {
  const { shards, clock, network } = world;
  return isArchived ? new SimRealArchive(world) : new SimArchive(shards, clock, network);
}

/** Judges the answers of a real archive, and then of a damaged one. */
export function checkArchive(
  archive: SimArchive,
  { isArchiveDamaged }: Breadth,
  logs: readonly Replayed[],
  partners: readonly string[],
  random: Random,
  fail: (oracle: Oracle, message: string) => void,
): void {
  if (!(archive instanceof SimRealArchive)) return;
  checkStatements(logs, archive.answers, partners, random, fail);
  checkFeeds(logs, archive.answers, partners, random, fail);
  if (isArchiveDamaged) checkDamagedArchive(archive, logs, partners, random, fail);
}

/** Injects Redis faults at random times, until `isHealing`. */
export function troubleRedis(
  breadth: Breadth,
  stores: readonly LogStore[],
  { random, clock }: Readonly<{ random: Random; clock: VirtualClock }>,
  isHealing: () => boolean,
): void {
  const { redisTroubles, redisTroubleMs } = breadth;
  const redis = stores.filter((store) => store instanceof SimRedis);
  const names = REDIS_TROUBLES.filter((name) => redisTroubles[name] > 0);
  if (redis.length === 0 || redisTroubleMs === 0 || names.length === 0) return;
  clock.after(ENVIRONMENT, redisTroubleMs * 2 * random.fraction(), () => {
    if (isHealing()) return;
    const sum = names.reduce((total, name) => total + redisTroubles[name], 0);
    let dice = random.fraction() * sum;
    const trouble = names.find((name) => (dice -= redisTroubles[name]) < 0) ?? "cut_connections";
    random.oneOf(redis).strike(trouble);
    troubleRedis(breadth, stores, { random, clock }, isHealing);
  });
}

export function healRedis(stores: readonly LogStore[]): void {
  for (const store of stores) if (store instanceof SimRedis || store instanceof SimCluster) store.heal();
}
