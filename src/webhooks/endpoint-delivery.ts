/**
 * Delivers a partner's events to one endpoint: at least once, with up to ten requests in flight, and in order for each
 * subject. An event that fails holds back only later events of its own subject. Pure but for what it is given.
 *
 * Progress is a cursor, before which every event is delivered or held back, and the held-back subjects. It is stored in
 * the log, so after a crash some events are sent again, with the same id.
 */
import { assert } from "../errors/assert.ts";
import { retryAfterMs, TRIED_MS_MAX } from "./backoff.ts";
import {
  beforePlace,
  compareFeedPlaces,
  type FeedEntry,
  type FeedPlace,
  type FeedReader,
} from "./feed-entry.ts";

const IN_FLIGHT_MAX = 10;
/** Events that are read ahead. */
const WINDOW_MAX = 100;
/** Held-back subjects. With this many, the endpoint waits until one of them is free again. */
const BLOCKED_MAX = 1_000;
/**
 * Subjects that have failed since the last success before the endpoint counts as down. Then one held-back event at a
 * time probes it, and nothing else is sent.
 */
const DOWN_AFTER = 10;

type Blocked = { -readonly [Field in keyof BlockedSubject]: BlockedSubject[Field] };

export type DeliveryDeps = Readonly<{
  feed: FeedReader;
  /** Sends an event; false if it has to be sent again. Never rejects. */
  send: (entry: FeedEntry, tries: number) => Promise<boolean>;
  /** An event has failed for a day, although the endpoint accepts others. */
  park: (entry: FeedEntry) => void;
  /** The progress has changed. */
  progressed: () => void;
  nowMs: () => number;
  random: () => number;
  /** Calls `work` after a time, unless it is cancelled. */
  schedule: (ms: number, work: () => void) => () => void;
}>;

type InWindow = { readonly entry: FeedEntry; state: "queued" | "sending" | "done" };

export class EndpointDelivery {
  readonly #deps: DeliveryDeps;
  readonly #run: number;
  readonly #blocked: Map<string, Blocked>;
  #window: InWindow[] = [];
  /** Everything up to here was read from the feed. */
  #readTo: FeedPlace | null;
  /** Everything up to here is delivered or held back. */
  #cursor: FeedPlace | null;
  #inFlight = 0;
  #reading = false;
  /** There may be events after `#readTo`. */
  #hasMore = true;
  /** Subjects that have failed since the last success. */
  readonly #failing = new Set<string>();
  readonly #catchingUp = new Set<string>();
  #cancelRetry: () => void = () => {};
  #closed = false;

  constructor({ run, cursor, blocked }: Progress, deps: DeliveryDeps) {
    this.#deps = deps;
    this.#run = run;
    this.#cursor = cursor;
    this.#readTo = cursor;
    this.#blocked = new Map(blocked.map((each) => [each.subject, { ...each }]));
  }

  get progress(): Progress {
    return {
      run: this.#run,
      cursor: this.#cursor,
      blocked: Array.from(this.#blocked.values(), (each) => ({ ...each })),
    };
  }

  /** Whether nothing is being sent or held back, as far as the feed was read. */
  get isIdle(): boolean {
    return this.#inFlight === 0 && this.#window.length === 0 && this.#blocked.size === 0;
  }

  /** Reads on: there may be new events. */
  wake(): void {
    this.#hasMore = true;
    this.#work();
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry();
  }

  get #isDown(): boolean {
    return this.#failing.size >= DOWN_AFTER;
  }

  #work(): void {
    if (this.#closed) return;
    this.#dispatch();
    this.#read();
    this.#scheduleRetry();
  }

  /** Sends queued events, oldest first, at most one of each subject at a time. */
  #dispatch(): void {
    const busy = new Set<string>();
    for (const each of this.#window) {
      if (this.#inFlight === IN_FLIGHT_MAX || this.#isDown) return;
      if (each.state === "done") continue;
      const { subject } = each.entry;
      if (each.state === "queued" && !busy.has(subject)) void this.#sendFirst(each);
      busy.add(subject);
    }
  }

