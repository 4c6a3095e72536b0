/**
 * One simulated server: the real supervisor, shards, gateways and links, on threads that can be killed one by one or all at
 * once, or be paused. Clients call its gateways over a network.
 */

import { OperatingError, type OperatingErrorCode } from "../../src/errors/operating-error.ts";
import { Directory } from "../../src/gateway/directory.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import { ShardLink } from "../../src/gateway/shard-link/shard-link.ts";
import type { MemorySnapshotStore } from "../../src/wal/snapshots/snapshot-store.ts";
import type { LogId } from "../../src/wal/wal.ts";
import { type SnapshotReport, takeFrom } from "../../src/workers/recovery/take-snapshot.ts";
import type { ServerClock } from "../../src/workers/server/server-clock.ts";
import { SnapshotKeeper } from "../../src/workers/server/snapshot-keeper.ts";
import type { ShardExit } from "../../src/workers/shard/messages.ts";
import type { ShardState } from "../../src/workers/supervisor/supervised.ts";
import { Supervisor } from "../../src/workers/supervisor/supervisor.ts";
import { SIM_SETTINGS } from "./sim-archive.ts";
import { type CarriedShard, Pipe, SimCarrier } from "./sim-carrier.ts";
import type { SimStore } from "./sim-log.ts";
import type { Surroundings } from "./surroundings.ts";
import { NATURE, Owner } from "./virtual-clock.ts";

const NETWORK_MS = 0.5;
const SNAPSHOT_MS = 20_000;
/** A gateway's thread that has died is started anew after this. */
const GATEWAY_MS = 100;
/** So often it looks at the wall clock. */
const CLOCK_MS = 1_000;

/** What a client hears: an answer, an error that the server tells, or that the connection has ended. */
export type Heard<T> =
  | Readonly<{ kind: "answer"; value: T }>
  | Readonly<{ kind: "error"; code: OperatingErrorCode }>
  | Readonly<{ kind: "lost" }>;

type Call = Readonly<{ gateway: SimGateway; onLost: () => void }>;

type SimGateway = {
  readonly number: number;
  readonly owner: Owner;
  readonly gateway: Gateway;
  readonly directory: Directory;
  readonly links: readonly ShardLink[];
};

export type ServerHandlers = Readonly<{
  /** A shard has ended, whatever the reason. */
  onExit: (shard: number, exit: ShardExit) => void;
  onStatus: (shard: number, status: ShardState, message: string) => void;
  /** The server cannot go on, or has not started. */
  onFatal: (message: string) => void;
}>;

export type ServerOptions = Readonly<{
  gateways: number;
  /** A snapshot is due after so many records; 0: none are taken. */
  snapshotRecords: number;
}>;

export class SimServer {
  readonly instance: string;
  readonly supervisor: Supervisor;
  readonly clock: ServerClock;
  readonly carrier: SimCarrier;
  readonly statuses: ShardState[];
  /** By shard, that of its log when this server started. */
  readonly epochsBefore: readonly number[];
  /** How many entries of each log were trimmed when it began. */
  readonly trimmedBefore: readonly number[];
  isOver = false;
  isPaused = false;
  readonly #world: Surroundings;
  readonly #main: Owner;
  readonly #archive: Owner;
  readonly #gateways: SimGateway[] = [];
  readonly #calls = new Set<Call>();
  readonly #snapshots: Owner;
  readonly #hung = new Set<Owner>();
  readonly #snapshotRecords: number;
  #nextGateway = 0;

