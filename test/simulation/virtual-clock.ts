/**
 * All time of a simulated run. The code under test takes its timers and clocks from the globals, so these are put in
 * their place: a heap of events in the order of a clock that only this file moves. What one event starts belongs to the
 * same owner, a thread or process of the simulated server, which can be killed (nothing of it runs any more) or paused
 * (all of it runs later).
 */
import type { Random } from "../support/random.ts";

/** A thread or a process: whoever it is that can die. */
export class Owner {
  readonly name: string;
  /** Its events are dropped. */
  isDead = false;
  /** Its events are kept until it goes on. */
  isPaused = false;
  /** When it went on last. */
  resumedMs = Number.NEGATIVE_INFINITY;
  /** No answer of a store reaches it before this moment: the way back from there is slow. */
  deafUntilMs = 0;
  readonly backlog: Event[] = [];

  constructor(name: string) {
    this.name = name;
  }
}

/** What belongs to no part of the server: the network, the stores, the clients. */
export const NATURE = new Owner("nature");

type Event = {
  dueMs: number;
  readonly no: number;
  readonly owner: Owner;
  readonly act: () => void;
  isCancelled: boolean;
};

type Interval = { isCancelled: boolean; readonly unref: () => Interval };

/** Never in the past for `Date`, and far from where a day's jump would leave the range that keys allow. */
export const BEGINNING_MS = Date.UTC(2026, 0, 1);
/** A timer is late by up to so much, as real ones are; that also gives a seeded order to what is due at one moment. */
const LATE_MS = 0.5;
/** The end of a turn: what else has come in by then. */
const TURN_MS = 0.02;
const FNV_PRIME = 0x01000193;

const realImmediate = setImmediate;
const realNow = performance.now.bind(performance);
const REAL = { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate };
const realDateNow = Date.now;

export class VirtualClock {
  /** The monotonic clock of every machine. */
  nowMs = 0;
  /** What the clocks on the walls show beyond it. */
  wallOffsetMs = BEGINNING_MS;
  /** A look at the clock on the wall takes so long: two of one turn may differ. */
  readingMs = 0;
  /** Whose code is running. */
  current: Owner = NATURE;
  events = 0;
  /** Of all events so far, in their order. */
  orderHash = 0x811c9dc5;
  readonly #random: Random;
  readonly #heap: Event[] = [];
  /** Of each owner, when its newest end of a turn is: these come in order, as a thread has them. */
  readonly #turns = new WeakMap<Owner, number>();
  #no = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get timeMs(): number {
    this.nowMs += this.readingMs;
    return Math.floor(this.wallOffsetMs + this.nowMs);
  }

  /** Calls `act` as `owner` after `ms`. @returns what cancels it */
  after(owner: Owner, ms: number, act: () => void): () => void {
    return this.at(owner, this.nowMs + Math.max(0, ms), act);
  }

  /** Calls `act` as `owner` at that moment. What is to happen at one moment happens in the order of the calls. */
  at(owner: Owner, atMs: number, act: () => void): () => void {
    const event = this.#put(owner, Math.max(this.nowMs, atMs), act);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Runs events until `isOver`, or until there are none. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const event = this.#take();
      if (event === undefined) return;
      const { owner } = event;
      if (event.isCancelled || owner.isDead) continue;
      if (owner.isPaused) {
        owner.backlog.push(event);
        continue;
      }
      this.nowMs = Math.max(this.nowMs, event.dueMs);
      this.events += 1;
      this.orderHash = Math.imul(this.orderHash ^ event.no ^ Math.floor(this.nowMs * 1024), FNV_PRIME);
      this.current = owner;
      event.act();
      // Whatever it has started by promises is done before anything else happens.
      await new Promise((resolve) => realImmediate(resolve));
    }
  }

  /** What was due meanwhile is due now. */
  resume(owner: Owner): void {
    owner.isPaused = false;
    owner.resumedMs = this.nowMs;
    for (const event of owner.backlog.splice(0)) {
      event.dueMs = this.nowMs;
      this.#push(event);
    }
  }

  /** Puts this clock where the code under test takes its time from. */
  install(): void {
    const timers = {
      setTimeout: (act: () => void, ms = 0) => this.#timer(ms, act),
      setInterval: (act: () => void, ms = 0) => this.#interval(Math.max(1, ms), act),
      setImmediate: (act: () => void) => this.#immediate(act),
      clearTimeout: cancel,
      clearInterval: cancel,
      clearImmediate: cancel,
    };
    Object.assign(globalThis, timers);
    performance.now = () => this.nowMs;
    Date.now = () => this.timeMs;
  }

  static uninstall(): void {
    Object.assign(globalThis, REAL);
    performance.now = realNow;
    Date.now = realDateNow;
  }

  #timer(ms: number, act: () => void): Event {
    return this.#put(this.current, this.nowMs + ms + LATE_MS * this.#random.fraction(), act);
  }

  #interval(ms: number, act: () => void): Interval {
    const interval: Interval = { isCancelled: false, unref: () => interval };
    const again = () => {
      if (interval.isCancelled) return;
      this.#timer(ms, again);
      act();
    };
    this.#timer(ms, again);
    return interval;
  }

  #immediate(act: () => void): Event {
    const owner = this.current;
    const dueMs = Math.max(this.#turns.get(owner) ?? 0, this.nowMs + TURN_MS * this.#random.fraction());
    this.#turns.set(owner, dueMs);
    return this.#put(owner, dueMs, act);
  }

  #put(owner: Owner, dueMs: number, act: () => void): Event {
    this.#no += 1;
    const event = { dueMs, no: this.#no, owner, act, isCancelled: false };
    this.#push(event);
    return event;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #take(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

/** The wall clock of the machine, for whoever runs simulations and wants to know how long they take. */
export function realMs(): number {
  return realNow();
}

function isBefore(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.no < b.no);
}

function cancel(event: { isCancelled: boolean } | undefined): void {
  if (event !== undefined) event.isCancelled = true;
}