  async #sendFirst(each: InWindow): Promise<void> {
    each.state = "sending";
    const isDelivered = await this.#send(each.entry, 1);
    if (!isDelivered) this.#block(each.entry);
    each.state = "done";
    this.#advance();
    this.#work();
  }

  async #send(entry: FeedEntry, tries: number): Promise<boolean> {
    this.#inFlight += 1;
    const isDelivered = await this.#deps.send(entry, tries);
    this.#inFlight -= 1;
    if (isDelivered && this.#isDown) this.#retryAllNow();
    if (isDelivered) this.#failing.clear();
    else this.#failing.add(entry.subject);
    return isDelivered;
  }

  /** Holds back the subject of an event that has failed for the first time. */
  #block({ subject, place }: FeedEntry): void {
    const nowMs = this.#deps.nowMs();
    const retryAtMs = nowMs + retryAfterMs(1, this.#deps.random());
    this.#blocked.set(subject, {
      subject,
      after: beforePlace(place),
      tries: 1,
      firstFailedMs: nowMs,
      retryAtMs,
    });
    for (const other of this.#window)
      if (other.entry.subject === subject && other.state === "queued") other.state = "done";
  }

  /** Moves the cursor past the events that are done. */
  #advance(): void {
    const open = this.#window.findIndex(({ state }) => state !== "done");
    const done = open === -1 ? this.#window : this.#window.slice(0, open);
    this.#window = open === -1 ? [] : this.#window.slice(open);
    this.#cursor = this.#window.length === 0 ? this.#readTo : (done.at(-1)?.entry.place ?? this.#cursor);
    this.#deps.progressed();
  }

  #read(): void {
    if (this.#reading || !this.#hasMore || this.#isDown) return;
    if (this.#window.length > WINDOW_MAX / 2 || this.#blocked.size >= BLOCKED_MAX) return;
    this.#reading = true;
    void this.#deps.feed(this.#readTo, { limit: WINDOW_MAX }).then(({ entries, last, isLast }) => {
      this.#reading = false;
      if (this.#closed) return;
      for (const entry of entries)
        this.#window.push({ entry, state: this.#blocked.has(entry.subject) ? "done" : "queued" });
      this.#readTo = last ?? this.#readTo;
      this.#hasMore = !isLast;
      this.#advance();
      this.#work();
    });
  }

  /** After a success of an endpoint that was down. */
  #retryAllNow(): void {
    const nowMs = this.#deps.nowMs();
    for (const blocked of this.#blocked.values()) blocked.retryAtMs = nowMs;
  }

  #scheduleRetry(): void {
    this.#cancelRetry();
    this.#cancelRetry = () => {};
    if (this.#inFlight >= IN_FLIGHT_MAX || (this.#isDown && this.#catchingUp.size > 0)) return;
    const [next] = [...this.#blocked]
      .filter(([subject]) => !this.#catchingUp.has(subject))
      .toSorted(([, a], [, b]) => a.retryAtMs - b.retryAtMs);
    if (next === undefined) return;
    const [subject, blocked] = next;
    const waitMs = Math.max(0, blocked.retryAtMs - this.#deps.nowMs());
    this.#cancelRetry = this.#deps.schedule(waitMs, () => {
      void this.#catchUp(subject, blocked);
      this.#work();
    });
  }

  /** Sends the events of a held-back subject, one after the other, until one fails or none is left. */
  async #catchUp(subject: string, blocked: Blocked): Promise<void> {
    this.#catchingUp.add(subject);
    for (;;) {
      const readTo = this.#readTo;
      const { entries } = await this.#deps.feed(blocked.after, { limit: IN_FLIGHT_MAX, subject });
      // Later events come with the window.
      const own = entries.filter(({ place }) => readTo !== null && compareFeedPlaces(place, readTo) <= 0);
      if (this.#closed) return;
      if (own.length > 0) {
        if (!(await this.#sendInOrder(own, blocked))) break;
      } else if (readTo === this.#readTo) {
        // Otherwise the window has just passed over further events of the subject.
        this.#blocked.delete(subject);
        break;
      }
    }
    this.#catchingUp.delete(subject);
    this.#deps.progressed();
    this.#work();
  }

  /** @returns false once an event has failed. */
  async #sendInOrder(entries: readonly FeedEntry[], blocked: Blocked): Promise<boolean> {
    for (const entry of entries) {
      assert(compareFeedPlaces(entry.place, blocked.after) > 0, "a subject's events are sent in order");
      if (await this.#send(entry, blocked.tries + 1)) {
        blocked.after = entry.place;
        blocked.tries = 0;
        blocked.firstFailedMs = this.#deps.nowMs();
      } else if (!this.#parks(entry, blocked)) return false;
    }
    return true;
  }

  /** Notes a failure. @returns whether the event was parked, so that the next one may be sent. */
  #parks(entry: FeedEntry, blocked: Blocked): boolean {
    const nowMs = this.#deps.nowMs();
    if (nowMs - blocked.firstFailedMs >= TRIED_MS_MAX && !this.#isDown) {
      this.#deps.park(entry);
      blocked.after = entry.place;
      blocked.tries = 0;
      blocked.firstFailedMs = nowMs;
      return true;
    }
    blocked.tries += 1;
    blocked.retryAtMs = nowMs + retryAfterMs(blocked.tries, this.#deps.random());
    return false;
  }
}
