/**
 * The time of a simulated run. It replaces the global timers and clocks of the code under test by a heap of events, in the
 * order of a clock that only this file moves. What an event starts has the same owner, a thread or process of the simulated
 * server. An owner can be killed (its events are dropped) or paused (its events run later).
 */
import type { Random } from "../support/random.ts";

/** A simulated thread or process. */
export class Owner {
  readonly name: string;
  /** Its events are dropped. */
  isDead = false;
  /** Its events are kept until it resumes. */
  isPaused = false;
  /** When it last resumed. */
  resumedMs = Number.NEGATIVE_INFINITY;
  /** No reply of a store reaches it before this time. */
  repliesHeldUntilMs = 0;
  readonly backlog: Event[] = [];

  constructor(name: string) {
    this.name = name;
  }
}

/** The owner of everything outside the server: network, stores, clients. */
export const ENVIRONMENT = new Owner("environment");

type Event = {
  dueMs: number;
  readonly eventSeq: number;
  readonly owner: Owner;
  readonly act: () => void;
  isCancelled: boolean;
};

type Interval = { isCancelled: boolean; readonly unref: () => Interval };

/** The start of simulated time, far enough from the bounds that idempotency keys allow for a clock jump of days. */
export const BEGINNING_MS = Date.UTC(2026, 0, 1);
/** Timers are late by up to this, like real ones. It also gives simultaneous timers a seeded order. */
const TIMER_JITTER_MS = 0.5;
/** The longest delay of `setImmediate`: what arrives by then belongs to the same turn. */
const TURN_MS = 0.02;
const FNV_PRIME = 0x01000193;

const realImmediate = setImmediate;
const realNow = performance.now.bind(performance);
const REAL = { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate };
const realDateNow = Date.now;

export class VirtualClock {
  /** The monotonic clock. */
  nowMs = 0;
  /** The wall clock minus the monotonic clock. */
  wallOffsetMs = BEGINNING_MS;
  /** The time that a wall clock read takes, so that two reads in one turn may differ. */
  readingMs = 0;
  /** The owner of the running code. */
  current: Owner = ENVIRONMENT;
  events = 0;
  /** A hash of the order of all events so far. */
  orderHash = 0x811c9dc5;
  readonly #random: Random;
  readonly #heap: Event[] = [];
  /** By owner: the due time of its newest immediate. Immediates of one owner run in order. */
  readonly #turns = new WeakMap<Owner, number>();
  #eventSeq = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get timeMs(): number {
    this.nowMs += this.readingMs;
    return Math.floor(this.wallOffsetMs + this.nowMs);
  }

  /** Calls `act` as `owner` after `ms`. @returns a function that cancels it */
  after(owner: Owner, ms: number, act: () => void): () => void {
    return this.at(owner, this.nowMs + Math.max(0, ms), act);
  }

  /** Calls `act` as `owner` at that time; simultaneous events run in the order of the calls. @returns a cancel function */
  at(owner: Owner, atMs: number, act: () => void): () => void {
    const event = this.#put(owner, Math.max(this.nowMs, atMs), act);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Runs events until `isOver()`, or until none are left. */
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
      this.orderHash = Math.imul(this.orderHash ^ event.eventSeq ^ Math.floor(this.nowMs * 1024), FNV_PRIME);
      this.current = owner;
      event.act();
      // Lets all promise callbacks of the event run before the next event.
      await new Promise((resolve) => realImmediate(resolve));
    }
  }

  /** Resumes an owner; events that were due in the pause are due now. */
  resume(owner: Owner): void {
    owner.isPaused = false;
    owner.resumedMs = this.nowMs;
    for (const event of owner.backlog.splice(0)) {
      event.dueMs = this.nowMs;
      this.#push(event);
    }
  }

  /** Replaces the global timers and clocks by this clock. */
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
    return this.#put(this.current, this.nowMs + ms + TIMER_JITTER_MS * this.#random.fraction(), act);
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
    this.#eventSeq += 1;
    const event = { dueMs, eventSeq: this.#eventSeq, owner, act, isCancelled: false };
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

/** The real monotonic clock in ms, to measure how long simulations take. */
export function realMs(): number {
  return realNow();
}

function isBefore(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.eventSeq < b.eventSeq);
}

function cancel(event: { isCancelled: boolean } | undefined): void {
  if (event !== undefined) event.isCancelled = true;
}
