/**
 * A store of logs that fails in every way that a real one does, and loses nothing that it has acknowledged: entries come to
 * the store, are synced before anybody hears of them, and answers go back; between any two of these it may end and start
 * again, without what it had not synced. Damage to what was acknowledged is a nemesis of its own.
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
import { NATURE, type VirtualClock } from "./virtual-clock.ts";

/** What may happen to one append, and how probable it is. */
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

/** What is late comes within this time: whoever sent it may have been replaced by then. */
const LATE_MS_MAX = 3_000;

const AGAIN_MS_MAX = 100;

export type LogEvents = Readonly<{
  clock: VirtualClock;
  random: Random;
  count: (fault: string) => void;
  trace: (what: string) => void;
}>;

/** For a store that knows settings. */
export type OpenOptions = Readonly<{ allowWeakDurability?: boolean }>;

export class SimStore {
  readonly memory: MemoryStore;
  faults: AppendFaults = NO_FAULTS;
  /** Happens to the next append, whatever the rates say. */
  nextFault: AppendFault | undefined;
  delays: Delays = { usualMs: 0.5, spikes: 0, spikeMs: 0 };
  /** It says no to every append. */
  isFull = false;
  isReachable = true;
  /** Counts its lives: a connection ends with the one in which it was made. */
  life = 0;
  /** What was trimmed away, so that the whole log can be looked at in the end. */
  readonly trimmed: StoredEntry[] = [];
  /** How many entries that were when a claim was stored, by its epoch. */
  readonly trimmedByClaim = new Map<number, number>();
  /** Entries that will survive whatever happens to the machine. */
  #synced = 0;
  /** Something was written in this life that is not synced yet: it will be, before anything is answered. */
  #isDirty = false;
  readonly #events: LogEvents;

  constructor(name: string, events: LogEvents) {
    this.memory = new MemoryStore(name);
    this.#events = events;
  }

  open(_options: OpenOptions = {}): LogStream {
    return new SimStream(this, this.#events);
  }

  /** The way to the snapshots that are kept beside the log. */
  openSnapshots(memory: MemorySnapshotStore): SnapshotStore {
    return memory;
  }

  /** The store ends and starts again; with `losesPower` what was not synced may be gone, all of it or its end. */
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

  /** What has arrived. @throws LogError as the store would answer */
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

  /** Nothing is answered before this: but what an earlier life has left is synced with the next entry only. */
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
  /** The life of the store in which the connection was made. */
  #life: number;
  #newestMs = 0;
  #closed = false;
  #acknowledged: LogId | undefined;
  /** The entry whose answer is open, and whether it was found since. */
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
    return this.#ask(({ memory }) => memory.entries.at(-1));
  }

  read(after: LogId | undefined, bytesMax: number): Promise<readonly StoredEntry[]> {
    return this.#ask(({ memory }) => memory.after(after, bytesMax));
  }

  find(id: LogId): Promise<Uint8Array | undefined> {
    return this.#ask(({ memory }) => {
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
    // Unless its connection has ended with the store's life meanwhile.
    const { life } = store;
    const storeLate = () => {
      clock.after(NATURE, lateMs, () => {
        if (store.life === life) attempt(() => store.store(id, copy, create));
      });
    };
    if (fault === "late") storeLate();
    if (fault === "hang") return new Promise(() => {});
    return this.#ask((reached) => {
      if (restarts !== undefined && restarts !== this.restarts)
        throw this.#unavailable("the store has restarted");
      this.#pending = id;
      if (fault === "fail_before" || fault === "late") throw this.#unavailable("the connection broke");
      if (fault === "refuse" || reached.isFull) throw new LogError("append_refused", `${this.name} is full`);
      reached.store(id, copy, create);
      // Its life ends before it has answered, and before it has synced, or after that.
      if (fault === "tear") {
        reached.restart(true);
        // What has failed once often fails again.
        if (random.chance(0.5))
          clock.after(NATURE, AGAIN_MS_MAX * random.fraction(), () => reached.restart(true));
      }
      if (fault === "drop_answer" || fault === "tear") throw this.#unavailable("the answer was lost");
      if (fault === "duplicate") storeLate();
    });
  }

  trim(below: LogId, entriesMax: number): Promise<boolean> {
    return this.#ask((store) => store.trim(below, entriesMax));
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** Questions of one connection are answered in order. */
  #ask<T>(answer: (store: SimStore) => T): Promise<T> {
    const { clock, random } = this.#events;
    const store = this.#store;
    const owner = clock.current;
    if (this.#closed) return Promise.reject(this.#unavailable("the stream is closed"));
    const { life } = store;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const nowMs = clock.nowMs;
    this.#newestMs = Math.max(this.#newestMs, nowMs + delayOf(random, store.delays));
    const backMs = delayOf(random, store.delays);
    const reply = (tell: () => void) =>
      clock.after(owner, Math.max(backMs, owner.deafUntilMs - clock.nowMs), tell);
    clock.at(NATURE, this.#newestMs, () => {
      if (!store.isReachable || store.life !== life) {
        reply(() => reject(this.#unavailable("the log does not answer")));
        return;
      }
      store.sync();
      try {
        if (this.#life !== life) this.#greet(life);
        const found = answer(store);
        store.sync();
        // An answer that is on its way when the store ends is lost, or comes as if nothing had been.
        reply(() => resolve(found));
      } catch (error) {
        reply(() => reject(error instanceof Error ? error : new Error(String(error))));
      }
    });
    return promise;
  }

  /** As on every new connection to Redis: who is there, and is the stream where we left it? */
  #greet(life: number): void {
    this.restarts = this.#store.memory.restarts;
    const last = this.#store.memory.entries.at(-1)?.id;
    const isBelow = (id: LogId | undefined) =>
      id !== undefined && (last === undefined || compareLogIds(last, id) < 0);
    if (isBelow(this.#acknowledged))
      throw new LogError("log_lost_data", `${this.name} ends before ${textOf(this.#acknowledged)}`);
    if (isBelow(this.#found))
      throw new LogError("append_lost", `${this.name}: ${textOf(this.#found)} was found, but is gone again`);
    // A connection that was not greeted is none.
    this.#life = life;
  }

  #unavailable(reason: string): LogError {
    return new LogError("log_unavailable", `${this.name}: ${reason}`);
  }
}

function textOf(id: LogId | undefined): string {
  return id === undefined ? "nothing" : formatLogId(id);
}

/** At most one of them happens. */
export function faultOf(random: Random, faults: AppendFaults): AppendFault | undefined {
  if (faults === NO_FAULTS) return undefined;
  let dice = random.fraction();
  for (const [fault, probability] of Object.entries(faults) as [AppendFault, number][]) {
    dice -= probability;
    if (dice < 0) return fault;
  }
  return undefined;
}

/** Nobody is listening any more. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
  }
}
