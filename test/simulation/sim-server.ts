/**
 * A simulated server: the real supervisor, shards, gateways and links, on simulated threads that can be killed or paused
 * one by one or together. Clients call its gateways over a simulated network.
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
import type { SimContext } from "./sim-context.ts";
import type { LogStore } from "./sim-log.ts";
import { ENVIRONMENT, Owner } from "./virtual-clock.ts";

const NETWORK_MS = 0.5;
const SNAPSHOT_MS = 20_000;
/** Delay until a dead gateway thread is restarted. */
const GATEWAY_MS = 100;
/** Interval of its wall clock checks. */
const CLOCK_MS = 1_000;

/** The result of a client's call: an answer, the server's error, or a lost connection. */
export type CallResult<T> =
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
  /** The server cannot start, or cannot continue. */
  onFatal: (message: string) => void;
}>;

export type ServerOptions = Readonly<{
  gateways: number;
  /** Records after which a snapshot is due; 0: no snapshots. */
  snapshotRecords: number;
}>;

export class SimServer {
  readonly instance: string;
  readonly supervisor: Supervisor;
  readonly clock: ServerClock;
  readonly carrier: SimCarrier;
  readonly statuses: ShardState[];
  /** By shard: the epoch of its log when this server started. */
  readonly epochsBefore: readonly number[];
  /** By shard: the number of trimmed entries when this server started. */
  readonly trimmedBefore: readonly number[];
  isOver = false;
  isPaused = false;
  readonly #world: SimContext;
  readonly #main: Owner;
  readonly #archive: Owner;
  readonly #gateways: SimGateway[] = [];
  readonly #calls = new Set<Call>();
  readonly #snapshots: Owner;
  readonly #hung = new Set<Owner>();
  readonly #snapshotRecords: number;
  #nextGateway = 0;

  constructor(instance: string, options: ServerOptions, world: SimContext, handlers: ServerHandlers) {
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
        walReplicas: 1,
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

  /** Calls a random gateway, and `onResult` once. */
  call<T>(
    ask: (gateway: Gateway, directory: Directory) => Promise<T>,
    onResult: (result: CallResult<T>) => void,
  ): void {
    const { clock, random, fail } = this.#world;
    const delay = () => NETWORK_MS * random.fraction();
    const gateway = this.isOver || this.#gateways.length === 0 ? undefined : random.oneOf(this.#gateways);
    if (gateway === undefined) {
      clock.after(ENVIRONMENT, delay(), () => onResult({ kind: "lost" }));
      return;
    }
    const call: Call = {
      gateway,
      onLost: () => clock.after(ENVIRONMENT, delay(), () => onResult({ kind: "lost" })),
    };
    this.#calls.add(call);
    const answer = (result: CallResult<T>) => {
      // An answer that was sent arrives even if its gateway dies before that.
      if (this.#calls.delete(call)) clock.after(ENVIRONMENT, delay(), () => onResult(result));
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

  /** Kills the process with all its threads. */
  kill(): void {
    if (this.isOver) return;
    this.isOver = true;
    const dead = this.#owners();
    for (const owner of dead) owner.isDead = true;
    for (const store of this.#world.stores) store.ownerEnds();
    this.carrier.running.clear();
    this.#world.network.closeEndsOf((owner) => dead.has(owner));
    this.#loseCalls(() => true);
  }

  /** Pauses all its threads until `resume`. */
  pause(): void {
    this.isPaused = true;
    for (const owner of this.#owners()) owner.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.#hung.clear();
    for (const owner of this.#owners()) this.#world.clock.resume(owner);
  }

  /** Pauses one shard's thread for `ms`, unless it is killed before. */
  hang({ owner }: CarriedShard, ms: number): void {
    if (this.isPaused || owner.isPaused || owner.isDead) return;
    owner.isPaused = true;
    this.#hung.add(owner);
    this.#world.clock.after(ENVIRONMENT, ms, () => this.#release(owner));
  }

  /** Delays the stores' replies to all its threads by `ms`. */
  holdReplies(ms: number): void {
    for (const owner of this.#owners()) owner.repliesHeldUntilMs = this.#world.clock.nowMs + ms;
  }

  /** Ends all pauses, hangs and delays of replies. */
  mend(): void {
    if (this.isPaused) this.resume();
    for (const owner of this.#hung) this.#release(owner);
    for (const owner of this.#owners()) owner.repliesHeldUntilMs = 0;
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

  /** Kills one gateway's thread, and starts another one. The first gateway runs on the main thread and is not killed. */
  killGateway(): void {
    const mortal = this.#gateways.filter(({ owner }) => owner !== this.#main);
    if (mortal.length === 0) return;
    const { random, clock, network } = this.#world;
    const gateway = random.oneOf(mortal);
    gateway.owner.isDead = true;
    this.#gateways.splice(this.#gateways.indexOf(gateway), 1);
    network.closeEndsOf((owner) => owner === gateway.owner);
    this.#loseCalls((call) => call.gateway === gateway);
    clock.after(this.#main, 0, () => {
      this.supervisor.disconnect({ kind: "gateway", number: gateway.number });
      clock.after(this.#main, GATEWAY_MS, () => this.#addGateway(new Owner(`${this.instance} gateway`)));
    });
  }

  /** Calls the supervisor on its own thread. */
  ask(act: (supervisor: Supervisor) => void): void {
    this.#world.clock.after(this.#main, 0, () => act(this.supervisor));
  }

  /** Stops the server in order. @param onStopped called when it has stopped */
  stop(onStopped: () => void): void {
    this.ask(
      (supervisor) => void supervisor.stop().then(() => this.#world.clock.after(ENVIRONMENT, 0, onStopped)),
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

  /** Like `ClockWatch`. Also accepts a correct clock that was not followed, as an operator would. */
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

  /** Like the real server: takes due snapshots on a separate thread, and then trims the log. */
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

  /** The newest archived id, unless a server that has replaced this one wrote it. */
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
      const store = stores[shard] as LogStore;
      // Like `takeSnapshot`: the shard's owner checks the store's settings.
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
