/** Injects faults beyond single appends: kills and pauses of shards and servers, faults of stores and clocks. */
import { checkSnapshot, inspectSlots } from "../../src/wal/snapshots/snapshot.ts";
import type { MemorySnapshotStore } from "../../src/wal/snapshots/snapshot-store.ts";
import type { Random } from "../support/random.ts";
import { ClusterNemesis, type ClusterNemesisWorld } from "./cluster-nemesis.ts";
import type { Moment } from "./moments.ts";
import type { CarriedShard } from "./sim-carrier.ts";
import { SimCluster } from "./sim-cluster.ts";
import { type AppendFault, NO_FAULTS } from "./sim-log.ts";
import type { SimServer } from "./sim-server.ts";
import { CALAMITIES, type Calamity, type Damage, type Strike } from "./swarm.ts";
import { ENVIRONMENT, type Owner } from "./virtual-clock.ts";

const TROUBLE_MS_MAX = 2_500;
/** Long enough for another server to start and serve. */
const REPLACED_MS_MAX = 6_000;
/** Most hangs are short; some are longer than callers wait. */
const HANGS_MS = [20, 200, 1_500, 5_000];
/** The longest delay of a store's answers to a server that is being replaced. */
const HELD_REPLIES_MS_MAX = 6_000;
/** A run with more strikes would do little else. */
const STRIKES_MAX = 25;
const APPEND_FAULTS = Object.keys(NO_FAULTS) as readonly AppendFault[];
/** Longer than other shards wait for a starting shard. */
const SLOW_START_MS_MAX = 4_000;

export class Nemesis {
  /** By shard: the offset of its clock in ms. */
  readonly skewsMs: number[];
  readonly #world: ClusterNemesisWorld;
  readonly #random: Random;
  readonly #clusters: ClusterNemesis;
  #strikes = 0;

