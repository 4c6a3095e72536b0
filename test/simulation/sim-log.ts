/**
 * A simulated log store with the faults of real ones, which never loses acknowledged entries. An entry arrives, is synced,
 * and is then acknowledged; between any two of these steps the store may restart without its unsynced entries. Damage to
 * acknowledged entries is injected by the nemesis.
 */
import { MemoryStore } from "../../src/wal/memory.ts";
import type { MemorySnapshotStore, SnapshotStore } from "../../src/wal/snapshots/snapshot-store.ts";
import {
  compareLogIds,
  formatLogId,
  LogError,
  type LogId,
  type LogStream,
  type StoredEntry,
} from "../../src/wal/wal.ts";
import type { Random } from "../support/random.ts";
import { type Delays, delayOf } from "./sim-channel.ts";
import { ENVIRONMENT, type VirtualClock } from "./virtual-clock.ts";

/** The probability of each fault of one append. */
export type AppendFaults = Readonly<
  Record<"drop_answer" | "fail_before" | "refuse" | "duplicate" | "late" | "hang" | "tear", number>
>;
export type AppendFault = keyof AppendFaults;

export const NO_FAULTS: AppendFaults = {
  drop_answer: 0,
  fail_before: 0,
  refuse: 0,
  duplicate: 0,
  late: 0,
  hang: 0,
  tear: 0,
};

/** The longest delay of a late append; its sender may have been replaced by then. */
const LATE_MS_MAX = 3_000;

/** The longest time between two restarts after a torn append. */
const SECOND_RESTART_MS_MAX = 100;

export type LogEvents = Readonly<{
  clock: VirtualClock;
  random: Random;
  count: (fault: string) => void;
  trace: (what: string) => void;
}>;

/** Only for stores with settings. */
export type OpenOptions = Readonly<{ allowWeakDurability?: boolean }>;

/** The log of a shard in any kind of store, as the rest of the simulation sees it. */
export type LogStore = Pick<
  SimStore,
  | "memory"
  | "trimmed"
  | "trimmedByClaim"
  | "faults"
  | "nextFault"
  | "delays"
  | "isFull"
  | "isReachable"
  | "open"
  | "openSnapshots"
  | "restart"
  | "ownerEnds"
  | "isComplete"
>;

export class SimStore {
  readonly memory: MemoryStore;
  faults: AppendFaults = NO_FAULTS;
  /** The fault of the next append, regardless of the probabilities. */
  nextFault: AppendFault | undefined;
  delays: Delays = { usualMs: 0.5, spikes: 0, spikeMs: 0 };
  /** Refuses every append. */
  isFull = false;
  isReachable = true;
  /** Whether it holds all acknowledged entries. */
  readonly isComplete: boolean = true;
  /** The number of restarts; a connection ends when it changes. */
  life = 0;
  /** Trimmed entries, kept so that oracles can read the whole log. */
  readonly trimmed: StoredEntry[] = [];
  /** By epoch of a claim: the number of entries trimmed before it. */
  readonly trimmedByClaim = new Map<number, number>();
  /** The number of entries that survive a power cut. */
  #synced = 0;
  /** Entries written since the restart are unsynced; they are synced before the next answer. */
  #isDirty = false;
  readonly #events: LogEvents;

  constructor(name: string, events: LogEvents) {
    this.memory = new MemoryStore(name);
    this.#events = events;
  }

