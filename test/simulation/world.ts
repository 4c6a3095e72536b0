/**
 * One simulated run: real shards, gateways and journals in an environment that is drawn from one seed. Clients send requests
 * while faults happen; then all faults end, and the oracles judge the result.
 */
import crypto from "node:crypto";
import type { MemoryStore } from "../../src/wal/memory.ts";
import { MemorySnapshotStore } from "../../src/wal/snapshots/snapshot-store.ts";
import type { LogId } from "../../src/wal/wal.ts";
import { type Failpoint, SHARD_POINTS } from "../../src/workers/shard/failpoint.ts";
import { Random } from "../support/random.ts";
import { isAtRest } from "./at-rest.ts";
import { type Breadth, drawBreadth, healRedis, newArchive, newStore, troubleRedis } from "./breadth.ts";
import { Client, type ClientWorld } from "./client.ts";
import { ClientHistory } from "./client-history.ts";
import { judgeRun } from "./judge-run.ts";
import { Machine } from "./machine.ts";
import { Nemesis } from "./nemesis.ts";
import { Operator } from "./operator.ts";
import { ProgrammeWorkload } from "./programmes/programme-workload.ts";
import type { SimArchive } from "./sim-archive.ts";
import { Network } from "./sim-channel.ts";
import { type Oracle, type SimContext, Violation } from "./sim-context.ts";
import { type LogStore, NO_FAULTS } from "./sim-log.ts";
import type { SimServer } from "./sim-server.ts";
import { drawSwarm, type Swarm } from "./swarm.ts";
import { takeOver } from "./take-over.ts";
import { ENVIRONMENT, VirtualClock } from "./virtual-clock.ts";
import { Workload } from "./workload.ts";

/** Virtual time limit of a run in which faults prevent some of its steps. */
const LIFE_MS_MAX = 120_000;
/** Virtual time limit of each phase after all faults have ended. */
const SETTLE_MS = 180_000;
const LOOK_MS = 50;
/** The number of answered keys that are retried at the end. */
const REPEATS = 20;

/** `isCanary`: a log loses its last batch before it is judged, which the oracles must detect. */
export type RunOptions = Readonly<{ seed: number; steps: number; isCanary: boolean }>;

export type RunResult = Readonly<{
  violation: Violation | undefined;
  trace: readonly string[];
  /** A hash of everything that has happened. */
  hash: string;
  counts: ReadonlyMap<string, number>;
  steps: number;
  answers: number;
  virtualMs: number;
}>;

export class World {
  readonly #options: RunOptions;
  readonly #random: Random;
  readonly #swarm: Swarm;
  readonly #breadth: Breadth;
  readonly #clock: VirtualClock;
  readonly #network: Network;
  readonly #stores: readonly LogStore[];
  readonly #snapshots: readonly MemorySnapshotStore[];
  readonly #archive: SimArchive;
  readonly #workload: Workload;
  readonly #history: ClientHistory;
  readonly #nemesis: Nemesis;
  readonly #context: SimContext;
  readonly #clientWorld: ClientWorld;
  readonly #counts = new Map<string, number>();
  readonly #trace: string[] = [];
  readonly #operator: Operator;
  #stepsTaken = 0;
  #violation: Violation | undefined;
  #isHealing = false;
  #isArmed = false;
  #clients: readonly Client[] = [];

