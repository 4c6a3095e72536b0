/**
 * Delivers a partner's events to one endpoint: at least once, with up to ten requests in flight, and in order for each
 * subject. An event that fails holds back only later events of its own subject.
 *
 * Progress is a cursor, before which every event is delivered or held back, and the held-back subjects. It is stored in
 * the log, so after a crash some events are sent again, with the same id.
 */
import type { FeedPlace, Progress, ProgressChange } from "../actors/programmes/webhooks/acts.ts";
import { probeAfterMs, TRIED_MS_MAX } from "./backoff.ts";
import { BlockedSubjects } from "./blocked-subjects.ts";
import {
  beforePlace,
  compareFeedPlaces,
  type FeedEntry,
  type FeedPart,
  type FeedReader,
} from "./feed-entry.ts";

const IN_FLIGHT_MAX = 10;
/** Events that are read ahead. */
const WINDOW_MAX = 100;
/** Held-back subjects. With this many, no further events are read until one of them is free again. */
const BLOCKED_MAX = 1_000;
/**
 * Subjects that have failed since the last success before the endpoint counts as down. Then one event at a time is
 * sent, and no new one before a pause that grows with each that fails.
 */
const DOWN_AFTER = 10;
/**
 * New events that have failed in a row before a success means that the endpoint is back. With fewer, the events that are
 * held back may be ones that it can never take.
 */
const PROBES_MIN = 3;
/** Pause after a retry that has failed, while the endpoint is down. Many subjects may wait for theirs. */
const RETRY_PAUSE_MS = 10_000;

export type DeliveryDeps = Readonly<{
  feed: FeedReader;
  /** Sends an event; false if it has to be sent again. Never rejects. @param tries with this one. */
  send: (entry: FeedEntry, tries: number) => Promise<boolean>;
  /** An event has failed for a day, although the endpoint has accepted others. */
  park: (entry: FeedEntry, tries: number) => void;
  /** There is progress to store. */
  progressed: () => void;
  nowMs: () => number;
  /** From 0 to 1. */
  random: () => number;
  /** Calls `work` after a time, unless it is cancelled. */
  schedule: (ms: number, work: () => void) => () => void;
}>;

type InWindow = { readonly entry: FeedEntry; state: "queued" | "sending" | "done" };

export class EndpointDelivery {
  readonly #deps: DeliveryDeps;
  readonly #blocked: BlockedSubjects;
  #window: InWindow[] = [];
  #sending = 0;
  /** Everything up to here was read from the feed. */
  #readTo: FeedPlace | null;
  /** Everything up to here is delivered or held back. */
  #cursor: FeedPlace | null;
  #isReading = false;
  /** There may be events after `#readTo`. */
  #hasMore = true;
  /** Subjects that have failed since the last success. */
  readonly #failing = new Set<string>();
  /** New events that have failed in a row since the endpoint has been down. */
  #probes = 0;
  #probeAtMs = 0;
  #retryFromMs = 0;
  #succeededMs = Number.NEGATIVE_INFINITY;
  #cancelTimer: () => void = () => {};
  #isPaused = false;
  #onIdle: () => void = () => {};
  #isClosed = false;

  /** Does nothing before `wake`. */
  constructor({ cursor, blocked }: Pick<Progress, "cursor" | "blocked">, deps: DeliveryDeps) {
    this.#deps = deps;
    this.#cursor = cursor;
    this.#readTo = cursor;
    this.#blocked = new BlockedSubjects(blocked, deps.random);
  }

  get isDown(): boolean {
    return this.#failing.size >= DOWN_AFTER;
  }

  /** Log time of the oldest event that was read and is neither delivered nor held back; `undefined` if there is none. */
  get waitsSinceMs(): number | undefined {
    return this.#window[0]?.entry.place[0];
  }

  get blocked(): number {
    return this.#blocked.size;
  }