  constructor(instance: string, options: ServerOptions, world: Surroundings, handlers: ServerHandlers) {
    this.instance = instance;
    this.#world = world;
    this.#main = new Owner(`${instance} main`);
    this.#archive = new Owner(`${instance} archive`);
    this.#snapshots = new Owner(`${instance} snapshots`);
    this.#snapshotRecords = options.snapshotRecords;
    this.statuses = world.stores.map(() => "starting");
    this.trimmedBefore = world.stores.map(({ trimmed }) => trimmed.length);
    this.epochsBefore = world.stores.map(({ memory }) => memory.entries.at(-1)?.id.epoch ?? 0);
    this.carrier = new SimCarrier(world, this.#main, handlers.onExit);
    const { stores, archive, witnesses } = world;
    const isNew = stores.every(
      ({ memory }, shard) =>
        witnesses[shard] === undefined &&
        archive.newest(shard) === undefined &&
        memory.entries.every(({ id }) => id.seq === 0),
    );
    this.clock = world.machine.newServerClock();
    this.supervisor = new Supervisor({
      carrier: this.carrier,
      archived: async (shard) => archive.newest(shard),
      judgedClock: () => this.clock.judged,
      init: {
        shards: stores.length,
        generation: 1,
        instance,
        walUrl: "memory:",
        dataDir: "",
        mayCreate: isNew,
        secretKey: "secret-key-for-tests-0123456789abcdef",
        allowWeakDurability: false,
        failpoints: [],
      },
      onFatal: handlers.onFatal,
      report: ({ shard, status, message }) => {
        this.statuses[shard] = status;
        handlers.onStatus(shard, status, message);
      },
    });
    world.clock.after(this.#main, 0, () => this.#start(options.gateways, handlers));
  }

  get isReady(): boolean {
    return this.statuses.every((status) => status === "ready");
  }

  /** Calls one of its gateways; `hear` is called once, if the client still lives to hear it. */
  call<T>(
    ask: (gateway: Gateway, directory: Directory) => Promise<T>,
    hear: (heard: Heard<T>) => void,
  ): void {
    const { clock, random, fail } = this.#world;
    const delay = () => NETWORK_MS * random.fraction();
    const gateway = this.isOver || this.#gateways.length === 0 ? undefined : random.oneOf(this.#gateways);
    if (gateway === undefined) {
      clock.after(NATURE, delay(), () => hear({ kind: "lost" }));
      return;
    }
    const call: Call = { gateway, onLost: () => clock.after(NATURE, delay(), () => hear({ kind: "lost" })) };
    this.#calls.add(call);
    const answer = (heard: Heard<T>) => {
      // Whoever has answered has done so, even if it dies before the answer has arrived.
      if (this.#calls.delete(call)) clock.after(NATURE, delay(), () => hear(heard));
    };
    clock.after(gateway.owner, delay(), () => {
      ask(gateway.gateway, gateway.directory).then(
        (value) => answer({ kind: "answer", value }),
        (error: unknown) => {
          if (error instanceof OperatingError) answer({ kind: "error", code: error.code });
          else fail("nothing throws", `a gateway: ${error instanceof Error ? error.stack : String(error)}`);
        },
      );
    });
  }

  /** The process ends, with all its threads. */
  kill(): void {
    if (this.isOver) return;
    this.isOver = true;
    const dead = this.#owners();
    for (const owner of dead) owner.isDead = true;
    this.carrier.running.clear();
    this.#world.network.bury((owner) => dead.has(owner));
    this.#loseCalls(() => true);
  }

  /** None of its threads runs, until `resume`. */
  pause(): void {
    this.isPaused = true;
    for (const owner of this.#owners()) owner.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.#hung.clear();
    for (const owner of this.#owners()) this.#world.clock.resume(owner);
  }

  /** One shard's thread takes no turn for so long, unless it is killed meanwhile. */
  hang({ owner }: CarriedShard, ms: number): void {
    if (this.isPaused || owner.isPaused || owner.isDead) return;
    owner.isPaused = true;
    this.#hung.add(owner);
    this.#world.clock.after(NATURE, ms, () => this.#release(owner));
  }

  /** No answer of a store reaches any of its threads for so long. */
  deafen(ms: number): void {
    for (const owner of this.#owners()) owner.deafUntilMs = this.#world.clock.nowMs + ms;
  }

  /** Whatever slows its threads down is over. */
  mend(): void {
    if (this.isPaused) this.resume();
    for (const owner of this.#hung) this.#release(owner);
    for (const owner of this.#owners()) owner.deafUntilMs = 0;
  }

  get gatewayOwners(): readonly Owner[] {
    return this.#gateways.map(({ owner }) => owner);
  }

  isGateway(owner: Owner): boolean {
    return this.gatewayOwners.includes(owner);
  }

  #release(owner: Owner): void {
    if (!this.#hung.delete(owner) || this.isPaused || owner.isDead) return;
    this.#world.clock.resume(owner);
  }

  /** One gateway's thread dies, and another one begins. The first is on the main thread. */
  killGateway(): void {
    const mortal = this.#gateways.filter(({ owner }) => owner !== this.#main);
    if (mortal.length === 0) return;
    const { random, clock, network } = this.#world;
    const gateway = random.oneOf(mortal);
    gateway.owner.isDead = true;
    this.#gateways.splice(this.#gateways.indexOf(gateway), 1);
    network.bury((owner) => owner === gateway.owner);
    this.#loseCalls((call) => call.gateway === gateway);
    clock.after(this.#main, 0, () => {
      this.supervisor.disconnect({ kind: "gateway", number: gateway.number });
      clock.after(this.#main, GATEWAY_MS, () => this.#addGateway(new Owner(`${this.instance} gateway`)));
    });
  }

  /** Asks the supervisor for something, in its own thread. */
  ask(act: (supervisor: Supervisor) => void): void {
    this.#world.clock.after(this.#main, 0, () => act(this.supervisor));
  }

  /** Ends in good order; calls back when it has. */
  stop(onStopped: () => void): void {
    this.ask(
      (supervisor) => void supervisor.stop().then(() => this.#world.clock.after(NATURE, 0, onStopped)),
    );
  }

  #start(gateways: number, { onFatal }: ServerHandlers): void {
    const { archive, clock, network } = this.#world;
    const toArchive = new Pipe(clock, this.#archive);
    this.supervisor.connect({
      party: { kind: "archive" },
      attach: (shard, end) => {
        network.handTo(end, this.#archive);
        toArchive.send(0, () => archive.follow(shard, end));
      },
    });
    for (let number = 0; number < gateways; number++)
      this.#addGateway(number === 0 ? this.#main : new Owner(`${this.instance} gateway`));
    this.#watchClock();
    this.supervisor.start().then(
      () => this.#keepSnapshots(),
      (error: unknown) => onFatal(`it cannot start: ${String(error)}`),
    );
  }

  /** As `ClockWatch` does. Somebody accepts a clock that is right and was not followed. */
  #watchClock(): void {
    const { clock, machine } = this.#world;
    const before = this.clock.judged;
    this.clock.check();
    if (machine.isRight && this.clock.state.kind !== "followed") this.clock.accept();
    const { judged } = this.clock;
    if (judged.baselineMs !== before.baselineMs || judged.bootId !== before.bootId)
      this.supervisor.judgeClock(judged);
    clock.after(this.#main, CLOCK_MS, () => this.#watchClock());
  }

  /** As the real server does: when a snapshot is due it is taken on a thread of its own, and then the log is trimmed. */
  #keepSnapshots(): void {
    if (this.#snapshotRecords === 0) return;
    const { trace } = this.#world;
    const say = (what: object, why: string) => trace(`${this.instance}: ${why} ${JSON.stringify(what)}`);
    new SnapshotKeeper({
      shards: () => this.supervisor.shards(),
      archived: async (shard) => this.#archivedOf(shard),
      take: (shard, until, epoch) => this.#take(shard, until, epoch),
      trim: (shard, below) => this.supervisor.trim(shard, below),
      everyRecords: this.#snapshotRecords,
      everyMs: SNAPSHOT_MS,
      log: { info: say, warn: say, error: say },
    }).start();
  }

  /** The archive of a server that was replaced holds nothing of the next one, which is elsewhere. */
  #archivedOf(shard: number): LogId | undefined {
    const id = this.#world.archive.synced(shard)?.id;
    return id !== undefined && id.epoch <= (this.carrier.claimed.get(shard) ?? 0) ? id : undefined;
  }

  #take(shard: number, until: LogId, epoch: number): Promise<SnapshotReport> {
    const { clock, stores, snapshots, count } = this.#world;
    const { promise, resolve, reject } = Promise.withResolvers<SnapshotReport>();
    const source = { generation: 1, shard, shards: stores.length, until, epoch };
    const task = { ...source, pauseMs: 1, settings: SIM_SETTINGS };
    this.#world.onMoment("snapshot", this.carrier.running.get(shard)?.owner);
    clock.after(this.#snapshots, 0, () => {
      const store = stores[shard] as SimStore;
      // As in `takeSnapshot`: settings are the owner's concern.
      const stream = store.open({ allowWeakDurability: true });
      const slots = store.openSnapshots(snapshots[shard] as MemorySnapshotStore);
      const close = () => Promise.all([stream.close(), slots.close()]);
      const taken = takeFrom(stream, slots, task);
      taken.then(close, close);
      taken.then(
        (report) => {
          count("snapshot");
          clock.after(this.#main, 0, () => resolve(report));
        },
        (error: Error) => clock.after(this.#main, 0, () => reject(error)),
      );
    });
    return promise;
  }

  #addGateway(owner: Owner): void {
    const { archive, clock, network, stores } = this.#world;
    const directory = new Directory(() => clock.timeMs, undefined);
    const links = stores.map(
      (_, shard) =>
        new ShardLink({
          shard,
          onFacts: (facts) => directory.learn(facts),
          onAllFacts: (facts) => directory.learnAll(facts),
          open: network.open,
        }),
    );
    const gateway = new Gateway();
    gateway.connect(links, archive.queries(), () => undefined);
    const number = this.#nextGateway++;
    this.#gateways.push({ number, owner, gateway, directory, links });
    const pipe = new Pipe(clock, owner);
    this.supervisor.connect({
      party: { kind: "gateway", number },
      attach: (shard, end) => {
        network.handTo(end, owner);
        pipe.send(0, () => links[shard]?.attach(end));
      },
    });
  }

  #owners(): ReadonlySet<Owner> {
    const shards = [...this.carrier.running.values()].map(({ owner }) => owner);
    return new Set([
      this.#main,
      this.#archive,
      this.#snapshots,
      ...this.#gateways.map(({ owner }) => owner),
      ...shards,
    ]);
  }

  #loseCalls(isLost: (call: Call) => boolean): void {
    for (const call of this.#calls) {
      if (!isLost(call)) continue;
      this.#calls.delete(call);
      call.onLost();
    }
  }
}
