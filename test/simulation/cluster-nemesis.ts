/** Injects the faults of Redis Clusters: failovers that lose entries, primaries that were replaced, slow replicas. */
import type { Random } from "../support/random.ts";
import { MOMENTS, type Moment } from "./moments.ts";
import type { CarriedShard } from "./sim-carrier.ts";
import { type Former, SimCluster } from "./sim-cluster.ts";
import type { SimContext } from "./sim-context.ts";
import type { SimServer } from "./sim-server.ts";
import type { Swarm } from "./swarm.ts";
import { ENVIRONMENT, type Owner } from "./virtual-clock.ts";

export const CLUSTER_TROUBLES = [
  "fail_over",
  "fail_over_with_owner",
  "lose_suffix",
  "replace_primary",
  "replace_primary_and_owner",
  "replace_primary_of_paused_owner",
  "lose_claim",
  "slow_replicas",
  "hold_replica",
  "stall_primary",
  "cut_connections",
] as const;
export type ClusterTrouble = (typeof CLUSTER_TROUBLES)[number];

/** The faults of the clusters in a run. */
export type ClusterPlan = Readonly<{
  /** Relative rates. */
  troubles: Readonly<Record<ClusterTrouble, number>>;
  /** The longest time between two faults; 0: none. */
  troubleMs: number;
  /** A fault with this probability each time that a shard reaches the moment. */
  ambush: Readonly<{ moment: Moment; trouble: ClusterTrouble; probability: number }> | undefined;
  /** What such a situation needs of the rest of the run. */
  swarm: Partial<Swarm>;
}>;

const FORMERS: readonly Former[] = ["crashes", "serves_on", "serves_on_with_a_replica"];
const TROUBLE_MS_MAX = 2_500;
const LAG_MS_MAX = 900;
const HOLD_MS_MAX = 1_500;
/** What was appended before has reached all replicas. */
const QUIET_MS = 200;
const SUCCESSION_MS_MAX = 6_000;
const SUCCEEDS_MS_MAX = 2_500;
const RESUMES_MS_MAX = 1_000;
const LOOK_MS = 20;
/** Another server starts within this time after the primary was replaced. */
const START_MS_MAX = 500;
const STRIKES_MAX = 15;

export function drawClusterPlan(random: Random): ClusterPlan {
  const theme = random.chance(0.4) ? random.oneOf(THEMES) : undefined;
  const rates = CLUSTER_TROUBLES.map((name) => [name, random.chance(0.6) ? random.fraction() ** 2 : 0]);
  const drawn: ClusterPlan = {
    troubles: Object.fromEntries(rates) as Record<ClusterTrouble, number>,
    troubleMs: random.oneOf([0, 1_000, 3_000, 6_000]),
    ambush: random.chance(0.6)
      ? {
          moment: random.chance(0.5) ? "after_append" : random.oneOf(MOMENTS),
          trouble: random.oneOf(CLUSTER_TROUBLES),
          probability: random.oneOf([0.02, 0.1, 0.5]),
        }
      : undefined,
    swarm: {},
  };
  return { ...drawn, ...theme };
}

/** No trouble but these. */
function only(...troubles: readonly ClusterTrouble[]): ClusterPlan["troubles"] {
  const rates = CLUSTER_TROUBLES.map((name) => [name, troubles.includes(name) ? 1 : 0]);
  return Object.fromEntries(rates) as Record<ClusterTrouble, number>;
}

const CALM = { calamityMs: 0, failpoints: 0, ambushes: [], damage: undefined } as const;

/** Situations that need several conditions at once, which random draws seldom combine. */
const THEMES: readonly Partial<ClusterPlan>[] = [
  // Appends whose connection breaks before a replica has them, and owners that die soon after.
  {
    troubles: only("slow_replicas", "cut_connections"),
    troubleMs: 300,
    ambush: { moment: "after_append", trouble: "fail_over_with_owner", probability: 0.1 },
    swarm: { ...CALM, thinkMs: 10 },
  },
  // An owner that is replaced together with its primary, and does not know it: it reads while its successor writes.
  {
    troubles: only("replace_primary_and_owner"),
    troubleMs: 2_000,
    ambush: undefined,
    swarm: { ...CALM, shards: 1, clients: 8, thinkMs: 300, split: 0.99 },
  },
  // The same, of an owner that is paused meanwhile and appends nothing, so that only its reads could show it.
  {
    troubles: only("replace_primary_of_paused_owner"),
    troubleMs: 1_500,
    ambush: undefined,
    swarm: { ...CALM, shards: 1, clients: 8, thinkMs: 100, split: 0.99 },
  },
  // An owner that is paused and replaced, and resumes after a failover has lost the claim of its successor.
  {
    troubles: only("lose_claim"),
    troubleMs: 1_500,
    ambush: undefined,
    swarm: { ...CALM, shards: 1, clients: 8, thinkMs: 100, split: 0.5 },
  },
];

