/**
 * Delivers the events of all partners to their webhooks. Runs on a thread of its own, with low priority: what partners
 * follow must never slow down what they do.
 */
import type { Endpoint, FeedPlace, Progress } from "../actors/programmes/webhooks/acts.ts";
import { OperatingError } from "../errors/operating-error.ts";
import { EndpointDelivery } from "./endpoint-delivery.ts";
import type { FeedEntry, FeedFilter } from "./feed-entry.ts";
import { isDelivered, type Target, type TryResult } from "./post-event.ts";

/** How often changed webhooks are looked for, and progress is stored. */
const LOOK_MS = 500;
const STORE_MS = 1_000;
/** A partner's feed is asked again after this time even if nothing seems new. */
const WAIT_MS = 5_000;
const RETRY_MS = 500;

type FeedPart = Readonly<{
  entries: readonly FeedEntry[];
  last: FeedPlace | null;
  isLast: boolean;
  /** For `awaitEvents`. */
  indexed: number;
}>;

/** The server as the service uses it. Rejections other than `OperatingError` end the service. */
export interface WebhookLedger {
  /** All webhooks of all partners; `undefined` if none has changed since the last call. */
  endpoints(): Promise<readonly Endpoint[] | undefined>;
  /** @param fromMs where a feed without `after` begins. */
  events(
    partner: string,
    after: FeedPlace | null,
    fromMs: number,
    filter: FeedFilter & Readonly<{ types: readonly string[] }>,
  ): Promise<FeedPart>;
  awaitEvents(partner: string, indexed: number, waitMs: number): Promise<void>;
  store(partner: string, webhook: string, progress: Progress): Promise<void>;
}

/** What became of one try. */
export type Tried = Readonly<{
  partner: string;
  webhook: string;
  entry: FeedEntry;
  tries: number;
  state: "delivered" | "failed" | "parked";
  result: TryResult | undefined;
}>;

export type ServiceDeps = Readonly<{
  ledger: WebhookLedger;
  post: (target: Target, id: string, body: string) => Promise<TryResult>;
  /** Opens a stored secret; `undefined` if it was sealed with another key. */
  openSecret: (partner: string, stored: string) => string | undefined;
  /** Notes a try in the list of deliveries. */
  noted: (tried: Tried) => void;
  onFailure: (error: unknown) => void;
  nowMs: () => number;
  random: () => number;
}>;

type Running = {
  endpoint: Endpoint;
  readonly delivery: EndpointDelivery;
  isDirty: boolean;
};

export class WebhookService {
  readonly #deps: ServiceDeps;
  readonly #running = new Map<string, Running>();
  /** Partners whose feed is watched, each with the newest batch that was read. */
  readonly #watched = new Map<string, number>();
  readonly #timers: readonly NodeJS.Timeout[];
  #looking = false;
  #storing = false;
  #closed = false;

