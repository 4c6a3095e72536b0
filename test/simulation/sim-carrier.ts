/**
 * Runs the shards of a simulated server. Each shard is an owner that can be killed, and exchanges delayed messages with the
 * supervisor.
 */
import type { Ledger } from "../../src/actors/ledger/ledger.ts";
import { StreamJournal } from "../../src/wal/journal.ts";
import type { MemorySnapshotStore } from "../../src/wal/snapshots/snapshot-store.ts";
import type { Batch } from "../../src/wal/wal.ts";
import type { Carrier, RunningShard, ShardInit } from "../../src/workers/carriers/carrier.ts";
import { restoreNewest } from "../../src/workers/recovery/restore.ts";
import type { LogClock } from "../../src/workers/shard/clock/log-clock.ts";
import type { FromShard, ShardExit } from "../../src/workers/shard/messages.ts";
import { ShardHost } from "../../src/workers/shard/shard-host.ts";
import type { FirstTime } from "./machine.ts";
import { SIM_SETTINGS } from "./sim-archive.ts";
import { SimCluster } from "./sim-cluster.ts";
import type { SimContext } from "./sim-context.ts";
import type { LogStore } from "./sim-log.ts";
import { Owner, type VirtualClock } from "./virtual-clock.ts";

const CONTROL_MS = 0.2;
/** A resumed shard is heard within this time; it first handles what has queued, and clock reads take time. */
const FIRST_MESSAGE_MS = 250 * CONTROL_MS;
/** How long an append may take before its answer counts as lost. */
const APPEND_DEADLINE_MS = 2_000;
/** Delay until the witness is written. */
const WITNESS_MS = 1_000;
const CLUSTER_WITNESS_MS = 50;

/** Messages to one owner, in order. */
export class Pipe {
  readonly #clock: VirtualClock;
  readonly #to: Owner;
  #newestMs = 0;

  constructor(clock: VirtualClock, to: Owner) {
    this.#clock = clock;
    this.#to = to;
  }

  /** @param lateMs delay in addition to the usual one */
  send(lateMs: number, act: () => void): void {
    const { nowMs } = this.#clock;
    this.#newestMs = Math.max(this.#newestMs, nowMs + CONTROL_MS + lateMs);
    this.#clock.at(this.#to, this.#newestMs, act);
  }
}

export type CarriedShard = {
  readonly owner: Owner;
  host: ShardHost | undefined;
  /** Its private ledger; absent before it serves. */
  ledger: Ledger | undefined;
  /** Ends the shard without a message. */
  readonly kill: (why: string) => void;
};

export class SimCarrier implements Carrier {
  readonly isolation = "threads";
  /** By shard; absent while the shard does not run. */
  readonly running = new Map<number, CarriedShard>();
  /** By shard: the newest epoch that this server has claimed. */
  readonly claimed = new Map<number, number>();
  /** By shard: the extra delay of its next start in ms. */
  readonly slowStarts = new Map<number, number>();
  readonly #world: SimContext;
  readonly #main: Owner;
  readonly #onExit: (shard: number, exit: ShardExit) => void;

  constructor(world: SimContext, main: Owner, onExit: (shard: number, exit: ShardExit) => void) {
    this.#world = world;
    this.#main = main;
    this.#onExit = onExit;
  }

  channel(): ReturnType<Carrier["channel"]> {
    return this.#world.network.pair();
  }

  async close(): Promise<void> {}