  constructor(world: ClusterNemesisWorld) {
    this.#world = world;
    this.#random = world.random;
    this.#clusters = new ClusterNemesis(world);
    const { skewMs } = world.swarm;
    this.skewsMs = world.stores.map(() => Math.floor((this.#random.fraction() - 0.5) * skewMs));
  }

  begin(): void {
    this.#beginCalamities();
    this.#clusters.begin();
  }

  #beginCalamities(): void {
    const { clock, swarm, isHealing } = this.#world;
    if (swarm.calamityMs === 0 || CALAMITIES.every((each) => swarm.calamities[each] === 0)) return;
    clock.after(ENVIRONMENT, swarm.calamityMs * 2 * this.#random.fraction(), () => {
      if (isHealing()) return;
      this.#strike(this.#draw());
      this.#beginCalamities();
    });
  }

  /** The shard that runs in `owner` has reached a moment: strikes if the swarm has an ambush for it. */
  atMoment(moment: Moment, owner: Owner): void {
    const { swarm, isHealing, count, trace } = this.#world;
    this.#clusters.atMoment(moment, owner);
    for (const { moment: awaited, strike, probability } of swarm.ambushes) {
      if (awaited !== moment || isHealing() || this.#strikes >= STRIKES_MAX) continue;
      if (!this.#random.chance(probability)) continue;
      const target = this.#shardOf(owner);
      if (target === undefined) return;
      this.#strikes += 1;
      count(`strike ${strike}`);
      count(`ambush ${moment}`);
      trace(`at ${moment} of ${owner.name}: ${strike}`);
      this.#ambush(strike, target.server, target.carried);
    }
  }

  /** Damages acknowledged entries of a log. @returns whether there was anything to damage */
  damage(kind: Damage, shard: number): boolean {
    const { stores, witnesses, trace, archive, count } = this.#world;
    const log = stores[shard];
    const store = log?.memory;
    if (log === undefined || store === undefined) return false;
    const { entries } = store;
    const batches = entries.flatMap(({ id }, index) => (id.seq > 0 ? [index] : []));
    switch (kind) {
      case "lost_tail": {
        const marks = [witnesses[shard]?.id, archive.newest(shard)?.id].filter((id) => id !== undefined);
        const at = entries.findIndex(({ id }) =>
          marks.some((mark) => mark.epoch === id.epoch && mark.seq === id.seq),
        );
        if (at < 1) return false;
        if (log instanceof SimCluster) log.loseTail(entries.length - at);
        else store.loseTail(entries.length - at);
        break;
      }
      case "flipped_bit": {
        const index = this.#random.below(entries.length);
        store.flipBit(index, this.#random.below(entries[index]?.bytes.length ?? 1), this.#random.below(8));
        break;
      }
      case "removed_entry": {
        if (batches.length < 2) return false;
        store.remove(this.#random.oneOf(batches.slice(0, -1)));
        break;
      }
      case "exchanged_entries": {
        if (batches.length < 2) return false;
        const at = this.#random.below(batches.length - 1);
        store.swap(batches[at] as number, batches[at + 1] as number);
        break;
      }
    }
    count(`damage ${kind}`);
    trace(`damage to ${store.name}: ${kind}`);
    return true;
  }

  #strike(calamity: Calamity): void {
    const { random, stores, snapshots, count, network, servers, startServer, machine, trace } = this.#world;
    const server = this.#victim();
    count(calamity);
    trace(`calamity: ${calamity}`);
    switch (calamity) {
      case "kill_shard":
        this.#killShards(server, 1);
        return;
      case "kill_several":
        this.#killShards(server, 1 + random.below(stores.length));
        return;
      case "kill_gateway":
        server?.killGateway();
        return;
      case "kill_server":
        server?.kill();
        return;
      case "kill_machine":
        for (const each of servers()) each.kill();
        for (const store of stores) store.restart(true);
        machine.reboot();
        return;
      case "stop_shard": {
        const shard = random.below(stores.length);
        server?.ask((supervisor) => supervisor.restart(shard));
        return;
      }
      case "pause_server":
        this.#pause(server);
        return;
      case "second_server":
        if (servers().length > 1) return;
        if (random.chance(0.7)) this.#pause(server, REPLACED_MS_MAX);
        startServer();
        return;
      case "break_channel":
        network.breakOne();
        return;
      case "restart_store":
        random.oneOf(stores).restart(false);
        return;
      case "power_cut":
        random.oneOf(stores).restart(true);
        return;
      case "fill_store": {
        const store = random.oneOf(stores);
        store.isFull = true;
        this.#later(() => {
          store.isFull = false;
        });
        return;
      }
      case "unreachable_store": {
        const store = random.oneOf(stores);
        store.isReachable = false;
        this.#later(() => {
          store.isReachable = true;
        });
        return;
      }
      case "jump_clock":
        this.#jump();
        return;
      case "sleep":
        trace(`the machine sleeps for ${machine.sleep()} ms`);
        return;
      case "hang_shard":
        this.#hang(server, this.#oneShard(server));
        return;
      case "stall_channels": {
        const one = this.#oneShard(server);
        if (one !== undefined) network.stall(one.owner, () => random.chance(0.5), this.#hangMs());
        return;
      }
      case "usurp":
        this.#usurp(server);
        return;
      case "damage_snapshot":
        void this.#damageSnapshot(random.oneOf(snapshots));
        return;
    }
  }

  /** Damages a snapshot only if another good one is left, because a trimmed log is useless without a snapshot. */
  async #damageSnapshot(store: MemorySnapshotStore): Promise<void> {
    const good: number[] = [];
    for (const each of await inspectSlots(store)) {
      if (each.kind !== "snapshot") continue;
      const isGood = await checkSnapshot(store, each).then(
        () => true,
        () => false,
      );
      if (isGood) good.push(each.slot);
    }
    if (good.length < 2) return;
    const chunks = store.slots[this.#random.oneOf(good)] ?? [];
    const at = this.#random.below(chunks.length);
    const chunk = chunks[at];
    if (chunk === undefined) return;
    this.#world.trace(`damage to a snapshot of ${store.name}`);
    if (this.#random.chance(0.3)) chunks.splice(at, 1);
    else {
      // A copy, so that earlier readers keep the intact bytes.
      const damaged = new Uint8Array(chunk);
      const byte = this.#random.below(chunk.length);
      damaged[byte] = (damaged[byte] ?? 0) ^ (1 << this.#random.below(8));
      chunks[at] = damaged;
    }
  }

  /** Strikes after the current turn: its messages still leave, but the shard does nothing further. */
  #ambush(strike: Strike, server: SimServer, carried: CarriedShard): void {
    const { network, clock, stores } = this.#world;
    const random = this.#random;
    const shards = [...server.carrier.running];
    const others = shards.filter(([, each]) => each !== carried).map(([, each]) => each);
    const other = others.length === 0 ? carried : random.oneOf(others);
    const isPeer = (owner: Owner) => others.some((each) => each.owner === owner);
    const soon = (act: () => void) => void clock.after(ENVIRONMENT, 0, act);
    switch (strike) {
      case "kill":
        soon(() => carried.kill("at a moment"));
        return;
      case "kill_slowly":
        soon(() => {
          this.#startSlowly(server, carried);
          carried.kill("at a moment");
        });
        return;
      case "kill_other":
        soon(() => other.kill("at a moment"));
        return;
      case "kill_both":
        soon(() => {
          if (random.chance(0.5)) this.#startSlowly(server, carried);
          carried.kill("at a moment");
          other.kill("at a moment");
        });
        return;
      case "hang":
        soon(() => this.#hang(server, carried));
        return;
      case "hang_other":
        soon(() => this.#hang(server, other));
        return;
      case "stall_peers":
        network.stall(carried.owner, isPeer, this.#hangMs());
        return;
      case "stall_gateways": {
        const chosen = random.chance(0.5);
        const isChosen = (owner: Owner) => server.isGateway(owner) && (chosen || random.chance(0.5));
        network.stall(carried.owner, isChosen, this.#hangMs());
        return;
      }
      case "stall_one_gateway": {
        const one = server.gatewayOwners.length > 0 ? random.oneOf(server.gatewayOwners) : undefined;
        network.stall(carried.owner, (owner) => owner === one, this.#hangMs());
        return;
      }
      case "stall_questions":
        network.stallTowards(carried.owner, (owner) => server.isGateway(owner), this.#hangMs());
        return;
      case "break_peers":
        soon(() => network.breakWith(carried.owner, isPeer));
        return;
      case "fail_append": {
        const [shard = 0] = shards.find(([, each]) => each === carried) ?? [];
        const store = stores[shard];
        if (store !== undefined) store.nextFault = random.oneOf(APPEND_FAULTS);
        return;
      }
      case "usurp":
        soon(() => this.#usurp(server));
        return;
    }
  }

  #startSlowly({ carrier }: SimServer, carried: CarriedShard): void {
    for (const [shard, each] of carrier.running)
      if (each === carried) carrier.slowStarts.set(shard, SLOW_START_MS_MAX * this.#random.fraction());
  }

  /** Another server claims the logs of one that keeps running, and that may notice it late. */
  #usurp(server: SimServer | undefined): void {
    const { servers, startServer, clock, isHealing } = this.#world;
    if (server === undefined || server.isPaused || servers().length > 1) return;
    const random = this.#random;
    // With a late claim, the old server's ownership check is already in flight, and its answer arrives after the claim.
    const isLate = random.chance(0.4);
    if (isLate || random.chance(0.5))
      server.holdReplies(HELD_REPLIES_MS_MAX * (isLate ? 1 - random.fraction() / 2 : random.fraction()));
    clock.after(ENVIRONMENT, isLate ? 800 + 500 * random.fraction() : 300 * random.fraction(), () => {
      if (isHealing() || servers().length > 1) return;
      if (random.chance(0.2)) this.#pause(server, REPLACED_MS_MAX);
      startServer();
    });
  }

  #hang(server: SimServer | undefined, carried: CarriedShard | undefined): void {
    if (carried !== undefined) server?.hang(carried, this.#hangMs());
  }

  #oneShard(server: SimServer | undefined): CarriedShard | undefined {
    const running = [...(server?.carrier.running.values() ?? [])];
    return running.length === 0 ? undefined : this.#random.oneOf(running);
  }

  #hangMs(): number {
    return this.#random.oneOf(HANGS_MS) * this.#random.fraction();
  }

  #shardOf(owner: Owner): Readonly<{ server: SimServer; carried: CarriedShard }> | undefined {
    for (const server of this.#world.servers())
      for (const carried of server.carrier.running.values())
        if (carried.owner === owner) return { server, carried };
    return undefined;
  }

  #killShards(server: SimServer | undefined, count: number): void {
    for (let killed = 0; killed < count; killed++) {
      const running = [...(server?.carrier.running.values() ?? [])];
      if (running.length > 0 && server?.isPaused === false) this.#random.oneOf(running).kill("by chance");
    }
  }

  #pause(server: SimServer | undefined, msMax = TROUBLE_MS_MAX): void {
    if (server === undefined || server.isPaused) return;
    server.pause();
    this.#later(() => {
      if (!server.isOver) server.resume();
    }, msMax);
  }

  /** Moves the machine's clock, or the clock of one shard alone. */
  #jump(): void {
    const { machine, trace } = this.#world;
    if (this.#random.chance(0.5)) {
      trace(`the clock jumps by ${machine.jump()} ms`);
      return;
    }
    const shard = this.#random.below(this.skewsMs.length);
    const ms = machine.drawJumpMs() ?? 0;
    this.skewsMs[shard] = (this.skewsMs[shard] ?? 0) + ms;
    trace(`the clock of shard ${shard} jumps by ${ms} ms`);
  }

  #later(act: () => void, msMax = TROUBLE_MS_MAX): void {
    this.#world.clock.after(ENVIRONMENT, msMax * this.#random.fraction() ** 2, act);
  }

  #victim(): SimServer | undefined {
    const servers = this.#world.servers();
    return servers.length === 0 ? undefined : this.#random.oneOf(servers);
  }

  #draw(): Calamity {
    const { calamities } = this.#world.swarm;
    const sum = CALAMITIES.reduce((total, each) => total + calamities[each], 0);
    let dice = this.#random.fraction() * sum;
    for (const calamity of CALAMITIES) {
      dice -= calamities[calamity];
      if (dice < 0) return calamity;
    }
    return "kill_shard";
  }
}