  constructor(options: RunOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    const random = this.#random;
    this.#breadth = drawBreadth(options.seed);
    const { isCluster, clusterPlan } = this.#breadth;
    this.#swarm = { ...drawSwarm(random), ...(isCluster && clusterPlan.swarm) };
    this.#clock = new VirtualClock(random);
    this.#network = new Network(this.#clock, random);
    const count = (what: string) => void this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    const trace = (what: string) => void this.#trace.push(`${this.#clock.nowMs.toFixed(3)} ${what}`);
    const events = { clock: this.#clock, random, count, trace };
    const { shards } = this.#swarm;
    const fail = (oracle: Oracle, message: string) => void this.#note(oracle, message);
    this.#stores = Array.from({ length: shards }, (_, shard) =>
      newStore(this.#breadth, `s${shard}`, { ...events, fail }),
    );
    this.#snapshots = this.#stores.map(({ memory }) => new MemorySnapshotStore(memory.name));
    this.#archive = newArchive(this.#breadth, { ...events, network: this.#network, shards, fail });
    this.#context = {
      ...events,
      network: this.#network,
      stores: this.#stores,
      snapshots: this.#snapshots,
      archive: this.#archive,
      witnesses: this.#stores.map(() => undefined),
      machine: new Machine(this.#clock, random),
      timeOf: (shard) => this.#clock.timeMs + (this.#nemesis.skewsMs[shard] ?? 0),
      newFailpoints: (shard) => this.#newFailpoints(shard),
      onMoment: (moment, owner) => this.#nemesis.atMoment(moment, owner ?? this.#clock.current),
      fail: (oracle, message) => this.#fail(oracle, message),
    };
    this.#workload = new Workload(random, shards, this.#swarm.habits);
    this.#history = new ClientHistory(this.#context, this.#workload);
    this.#operator = new Operator(this.#context, this.#swarm);
    const isHealing = () => this.#isHealing;
    this.#nemesis = new Nemesis({
      ...this.#context,
      swarm: this.#swarm,
      clusterPlan: this.#breadth.clusterPlan,
      servers: () => this.#operator.servers,
      startServer: () => this.#operator.startServer(),
      isHealing,
    });
    this.#clientWorld = {
      ...this.#context,
      swarm: this.#swarm,
      workload: this.#workload,
      history: this.#history,
      programmes: new ProgrammeWorkload(
        random,
        shards,
        this.#breadth.programmes,
        this.#breadth.programmeShare,
      ),
      server: (isWriting) => this.#serverFor(isWriting),
      takeStep: () => this.#takeStep(),
      isHealing,
    };
  }

  async run(): Promise<RunResult> {
    const restore = takeOver(this.#clock, {
      onLedger: (ledger) => this.#operator.noteLedger(ledger),
      onMoment: (moment) => this.#nemesis.atMoment(moment, this.#clock.current),
      onUnhandled: (error) => void this.#note("nothing throws", `unhandled rejection: ${stackOf(error)}`),
    });
    try {
      this.#operator.startServer();
      await this.#prepare();
      this.#arm();
      await this.#live();
      if (this.#swarm.damage !== undefined && !this.#options.isCanary)
        await this.#sufferDamage(this.#swarm.damage);
      else {
        await this.#heal();
        if (this.#options.isCanary)
          this.#stores.find(({ memory }) => endsInBatch(memory))?.memory.loseTail(1);
        await this.#judge();
      }
    } catch (error) {
      if (!(error instanceof Violation)) this.#note("nothing throws", stackOf(error));
    } finally {
      restore();
      this.#archive.close();
    }
    return this.#result();
  }

  #result(): RunResult {
    const hash = crypto.createHash("sha256");
    hash.update(`${this.#clock.events} ${this.#clock.orderHash}\n`);
    for (const line of this.#trace) hash.update(`${line}\n`);
    for (const { memory } of this.#stores) for (const { bytes } of memory.entries) hash.update(bytes);
    return {
      violation: this.#violation,
      trace: this.#trace,
      hash: hash.digest("hex").slice(0, 16),
      counts: this.#counts,
      steps: this.#stepsTaken,
      answers: this.#history.answers,
      virtualMs: this.#clock.nowMs,
    };
  }

  /** Creates and funds the accounts, without faults. */
  async #prepare(): Promise<void> {
    const { apiKeys } = this.#history;
    const commands = [...this.#workload.beginning(), ...apiKeys.beginning(() => this.#workload.newKey("p"))];
    const client = new Client("setup", this.#clientWorld);
    let isOver = false;
    const next = (): void => {
      const command = commands.shift();
      if (command === undefined) isOver = true;
      else client.retryUntilAnswered(this.#history.ask(command as typeof command & { key: string }), next);
    };
    this.#isHealing = true;
    next();
    await this.#until("the accounts exist", () => isOver);
    this.#isHealing = false;
  }

  #arm(): void {
    const { appendFaults, channelDelays, storeDelays } = this.#swarm;
    this.#isArmed = true;
    this.#clock.readingMs = this.#swarm.readingMs;
    this.#operator.restartFailedShards();
    this.#network.delays = channelDelays;
    for (const store of this.#stores) {
      store.faults = appendFaults;
      store.delays = storeDelays;
    }
    this.#nemesis.begin();
    troubleRedis(this.#breadth, this.#stores, this.#context, () => this.#isHealing);
    // The running shards were started without failpoints.
    if (this.#swarm.failpoints === 0) return;
    for (const [i] of this.#stores.entries())
      this.#clock.after(ENVIRONMENT, 20 * i, () =>
        this.#operator.servers[0]?.carrier.running.get(i)?.kill("to be armed"),
      );
  }

  async #live(): Promise<void> {
    const clients = Array.from(
      { length: this.#swarm.clients },
      (_, i) => new Client(`c${i}`, this.#clientWorld),
    );
    for (const client of clients) client.begin();
    const crowd = this.#workload.crowd();
    if (crowd.length > 0) clients[0]?.retryBatchUntilAnswered(crowd, () => {});
    const endMs = this.#clock.nowMs + LIFE_MS_MAX;
    await this.#run(
      () =>
        clients.every(({ isDone }) => isDone) ||
        this.#stepsTaken >= this.#options.steps ||
        this.#clock.nowMs > endMs,
    );
    this.#clients = clients;
  }

  /** Ends all faults; every open request must then be answered, and the run must come to rest. */
  async #heal(): Promise<void> {
    this.#trace.push(`${this.#clock.nowMs.toFixed(3)} all faults end`);
    this.#mend();
    await this.#until("every client has its answer", () =>
      this.#clients.every(({ isWaiting }) => !isWaiting),
    );
    await this.#until(
      "one server serves",
      () => this.#operator.servers.length === 1 && this.#operator.servers[0]?.isReady === true,
    );
    const client = new Client("late", this.#clientWorld);
    const answered = [...this.#history.asked.values()].filter(
      ({ item, key }) => item !== undefined && !key.startsWith("b"),
    );
    let open = 0;
    for (let i = 0; i < REPEATS && answered.length > 0; i++) {
      open += 1;
      client.retryUntilAnswered(this.#random.oneOf(answered), () => {
        open -= 1;
      });
    }
    await this.#until("every repeat is answered", () => open === 0);
    await this.#until(
      "nothing is under way",
      () =>
        isAtRest(this.#operator.servers[0], this.#network) &&
        this.#stores.every(({ isComplete }) => isComplete) &&
        this.#archive.isCurrent(this.#stores.map(({ memory }) => newestBatch(memory))),
      // A run that does not come to rest may violate an oracle that explains it.
      () => this.#judge(),
    );
  }

  /** Ends all faults, and stops new requests. */
  #mend(): void {
    this.#isHealing = true;
    this.#isArmed = false;
    for (const store of this.#stores) {
      store.faults = NO_FAULTS;
      store.delays = { usualMs: 0.5, spikes: 0, spikeMs: 0 };
      store.nextFault = undefined;
      store.isFull = false;
      store.isReachable = true;
    }
    healRedis(this.#stores);
    this.#context.machine.setRight();
    this.#network.delays = { usualMs: 0.1, spikes: 0, spikeMs: 0 };
    for (const server of this.#operator.servers) server.mend();
  }

  #judge(): Promise<void> {
    return judgeRun(
      {
        stores: this.#stores,
        snapshots: this.#snapshots,
        archive: this.#archive,
        breadth: this.#breadth,
        random: this.#random,
        history: this.#history,
        partners: [...this.#workload.accounts.keys()],
        ledgerOf: (shard) => this.#operator.servers[0]?.carrier.running.get(shard)?.ledger,
        count: this.#context.count,
      },
      (oracle, message) => this.#fail(oracle, message),
    );
  }

  /** Damages acknowledged entries and restarts the shard, which must refuse to serve and report the position. */
  async #sufferDamage(damage: NonNullable<Swarm["damage"]>): Promise<void> {
    this.#mend();
    await this.#until(
      "one server serves",
      () => this.#operator.servers.length === 1 && this.#operator.servers[0]?.isReady === true,
    );
    const shard = this.#random.below(this.#stores.length);
    this.#operator.damaged = shard;
    if (!this.#nemesis.damage(damage, shard)) return;
    this.#operator.servers[0]?.carrier.running.get(shard)?.kill("its log is damaged");
    this.#stores[shard]?.restart(false);
    const endMs = this.#clock.nowMs + SETTLE_MS;
    await this.#run(() => this.#operator.isNoticed || this.#clock.nowMs > endMs);
    if (!this.#operator.isNoticed)
      this.#fail(
        "damage is noticed",
        `the log of shard ${shard} was damaged (${damage}), and no shard has reported it`,
      );
  }

  #newFailpoints(shard: number): readonly Failpoint[] {
    const { failpoints, failpointPasses } = this.#swarm;
    if (!this.#isArmed) return [];
    return Array.from({ length: this.#random.below(failpoints + 1) }, () => {
      const point = this.#random.oneOf(SHARD_POINTS);
      return { shard, point, at: 1 + this.#random.below(point === "before_expire" ? 2 : failpointPasses) };
    });
  }

  #serverFor(isWriting: boolean): SimServer | undefined {
    const { servers } = this.#operator;
    if (servers.length === 0) return undefined;
    if (this.#random.chance(this.#swarm.split)) return isWriting ? servers.at(-1) : servers[0];
    return this.#random.oneOf(servers);
  }

  #takeStep(): boolean {
    if (this.#isHealing || this.#stepsTaken >= this.#options.steps) return false;
    this.#stepsTaken += 1;
    return true;
  }

  async #until(what: string, isSo: () => boolean, explain = async () => {}): Promise<void> {
    const endMs = this.#clock.nowMs + SETTLE_MS;
    let lookAtMs = this.#clock.nowMs;
    let isOver = false;
    await this.#run(() => {
      if (this.#clock.nowMs >= lookAtMs) {
        isOver = isSo();
        lookAtMs = this.#clock.nowMs + LOOK_MS;
      }
      return isOver || this.#clock.nowMs > endMs;
    });
    if (isOver || isSo()) return;
    await explain();
    const waiting = this.#clients.filter(({ isWaiting }) => isWaiting).map(({ waitsFor }) => waitsFor);
    const servers = this.#operator.servers.map(
      ({ instance, statuses }) => `${instance}: ${statuses.join(" ")}`,
    );
    this.#fail(
      "nothing gets stuck",
      `after ${SETTLE_MS / 1000} s this is not true: ${what}; clients wait for ${JSON.stringify(waiting)}; servers: ${servers.join("; ")}`,
    );
  }

  async #run(isOver: () => boolean): Promise<void> {
    await this.#clock.run(() => this.#violation !== undefined || isOver());
    if (this.#violation !== undefined) throw this.#violation;
  }

  #fail(oracle: Oracle, message: string): never {
    throw this.#note(oracle, message);
  }

  /** Keeps only the first violation, because later ones may result from it. */
  #note(oracle: Oracle, message: string): Violation {
    this.#violation ??= new Violation(oracle, message);
    return this.#violation;
  }
}

function endsInBatch({ entries }: MemoryStore): boolean {
  return (entries.at(-1)?.id.seq ?? 0) > 0;
}

function newestBatch({ entries }: MemoryStore): LogId | undefined {
  return entries.findLast(({ id }) => id.seq > 0)?.id;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