  start(init: ShardInit, onMessage: (message: FromShard) => void): RunningShard {
    const { clock, network, stores, trace } = this.#world;
    const { shard, instance } = init;
    const owner = new Owner(`${instance} s${shard}`);
    const toShard = new Pipe(clock, owner);
    const toMain = new Pipe(clock, this.#main);
    const exited = Promise.withResolvers<ShardExit>();
    let lastMessageMs = 0;
    const end = (exit: ShardExit) => {
      if (owner.isDead) return;
      owner.isDead = true;
      stores[shard]?.ownerEnds();
      if (this.running.get(shard) === carried) this.running.delete(shard);
      network.closeEndsOf((each) => each === owner);
      trace(`${owner.name} ends: ${exit.reason}: ${exit.message.split("\n", 1)[0]}`);
      this.#onExit(shard, exit);
      toMain.send(0, () => exited.resolve(exit));
    };
    const carried: CarriedShard = {
      owner,
      host: undefined,
      ledger: undefined,
      kill: (why) => end({ reason: "crashed", message: `killed: ${why}` }),
    };
    this.running.set(shard, carried);
    const lateMs = this.slowStarts.get(shard) ?? 0;
    this.slowStarts.delete(shard);
    toShard.send(lateMs, () => {
      carried.host = this.#newHost(init, owner, (message) => {
        if (message.type === "claimed") {
          this.claimed.set(shard, message.epoch);
          trace(`${owner.name} has claimed epoch ${message.epoch}`);
        }
        if (message.type === "ready") trace(`${owner.name} serves`);
        toMain.send(0, () => {
          lastMessageMs = clock.nowMs;
          onMessage(message);
        });
      });
      void carried.host.run().then((exit) => {
        // Messages posted in this turn are still sent.
        clock.after(owner, 0, () => end(exit));
      });
    });
    return {
      exited: exited.promise,
      // The supervisor may end only a hung shard, or one whose first message after a hang is still in flight.
      end: (message) => {
        const isSilent = lastMessageMs < owner.resumedMs && clock.nowMs - owner.resumedMs < FIRST_MESSAGE_MS;
        const isHung = owner.isPaused || isSilent;
        end({ reason: "crashed", message: isHung ? `killed: ${message}` : message });
      },
      post: (message) => {
        if (message.type === "channel") network.handTo(message.end, owner);
        toShard.send(0, () => carried.host?.control(message));
      },
    };
  }

  /** Seeded random bytes. The first draw is the secret of the key table, which take-over.ts fixes. */
  #newRandom(): (bytes: number) => Uint8Array {
    const { random } = this.#world;
    let isSeeded = false;
    return (bytes) => {
      if (isSeeded) return Uint8Array.from({ length: bytes }, () => random.below(256));
      isSeeded = true;
      return crypto.getRandomValues(new Uint8Array(bytes));
    };
  }

  #newHost(init: ShardInit, owner: Owner, post: (message: FromShard) => void): ShardHost {
    const { clock, network, stores, snapshots, witnesses, machine, timeOf, newFailpoints, fail } =
      this.#world;
    const {
      shard,
      shards,
      generation,
      instance,
      archived,
      mayCreate,
      claimedEpoch = 0,
      takesOver = false,
    } = init;
    const remembered = witnesses[shard];
    const store = stores[shard] as LogStore;
    const isCluster = store instanceof SimCluster;
    const journal = new StreamJournal({
      stream: store.open(),
      claimant: { instance, generation, shard, shards },
      witnesses: [remembered, archived].filter((witness) => witness !== undefined),
      mayCreate,
      claimedEpoch,
      deadlineMs: APPEND_DEADLINE_MS,
    });
    let newest: Batch | undefined;
    let first: FirstTime | undefined;
    const note = (batch: Batch, logClock: LogClock) => {
      first ??= { timeMs: batch.timeMs, honestMs: machine.honestMs };
      const problem = machine.judge(batch.timeMs, first);
      if (problem !== undefined) fail("log time is honest", `${owner.name}: ${problem}`);
      const isNoted = newest !== undefined;
      newest = batch;
      if (isNoted) return;
      clock.after(owner, isCluster ? CLUSTER_WITNESS_MS : WITNESS_MS, () => {
        if (newest !== undefined) {
          witnesses[shard] = { id: newest.id, hash: newest.hash };
          machine.witnessed[shard] = logClock.witnessed();
        }
        newest = undefined;
      });
    };
    return new ShardHost({
      shard,
      shards,
      journal,
      post,
      open: network.open,
      clocks: { wallMs: () => timeOf(shard), uptimeMs: machine.uptimeMs },
      ...(init.judgedClock && { judgedClock: init.judgedClock }),
      threadId: 0,
      failpoints: newFailpoints(shard),
      settings: SIM_SETTINGS,
      takesOver,
      restore: (ledger) =>
        restoreNewest(store.openSnapshots(snapshots[shard] as MemorySnapshotStore), ledger, {
          shard,
          shards,
        }),
      random: this.#newRandom(),
      onDurable: note,
      warnings: () => [],
    });
  }
}
