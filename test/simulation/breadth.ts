/**
 * Which real parts take the place of models in a run, and what goes wrong with them. Drawn from a generator of its own, so
 * that what the swarm of a seed does stays as it is.
 */
import { Random } from "../support/random.ts";
import { REDIS_TROUBLES, type RedisEvents, type RedisTrouble, SimRedis } from "./sim-redis.ts";
import { SimStore } from "./sim-log.ts";
import { NATURE, type VirtualClock } from "./virtual-clock.ts";

const SALT = 0x5eed_b4ea;

export type Breadth = Readonly<{
  /** The real `RedisStream` over a simulated Redis. */
  isRedis: boolean;
  redisTroubles: Readonly<Record<RedisTrouble, number>>;
  /** Between two troubles of a Redis, at most; 0: none. */
  redisTroubleMs: number;
}>;

export function drawBreadth(seed: number): Breadth {
  const random = new Random(seed ^ SALT);
  const isRedis = random.chance(0.35);
  const some = <K extends string>(names: readonly K[]) =>
    Object.fromEntries(
      names.map((name) => [name, random.chance(0.5) ? random.fraction() ** 2 : 0]),
    ) as Record<K, number>;
  return {
    isRedis,
    redisTroubles: some(REDIS_TROUBLES),
    redisTroubleMs: random.oneOf([0, 800, 2_500, 8_000]),
  };
}

export function newStore({ isRedis }: Breadth, name: string, events: RedisEvents): SimStore {
  return isRedis ? new SimRedis(name, events) : new SimStore(name, events);
}

/** What goes wrong with a Redis by itself, until `isHealing`. */
export function troubleRedis(
  breadth: Breadth,
  stores: readonly SimStore[],
  { random, clock }: Readonly<{ random: Random; clock: VirtualClock }>,
  isHealing: () => boolean,
): void {
  const { redisTroubles, redisTroubleMs } = breadth;
  const redis = stores.filter((store) => store instanceof SimRedis);
  const names = REDIS_TROUBLES.filter((name) => redisTroubles[name] > 0);
  if (redis.length === 0 || redisTroubleMs === 0 || names.length === 0) return;
  clock.after(NATURE, redisTroubleMs * 2 * random.fraction(), () => {
    if (isHealing()) return;
    const sum = names.reduce((total, name) => total + redisTroubles[name], 0);
    let dice = random.fraction() * sum;
    const trouble = names.find((name) => (dice -= redisTroubles[name]) < 0) ?? "cut_connections";
    random.oneOf(redis).strike(trouble);
    troubleRedis(breadth, stores, { random, clock }, isHealing);
  });
}

export function healRedis(stores: readonly SimStore[]): void {
  for (const store of stores) if (store instanceof SimRedis) store.heal();
}