  open(_options: OpenOptions = {}): LogStream {
    return new SimStream(this, this.#events);
  }

  /** Opens the snapshots that are stored with the log. */
  openSnapshots(memory: MemorySnapshotStore): SnapshotStore {
    return memory;
  }

  /** Restarts the store; with `losesPower` a random tail of the unsynced entries is lost. */
  restart(losesPower: boolean): void {
    const { random, trace } = this.#events;
    const unsynced = Math.max(0, this.memory.entries.length - this.#synced);
    const lost = losesPower ? random.below(unsynced + 1) : 0;
    this.memory.loseTail(lost);
    this.memory.restart();
    this.life += 1;
    this.#isDirty = false;
    trace(`${this.memory.name} restarts${lost > 0 ? `, and ${lost} of its entries were not synced` : ""}`);
  }

  /** Stores an arrived entry. @throws LogError as a real store would answer */
  store(id: LogId, bytes: Uint8Array, create: boolean): void {
    this.sync();
    this.memory.store(id, bytes, create);
    if (id.seq === 0) this.trimmedByClaim.set(id.epoch, this.trimmed.length);
    this.#isDirty = true;
  }

  trim(below: LogId, entriesMax: number): boolean {
    const before = [...this.memory.entries];
    const isMore = this.memory.trim(below, entriesMax);
    const count = before.length - this.memory.entries.length;
    this.trimmed.push(...before.slice(0, count));
    this.#synced -= count;
    if (count > 0) this.#events.count("trim");
    return isMore;
  }

  /** An owner of this log is about to end, or to be replaced: what only that owner remembers is about to be lost. */
  ownerEnds(): void {}

  /** Takes over everything that another store holds. */
  copyFrom({ memory, trimmed, trimmedByClaim }: SimStore): void {
    this.memory.vanish();
    for (const { id, bytes } of memory.entries) this.memory.store(id, bytes, true);
    this.trimmed.splice(0, this.trimmed.length, ...trimmed);
    this.trimmedByClaim.clear();
    for (const [epoch, count] of trimmedByClaim) this.trimmedByClaim.set(epoch, count);
    this.#synced = this.memory.entries.length;
    this.#isDirty = false;
  }

  /** A write, even one elsewhere in the store, syncs everything before it. */
  syncAll(): void {
    this.#isDirty = true;
    this.sync();
  }

  /** Runs before each answer. Entries from before a restart are synced only with the next entry. */
  sync(): void {
    if (this.#isDirty) this.#synced = this.memory.entries.length;
    this.#isDirty = false;
  }
}

class SimStream implements LogStream {
  readonly name: string;
  readonly resolvable = true;
  restarts: number;
  readonly #store: SimStore;
  readonly #events: LogEvents;
  /** The store's `life` in which the connection was made. */
  #life: number;
  #newestMs = 0;
  #closed = false;
  #acknowledged: LogId | undefined;
  /** The entry that is not acknowledged yet, and the same after `find` has seen it. */
  #pending: LogId | undefined;
  #found: LogId | undefined;

  constructor(store: SimStore, events: LogEvents) {
    this.#store = store;
    this.#events = events;
    this.name = store.memory.name;
    this.restarts = store.memory.restarts;
    this.#life = store.life;
  }

  last(): Promise<StoredEntry | undefined> {
    return this.#request(({ memory }) => memory.entries.at(-1));
  }

  read(after: LogId | undefined, bytesMax: number): Promise<readonly StoredEntry[]> {
    return this.#request(({ memory }) => memory.after(after, bytesMax));
  }

  find(id: LogId): Promise<Uint8Array | undefined> {
    return this.#request(({ memory }) => {
      const bytes = memory.find(id);
      if (bytes !== undefined && this.#pending !== undefined && compareLogIds(id, this.#pending) === 0)
        this.#found = id;
      return bytes;
    });
  }

  async append(id: LogId, bytes: Uint8Array, create = false, restarts?: number): Promise<void> {
    await this.#append(id, bytes, create, restarts);
    this.#acknowledged = id;
    this.#pending = undefined;
    this.#found = undefined;
  }

  #append(id: LogId, bytes: Uint8Array, create: boolean, restarts?: number): Promise<void> {
    const { random, clock, count, trace } = this.#events;
    const store = this.#store;
    const copy = new Uint8Array(bytes);
    const fault = store.nextFault ?? faultOf(random, store.faults);
    store.nextFault = undefined;
    const what = `${this.name} ${id.epoch}-${id.seq}`;
    if (fault !== undefined) {
      count(fault);
      trace(`${what}: ${fault}`);
    }
    const lateMs = LATE_MS_MAX * random.fraction();
    // Dropped if the store has restarted, because that ends the connection.
    const { life } = store;
    const storeLate = () => {
      clock.after(ENVIRONMENT, lateMs, () => {
        if (store.life === life) attempt(() => store.store(id, copy, create));
      });
    };
    if (fault === "late") storeLate();
    if (fault === "hang") return new Promise(() => {});
    return this.#request((reached) => {
      if (restarts !== undefined && restarts !== this.restarts)
        throw this.#unavailable("the store has restarted");
      this.#pending = id;
      if (fault === "fail_before" || fault === "late") throw this.#unavailable("the connection broke");
      if (fault === "refuse" || reached.isFull) throw new LogError("append_refused", `${this.name} is full`);
      reached.store(id, copy, create);
      // Restarts before the answer, with or without a sync.
      if (fault === "tear") {
        reached.restart(true);
        // Often restarts twice.
        if (random.chance(0.5))
          clock.after(ENVIRONMENT, SECOND_RESTART_MS_MAX * random.fraction(), () => reached.restart(true));
      }
      if (fault === "drop_answer" || fault === "tear") throw this.#unavailable("the answer was lost");
      if (fault === "duplicate") storeLate();
    });
  }

  trim(below: LogId, entriesMax: number): Promise<boolean> {
    return this.#request((store) => store.trim(below, entriesMax));
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** Requests of one connection are answered in order. */
  #request<T>(answer: (store: SimStore) => T): Promise<T> {
    const { clock, random } = this.#events;
    const store = this.#store;
    const owner = clock.current;
    if (this.#closed) return Promise.reject(this.#unavailable("the stream is closed"));
    const { life } = store;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const nowMs = clock.nowMs;
    this.#newestMs = Math.max(this.#newestMs, nowMs + delayOf(random, store.delays));
    const backMs = delayOf(random, store.delays);
    const reply = (settle: () => void) =>
      clock.after(owner, Math.max(backMs, owner.repliesHeldUntilMs - clock.nowMs), settle);
    clock.at(ENVIRONMENT, this.#newestMs, () => {
      if (!store.isReachable || store.life !== life) {
        reply(() => reject(this.#unavailable("the log does not answer")));
        return;
      }
      store.sync();
      try {
        if (this.#life !== life) this.#reconnect(life);
        const found = answer(store);
        store.sync();
        // An answer in flight when the store restarts still arrives.
        reply(() => resolve(found));
      } catch (error) {
        reply(() => reject(error instanceof Error ? error : new Error(String(error))));
      }
    });
    return promise;
  }

  /** Like each new connection to Redis: checks that the stream still has what was acknowledged or found. */
  #reconnect(life: number): void {
    this.restarts = this.#store.memory.restarts;
    const last = this.#store.memory.entries.at(-1)?.id;
    const isBelow = (id: LogId | undefined) =>
      id !== undefined && (last === undefined || compareLogIds(last, id) < 0);
    if (isBelow(this.#acknowledged))
      throw new LogError("log_lost_data", `${this.name} ends before ${textOf(this.#acknowledged)}`);
    if (isBelow(this.#found))
      throw new LogError("append_lost", `${this.name}: ${textOf(this.#found)} was found, but is gone again`);
    // Only a checked connection counts as connected.
    this.#life = life;
  }

  #unavailable(reason: string): LogError {
    return new LogError("log_unavailable", `${this.name}: ${reason}`);
  }
}

function textOf(id: LogId | undefined): string {
  return id === undefined ? "nothing" : formatLogId(id);
}

/** Draws at most one fault. */
export function faultOf(random: Random, faults: AppendFaults): AppendFault | undefined {
  if (faults === NO_FAULTS) return undefined;
  let dice = random.fraction();
  for (const [fault, probability] of Object.entries(faults) as [AppendFault, number][]) {
    dice -= probability;
    if (dice < 0) return fault;
  }
  return undefined;
}

/** Ignores the store's errors: the sender is gone. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
  }
}