  constructor(deps: ServiceDeps) {
    this.#deps = deps;
    this.#timers = [
      setInterval(() => void this.#look(), LOOK_MS),
      setInterval(() => void this.#store(), STORE_MS),
    ];
    void this.#look();
  }

  /** Ends all deliveries. What is in flight will be sent again. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#store();
    this.#closed = true;
    for (const { delivery } of this.#running.values()) delivery.close();
  }

  async #look(): Promise<void> {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    const endpoints = await this.#retried(() => this.#deps.ledger.endpoints());
    this.#looking = false;
    if (endpoints === undefined || this.#closed) return;
    const wanted = new Map(
      endpoints.filter(({ webhook }) => webhook.enabled).map((each) => [keyOf(each), each]),
    );
    for (const [key, { endpoint, delivery }] of this.#running) {
      const next = wanted.get(key);
      if (next !== undefined && !mustRestart(endpoint, next)) continue;
      delivery.close();
      this.#running.delete(key);
    }
    for (const [key, endpoint] of wanted) {
      const running = this.#running.get(key);
      if (running === undefined) this.#begin(key, endpoint);
      else running.endpoint = endpoint;
    }
  }

  #begin(key: string, endpoint: Endpoint): void {
    const { nowMs, random, noted } = this.#deps;
    const { partner, webhook } = endpoint;
    const delivery = new EndpointDelivery(endpoint.progress, {
      feed: async (after, filter) => {
        const { createdAtMs, types } = webhook;
        const part = await this.#retried(() =>
          this.#deps.ledger.events(partner, after, createdAtMs, { ...filter, types }),
        );
        if (part === undefined) return { entries: [], last: null, isLast: true };
        this.#watch(partner, part.indexed);
        return part;
      },
      send: (entry, tries) => this.#send(running, entry, tries),
      park: (entry) =>
        noted({ partner, webhook: webhook.id, entry, tries: 0, state: "parked", result: undefined }),
      progressed: () => {
        running.isDirty = true;
      },
      nowMs,
      random,
      schedule: (ms, work) => {
        const timer = setTimeout(work, ms);
        return () => clearTimeout(timer);
      },
    });
    const running: Running = { endpoint, delivery, isDirty: false };
    this.#running.set(key, running);
    delivery.wake();
  }

  async #send({ endpoint }: Running, entry: FeedEntry, tries: number): Promise<boolean> {
    const { partner, webhook } = endpoint;
    const nowMs = this.#deps.nowMs();
    const secrets = endpoint.secrets
      .filter(([, untilMs]) => untilMs === null || untilMs > nowMs)
      .map(([stored]) => this.#deps.openSecret(partner, stored))
      .filter((secret) => secret !== undefined);
    const result = await this.#deps.post({ url: webhook.url, secrets }, entry.id, entry.body);
    const state = isDelivered(result) ? "delivered" : "failed";
    this.#deps.noted({ partner, webhook: webhook.id, entry, tries, state, result });
    return state === "delivered";
  }

  /** Wakes the partner's deliveries when there are new events, until it has no webhooks any more. */
  #watch(partner: string, indexed: number): void {
    const known = this.#watched.get(partner);
    this.#watched.set(partner, Math.max(indexed, known ?? 0));
    if (known === undefined) void this.#watchOn(partner);
  }

  async #watchOn(partner: string): Promise<void> {
    for (;;) {
      const since = this.#watched.get(partner) ?? 0;
      await this.#retried(() => this.#deps.ledger.awaitEvents(partner, since, WAIT_MS));
      const own = [...this.#running.values()].filter(({ endpoint }) => endpoint.partner === partner);
      if (this.#closed || own.length === 0) break;
      for (const { delivery } of own) delivery.wake();
    }
    this.#watched.delete(partner);
  }

  async #store(): Promise<void> {
    if (this.#storing) return;
    this.#storing = true;
    const dirty = [...this.#running.values()].filter(({ isDirty }) => isDirty);
    await Promise.all(
      dirty.map(async (running) => {
        running.isDirty = false;
        const { endpoint, delivery } = running;
        const { progress } = delivery;
        await this.#retried(() => this.#deps.ledger.store(endpoint.partner, endpoint.webhook.id, progress));
      }),
    );
    this.#storing = false;
  }

  /** Repeats what the server cannot do at the moment. @returns `undefined` once the service is closed */
  async #retried<T>(work: () => Promise<T>): Promise<T | undefined> {
    while (!this.#closed) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof OperatingError)) {
          this.#deps.onFailure(error);
          return undefined;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    return undefined;
  }
}

function keyOf({ partner, webhook }: Endpoint): string {
  return `${partner}\0${webhook.id}`;
}

/** Other types of events need another feed, and a replay begins at another place. */
function mustRestart(before: Endpoint, after: Endpoint): boolean {
  return (
    before.progress.run !== after.progress.run || before.webhook.types.join() !== after.webhook.types.join()
  );
}