  /** What has changed since the last call. */
  takeProgress(): Omit<ProgressChange, "version"> {
    return { cursor: this.#cursor, ...this.#blocked.takeChanges() };
  }

  /** Reads on: there may be new events. */
  wake(): void {
    this.#hasMore = true;
    this.#work();
  }

  /** If this event is held back, retries its subject at once. @returns false if it is not held back */
  retryNow({ subject, place }: FeedEntry): boolean {
    if (!this.#blocked.has(subject)) return false;
    if (compareFeedPlaces(place, this.#blocked.of(subject).after) <= 0) return false;
    this.#blocked.retryAt(subject, this.#deps.nowMs());
    this.#retryFromMs = 0;
    this.#work();
    return true;
  }

  /** Starts no more requests. Resolves when none is in flight. */
  pause(): Promise<void> {
    this.#isPaused = true;
    this.#cancelTimer();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    this.#work();
    return promise;
  }

  /** What is in flight is not cancelled, but counts no more. */
  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
  }

  #work(): void {
    if (this.#isClosed) return;
    if (this.#isPaused) {
      if (this.#sending + this.#blocked.catchingUp === 0) this.#onIdle();
      return;
    }
    while (this.#sending + this.#blocked.catchingUp < (this.isDown ? 1 : IN_FLIGHT_MAX))
      if (!this.#startNext()) break;
    this.#read();
    this.#schedule();
  }

  /** Starts a retry that is due, or else sends the next event. @returns false if there is neither */
  #startNext(): boolean {
    const nowMs = this.#deps.nowMs();
    const [subject, retryAtMs] = this.#nextRetry();
    if (subject !== undefined && retryAtMs <= nowMs) {
      void this.#catchUp(subject);
      return true;
    }
    const next = this.isDown && nowMs < this.#probeAtMs ? undefined : this.#nextQueued();
    if (next !== undefined) void this.#sendFirst(next);
    return next !== undefined;
  }

  /** The subject that is to be retried next, and when. */
  #nextRetry(): readonly [subject: string | undefined, atMs: number] {
    const first = this.#blocked.first();
    if (first === undefined) return [undefined, Number.POSITIVE_INFINITY];
    return [first.subject, this.isDown ? Math.max(first.retryAtMs, this.#retryFromMs) : first.retryAtMs];
  }

  /** The oldest event in the window of whose subject none is being sent. */
  #nextQueued(): InWindow | undefined {
    const busy = new Set<string>();
    for (const each of this.#window) {
      if (each.state === "queued" && !busy.has(each.entry.subject)) return each;
      if (each.state === "sending") busy.add(each.entry.subject);
    }
    return undefined;
  }

  async #sendFirst(each: InWindow): Promise<void> {
    const { entry } = each;
    each.state = "sending";
    this.#sending += 1;
    const isDelivered = await this.#send(entry, 1);
    this.#sending -= 1;
    if (this.#isClosed) return;
    if (!isDelivered) this.#block(entry);
    each.state = "done";
    this.#advance();
    this.#work();
  }

  async #send(entry: FeedEntry, tries: number): Promise<boolean> {
    const isDelivered = await this.#deps.send(entry, tries);
    if (this.#isClosed) return isDelivered;
    const nowMs = this.#deps.nowMs();
    if (isDelivered) {
      if (this.isDown && (tries > 1 || this.#probes >= PROBES_MIN)) this.#blocked.retryAllAt(nowMs);
      this.#failing.clear();
      this.#probes = 0;
      this.#succeededMs = nowMs;
    } else {
      this.#failing.add(entry.subject);
      if (tries > 1) this.#retryFromMs = nowMs + RETRY_PAUSE_MS;
      else if (this.isDown) this.#probeAtMs = nowMs + probeAfterMs(++this.#probes, this.#deps.random());
    }
    return isDelivered;
  }

  /** Holds back the subject of an event that has failed for the first time. */
  #block({ subject, place }: FeedEntry): void {
    this.#blocked.block(subject, beforePlace(place), this.#deps.nowMs());
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
    if (this.#isReading || !this.#hasMore) return;
    if (this.#window.length > WINDOW_MAX / 2 || this.#blocked.size >= BLOCKED_MAX) return;
    this.#isReading = true;
    void this.#deps.feed(this.#readTo, { limit: WINDOW_MAX }).then((part) => {
      this.#isReading = false;
      if (part !== undefined && !this.#isClosed) this.#take(part);
    });
  }

  #take({ entries, last, isLast, more }: FeedPart): void {
    for (const entry of entries)
      this.#window.push({ entry, state: this.#blocked.has(entry.subject) ? "done" : "queued" });
    this.#hasMore = !isLast;
    // The search also ends at the place where it began, if nothing follows.
    if (last !== null && (this.#readTo === null || compareFeedPlaces(last, this.#readTo) > 0)) {
      this.#readTo = last;
      this.#advance();
    }
    if (isLast) void more().then(() => this.wake());
    this.#work();
  }

  #schedule(): void {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    if (this.#sending + this.#blocked.catchingUp >= (this.isDown ? 1 : IN_FLIGHT_MAX)) return;
    const [, retryAtMs] = this.#nextRetry();
    // While the endpoint is up, events in the window wait for nothing but answers.
    const waitsForProbe = this.isDown && this.#nextQueued() !== undefined;
    const atMs = waitsForProbe ? Math.min(retryAtMs, this.#probeAtMs) : retryAtMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(0, atMs - this.#deps.nowMs());
    this.#cancelTimer = this.#deps.schedule(waitMs, () => this.#work());
  }

  /** Sends the events of a held-back subject, one after the other, until one fails or all that were read are sent. */
  async #catchUp(subject: string): Promise<void> {
    this.#blocked.beginCatchUp(subject);
    let { after } = this.#blocked.of(subject);
    for (;;) {
      const part = await this.#deps.feed(after, { limit: IN_FLIGHT_MAX, subject });
      if (part === undefined || this.#isClosed) return;
      const readTo = this.#readTo;
      // Later events come with the window.
      const own = part.entries.filter(
        ({ place }) => readTo !== null && compareFeedPlaces(place, readTo) <= 0,
      );
      if (!(await this.#sendInOrder(own)) || this.#isPaused) break;
      const reachesEnd =
        part.isLast || part.last === null || readTo === null || compareFeedPlaces(part.last, readTo) >= 0;
      if (!reachesEnd && part.last !== null) after = part.last;
      else if (readTo === this.#readTo) {
        this.#blocked.unblock(subject);
        break;
      } else if (readTo !== null) after = readTo; // Meanwhile the window has passed over further events.
    }
    if (this.#isClosed) return;
    this.#blocked.endCatchUp(subject);
    this.#deps.progressed();
    this.#work();
  }

  /** @returns false once an event has failed, or delivery has ended */
  async #sendInOrder(entries: readonly FeedEntry[]): Promise<boolean> {
    for (const entry of entries) {
      if (this.#isPaused) return false;
      const { subject, place } = entry;
      const tries = this.#blocked.of(subject).tries + 1;
      const isDelivered = await this.#send(entry, tries);
      if (this.#isClosed) return false;
      const nowMs = this.#deps.nowMs();
      if (!isDelivered && !this.#parks(entry, tries)) {
        this.#blocked.failed(subject, nowMs);
        return false;
      }
      this.#blocked.moveTo(subject, place, nowMs);
      this.#deps.progressed();
    }
    return true;
  }

  #parks(entry: FeedEntry, tries: number): boolean {
    const { firstFailedMs } = this.#blocked.of(entry.subject);
    if (this.#deps.nowMs() - firstFailedMs < TRIED_MS_MAX || this.#succeededMs < firstFailedMs) return false;
    this.#deps.park(entry, tries);
    return true;
  }
}
