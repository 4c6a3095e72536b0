/** A feed in memory, a clock that tests advance, and an endpoint whose answers tests choose. */
import type { Progress } from "../../src/actors/programmes/webhooks/acts.ts";
import { EndpointDelivery } from "../../src/webhooks/endpoint-delivery.ts";
import { compareFeedPlaces, type FeedEntry, type FeedReader } from "../../src/webhooks/feed-entry.ts";
import { Random } from "../support/random.ts";

export const NEW: Progress = { version: 0, fromMs: 0, cursor: null, blocked: [] };
/** Events that a page of the feed has looked at, whether it shows them or not. */
const SCANNED_MAX = 150;

export function entry(number: number, subject: string): FeedEntry {
  return { place: [number, 0, 1, number, 0, 0], id: `ev_${number}`, type: "t", subject, body: `${number}` };
}

export class DeliveryWorld {
  readonly events: FeedEntry[] = [];
  /** Accepted by the endpoint, in order. */
  readonly sent: FeedEntry[] = [];
  readonly parked: string[] = [];
  readonly delivery: EndpointDelivery;
  nowMs = 0;
  tries = 0;
  accepts: (entry: FeedEntry) => boolean | Promise<boolean> = () => true;
  inFlight = 0;
  inFlightMax = 0;
  /** As it would be in the log. */
  #stored: Progress;
  readonly #timers = new Set<{ atMs: number; work: () => void }>();
  #waiting: (() => void)[] = [];

  constructor(progress: Progress = NEW, seed = 1) {
    this.#stored = progress;
    const random = new Random(seed);
    this.delivery = new EndpointDelivery(progress, {
      feed: this.#feed,
      send: (each) => this.#send(each),
      park: ({ id }) => this.parked.push(id),
      progressed: () => {},
      nowMs: () => this.nowMs,
      random: () => random.fraction(),
      schedule: (ms, work) => {
        const timer = { atMs: this.nowMs + ms, work };
        this.#timers.add(timer);
        return () => this.#timers.delete(timer);
      },
    });
  }

  add(...events: readonly FeedEntry[]): void {
    this.events.push(...events);
    this.begin();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  begin(): void {
    this.delivery.wake();
  }

  /** Stores the progress, as the service does once a second. @returns everything that is stored */
  store(): Progress {
    const { cursor, blocked, unblocked } = this.delivery.takeProgress();
    const bySubject = new Map(this.#stored.blocked.map((each) => [each.subject, each]));
    for (const subject of unblocked) bySubject.delete(subject);
    for (const each of blocked) bySubject.set(each.subject, each);
    const version = this.#stored.version + 1;
    this.#stored = { ...this.#stored, version, cursor, blocked: [...bySubject.values()] };
    return this.#stored;
  }

  get stored(): Progress {
    return this.#stored;
  }

  /** Lets everything happen that is due within `ms`. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      await settle();
      const next = [...this.#timers].toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.work();
    }
    this.nowMs = untilMs;
    await settle();
  }

  sentIds(subject?: string): readonly string[] {
    return this.sent.filter((each) => subject === undefined || each.subject === subject).map(({ id }) => id);
  }

  readonly #feed: FeedReader = async (after, { limit, subject }) => {
    const later = this.events.filter((each) => after === null || compareFeedPlaces(each.place, after) > 0);
    const scanned = later.slice(0, SCANNED_MAX);
    const wanted = scanned.filter((each) => subject === undefined || each.subject === subject);
    const entries = wanted.slice(0, limit);
    const isCut = wanted.length > limit;
    return {
      entries,
      last: (isCut ? entries : scanned).at(-1)?.place ?? after,
      isLast: !isCut && scanned.length === later.length,
      more: () => new Promise((resolve) => this.#waiting.push(resolve)),
    };
  };

  async #send(each: FeedEntry): Promise<boolean> {
    this.tries += 1;
    this.inFlight += 1;
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
    const isAccepted = await this.accepts(each);
    this.inFlight -= 1;
    if (isAccepted) this.sent.push(each);
    return isAccepted;
  }
}

/** Everything that waits for nothing but promises has happened then. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function idsOf(events: readonly FeedEntry[]): readonly string[] {
  return events.map(({ id }) => id);
}