export type ClusterNemesisWorld = SimContext &
  Readonly<{
    clusterPlan: ClusterPlan;
    swarm: Swarm;
    servers: () => readonly SimServer[];
    startServer: () => void;
    isHealing: () => boolean;
  }>;

/** How an owner is replaced while it is paused. */
type Succession = Readonly<{
  /** Before the other server starts. */
  begin: () => void;
  isOver: () => boolean;
  moreMs: number;
  end: (owner: SimServer) => void;
}>;

export class ClusterNemesis {
  readonly #world: ClusterNemesisWorld;
  readonly #random: Random;
  #strikes = 0;

  constructor(world: ClusterNemesisWorld) {
    this.#world = world;
    this.#random = world.random;
    for (const [shard, store] of world.stores.entries()) {
      if (!(store instanceof SimCluster)) continue;
      store.isOwned = () => this.#ownerOf(shard) !== undefined;
      store.readsAll = world.swarm.snapshotRecords === 0;
    }
  }

  begin(): void {
    const { clock, clusterPlan, isHealing } = this.#world;
    const { troubles, troubleMs } = clusterPlan;
    const sum = CLUSTER_TROUBLES.reduce((total, each) => total + troubles[each], 0);
    if (this.#clusters.length === 0 || troubleMs === 0 || sum === 0) return;
    clock.after(ENVIRONMENT, troubleMs * 2 * this.#random.fraction(), () => {
      if (isHealing()) return;
      let dice = this.#random.fraction() * sum;
      const trouble = CLUSTER_TROUBLES.find((each) => (dice -= troubles[each]) < 0) ?? "fail_over";
      this.#strike(trouble, this.#random.oneOf(this.#clusters));
      this.begin();
    });
  }

  /** The shard that runs in `owner` has reached a moment. */
  atMoment(moment: Moment, owner: Owner): void {
    const { clock, clusterPlan, isHealing, servers } = this.#world;
    const { ambush } = clusterPlan;
    if (ambush?.moment !== moment || isHealing() || this.#strikes >= STRIKES_MAX) return;
    if (this.#clusters.length === 0 || !this.#random.chance(ambush.probability)) return;
    for (const { carrier } of servers())
      for (const [shard, carried] of carrier.running) {
        if (carried.owner !== owner) continue;
        this.#strikes += 1;
        // After the current turn, whose messages still leave.
        clock.after(ENVIRONMENT, 0, () => this.#strike(ambush.trouble, this.#clusters[shard] as SimCluster));
        return;
      }
  }

  get #clusters(): readonly SimCluster[] {
    return this.#world.stores.filter((store) => store instanceof SimCluster);
  }

  #strike(trouble: ClusterTrouble, cluster: SimCluster): void {
    const { clock, count, trace, startServer, servers } = this.#world;
    const random = this.#random;
    if (cluster.isChanging) return;
    count(`cluster ${trouble}`);
    trace(`${cluster.memory.name}: ${trouble}`);
    switch (trouble) {
      case "fail_over":
        cluster.failOver(random.oneOf(FORMERS), false);
        return;
      case "fail_over_with_owner":
        this.#failOverWithOwner(cluster);
        return;
      case "lose_suffix": {
        const replica = random.oneOf(cluster.replicas);
        replica.heldUntilMs = clock.nowMs + HOLD_MS_MAX;
        clock.after(ENVIRONMENT, HOLD_MS_MAX * random.fraction(), () =>
          cluster.failOver(random.oneOf(FORMERS), true),
        );
        return;
      }
      case "replace_primary":
        if (random.chance(0.3)) cluster.primary.strike("stall");
        cluster.failOver("serves_on", random.chance(0.5));
        return;
      case "replace_primary_and_owner":
        for (const each of this.#clusters) each.failOver("serves_on", false);
        clock.after(ENVIRONMENT, START_MS_MAX * random.fraction(), () => {
          if (servers().length === 1) startServer();
        });
        return;
      case "replace_primary_of_paused_owner":
        this.#replacePaused();
        return;
      case "lose_claim":
        this.#replaceOwner(cluster);
        return;
      case "slow_replicas":
        for (const replica of cluster.replicas) replica.lagMs = LAG_MS_MAX * random.fraction();
        this.#later(() => {
          for (const member of cluster.members) member.lagMs = 0;
        });
        return;
      case "hold_replica":
        random.oneOf(cluster.replicas).heldUntilMs = clock.nowMs + TROUBLE_MS_MAX * random.fraction();
        return;
      case "stall_primary":
        cluster.primary.strike("stall");
        return;
      case "cut_connections":
        cluster.primary.breakConnections();
        return;
    }
  }

