/** Whatever goes wrong beyond single appends: somebody is killed or paused, a store or a clock behaves badly, by chance. */
import { checkSnapshot, inspectSlots } from "../../src/wal/snapshot.ts";
import type { MemorySnapshotStore } from "../../src/wal/snapshot-store.ts";
import type { Random } from "../support/random.ts";
import type { SimServer } from "./sim-server.ts";
import type { Surroundings } from "./surroundings.ts";
import { CALAMITIES, type Calamity, type Damage, type Swarm } from "./swarm.ts";
import { NATURE } from "./virtual-clock.ts";

const TROUBLE_MS_MAX = 2_500;
/** Long enough for another server to begin, and to serve. */
const REPLACED_MS_MAX = 6_000;
const JUMP_MS_MAX = 2 * 60 * 60 * 1000;
/** Keys are kept for a day of log time, and no run may reach that. */
const JUMPS_MS_MAX = 20 * 60 * 60 * 1000;

export type NemesisWorld = Surroundings &
  Readonly<{
    swarm: Swarm;
    servers: () => readonly SimServer[];
    /** Starts another server beside those that there are. */
    startServer: () => void;
    isHealing: () => boolean;
  }>;

export class Nemesis {
  /** By shard, what its clock shows beyond the others. */
  readonly skewsMs: number[];
  readonly #world: NemesisWorld;
  readonly #random: Random;
  #jumpedMs = 0;

  constructor(world: NemesisWorld) {
    this.#world = world;
    this.#random = world.random;
    const { skewMs } = world.swarm;
    this.skewsMs = world.stores.map(() => Math.floor((this.#random.fraction() - 0.5) * skewMs));
  }

  begin(): void {
    const { clock, swarm, isHealing } = this.#world;
    if (swarm.calamityMs === 0 || CALAMITIES.every((each) => swarm.calamities[each] === 0)) return;
    clock.after(NATURE, swarm.calamityMs * 2 * this.#random.fraction(), () => {
      if (isHealing()) return;
      this.#strike(this.#draw());
      this.begin();
    });
  }

  /** Changes what a log has acknowledged. @returns whether there was anything to change */
  damage(kind: Damage, shard: number): boolean {
    const { stores, witnesses, trace, archive, count } = this.#world;
    const store = stores[shard]?.memory;
    if (store === undefined) return false;
    const { entries } = store;
    const batches = entries.flatMap(({ id }, index) => (id.seq > 0 ? [index] : []));
    switch (kind) {
      case "lost_tail": {
        const marks = [witnesses[shard]?.id, archive.newest(shard)?.id].filter((id) => id !== undefined);
        const at = entries.findIndex(({ id }) =>
          marks.some((mark) => mark.epoch === id.epoch && mark.seq === id.seq),
        );
        if (at < 1) return false;
        store.loseTail(entries.length - at);
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
    const { random, stores, snapshots, count, network, servers, startServer, clock, trace } = this.#world;
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
        this.#jump(clock);
        return;
      case "damage_snapshot":
        void this.#damageSnapshot(random.oneOf(snapshots));
        return;
    }
  }

  /** One of two that are good: with none, a trimmed log would be of no use to anybody. */
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
      // A copy: who has read it before has read it.
      const damaged = new Uint8Array(chunk);
      const byte = this.#random.below(chunk.length);
      damaged[byte] = (damaged[byte] ?? 0) ^ (1 << this.#random.below(8));
      chunks[at] = damaged;
    }
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

  #jump(clock: Surroundings["clock"]): void {
    const random = this.#random;
    const ms = Math.floor((random.fraction() - 0.5) * 2 * JUMP_MS_MAX * random.fraction() ** 3);
    if (Math.max(0, ms) + this.#jumpedMs > JUMPS_MS_MAX) return;
    this.#jumpedMs += Math.max(0, ms);
    if (random.chance(0.5)) clock.wallOffsetMs += ms;
    else {
      const shard = random.below(this.skewsMs.length);
      this.skewsMs[shard] = (this.skewsMs[shard] ?? 0) + ms;
    }
    this.#world.trace(`a clock jumps by ${ms} ms`);
  }

  #later(act: () => void, msMax = TROUBLE_MS_MAX): void {
    this.#world.clock.after(NATURE, msMax * this.#random.fraction() ** 2, act);
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