  /** A replica that has everything is elected, so nothing may be lost. */
  #failOverWithOwner(cluster: SimCluster): void {
    const { clock, stores } = this.#world;
    const kill = () => this.#ownerOf(stores.indexOf(cluster))?.kill("with its primary");
    const isFirst = this.#random.chance(0.7);
    if (isFirst) kill();
    cluster.failOver("crashes", false);
    if (!isFirst) clock.after(ENVIRONMENT, TROUBLE_MS_MAX * this.#random.fraction(), kill);
  }

  /** An owner is paused and replaced. One replica receives nothing of that, is elected, and the owner resumes. */
  #replaceOwner(cluster: SimCluster): void {
    let epoch = 0;
    this.#whilePaused({
      begin: () => {
        epoch = cluster.confirmedEpoch;
        const heldUntilMs = this.#world.clock.nowMs + SUCCESSION_MS_MAX;
        this.#random.oneOf(cluster.replicas).heldUntilMs = heldUntilMs;
      },
      isOver: () => cluster.confirmedEpoch > epoch,
      moreMs: SUCCEEDS_MS_MAX,
      end: (owner) => this.#loseClaim(cluster, owner),
    });
  }

  /** The primary that an owner is connected to is replaced while it is paused, and serves on when it resumes. */
  #replacePaused(): void {
    this.#whilePaused({
      begin: () => {
        for (const each of this.#clusters) each.failOver("serves_on", false);
      },
      isOver: () => this.#world.servers().at(-1)?.isReady === true,
      moreMs: RESUMES_MS_MAX,
      end: (owner) => owner.resume(),
    });
  }

  /** Pauses the owner of the logs, starts another server, and continues up to `moreMs` after `isOver`. */
  #whilePaused({ begin, isOver, moreMs, end }: Succession): void {
    const { clock, startServer, servers, isHealing } = this.#world;
    const [owner, ...others] = servers();
    if (owner === undefined || others.length > 0 || owner.isPaused || !owner.isReady) return;
    owner.pause();
    const finish = () => {
      if (!isHealing() && !owner.isOver) end(owner);
    };
    clock.after(ENVIRONMENT, QUIET_MS, () => {
      if (isHealing() || servers().length !== 1) return;
      const untilMs = clock.nowMs + SUCCESSION_MS_MAX;
      begin();
      startServer();
      const look = () => {
        if (isOver() || clock.nowMs > untilMs)
          clock.after(ENVIRONMENT, moreMs * this.#random.fraction(), finish);
        else clock.after(ENVIRONMENT, LOOK_MS, look);
      };
      look();
    });
  }

  #loseClaim(cluster: SimCluster, owner: SimServer): void {
    const { servers, count } = this.#world;
    const successor = servers().find((each) => each !== owner && !each.isOver && !each.isPaused);
    if (successor !== undefined && cluster.loseClaim()) {
      count("claim lost");
      successor.pause();
      this.#later(() => {
        if (!successor.isOver) successor.resume();
      });
    }
    owner.resume();
  }

  /** The shard that serves and has no successor, so that it can repair its log. */
  #ownerOf(shard: number): CarriedShard | undefined {
    const [server, ...others] = this.#world.servers();
    if (server === undefined || others.length > 0 || server.isOver) return undefined;
    const carried = server.carrier.running.get(shard);
    return carried?.ledger === undefined ? undefined : carried;
  }

  #later(act: () => void): void {
    this.#world.clock.after(ENVIRONMENT, TROUBLE_MS_MAX * this.#random.fraction(), act);
  }
}
