/**
 * Delivers the events of all partners to their webhooks: an `EndpointDelivery` for each enabled webhook, whose progress is
 * stored at most once a second. It is told which webhooks have changed, and never looks for them.
 */
import type { Agent } from "node:http";
import type { Endpoint, FeedPlace, ProgressChange } from "../actors/programmes/webhooks/acts.ts";
import type { Fact } from "../actors/records/command.ts";
import type { EventType } from "../actors/records/event.ts";
import { messageOf } from "../errors/error-message.ts";
import { OperatingError } from "../errors/operating-error.ts";
import { Turns } from "../gateway/turns.ts";
import { EndpointDelivery } from "./endpoint-delivery.ts";
import type { FeedEntry, FeedPart } from "./feed-entry.ts";
import { agentFor, isDelivered, type Target, type TryResult } from "./post-event.ts";

const STORE_EVERY_MS = 1_000;
const RETRY_MS = 500;
/** Requests in flight to all endpoints, and to those of one partner. */
const IN_FLIGHT = { slots: 512, share: 256 };
/** How long `close` waits for requests that are in flight. */
const FLIGHT_MS_MAX = 1_000;

/** The part of a partner's feed that a webhook gets. */
export type Subscription = Readonly<{ partner: string; types: readonly EventType[]; fromMs: number }>;

/** The server as the service uses it. Each method rejects with an `OperatingError` what may be tried again. */
export interface WebhookLedger {
  endpoint(partner: string, webhook: string): Promise<Endpoint | null>;
  events(
    of: Subscription,
    after: FeedPlace | null,
    filter: Readonly<{ limit: number; subject?: string }>,
  ): Promise<FeedPart>;
  /** `undefined`: there is no such event. */
  event(partner: string, id: string): Promise<FeedEntry | undefined>;
  /** Notes that an event that somebody has asked for is sent. */
  sent(partner: string, webhook: string, event: string): Promise<void>;
  /** False: the webhook was changed since `version`, or is gone. */
  store(partner: string, webhook: string, change: ProgressChange): Promise<boolean>;
}

/** What became of one try. */
export type Tried = Readonly<{
  partner: string;
  webhook: string;
  entry: Pick<FeedEntry, "id" | "type" | "subject">;
  tries: number;
  state: "delivered" | "failed" | "parked";
  result: TryResult | undefined;
}>;

export type ServiceDeps = Readonly<{
  ledger: WebhookLedger;
  post: (target: Target, id: string, body: string) => Promise<TryResult>;
  /** Opens a stored secret as `whsec_…`; `undefined` if it was sealed with another key. */
  openSecret: (partner: string, stored: string) => string | undefined;
  /** Takes a try into the list of deliveries. */
  noted: (tried: Tried) => void;
  /** A webhook was deleted. */
  deleted: (partner: string, webhook: string) => void;
  /** The body of an event for a test. */
  testEvent: (id: string, webhook: string) => FeedEntry;
  onFailure: (error: unknown) => void;
  nowMs: () => number;
  random: () => number;
}>;

export type WebhookStats = Readonly<{
  endpoints: number;
  down: number;
  blockedSubjects: number;
  /** How old the oldest event is that an endpoint which is not down still has to get. */
  lagMs: number;
  delivered: number;
  failed: number;
  parked: number;
}>;

type Running = {
  endpoint: Endpoint;
  readonly delivery: EndpointDelivery;
  agent: Agent;
  version: number;
  /** There is progress that the timer will store. */
  isDirty: boolean;
  timer: NodeJS.Timeout | undefined;
  storing: Promise<void> | undefined;
};

export class WebhookService {
  readonly #deps: ServiceDeps;
  readonly #running = new Map<string, Running>();
  /** Webhooks that are being looked at; true if they have changed again meanwhile. */
  readonly #looking = new Map<string, boolean>();
  /** Events that are being sent because somebody has asked for it. */
  readonly #sendingOnce = new Set<string>();
  readonly #turns = new Turns(IN_FLIGHT);
  readonly #counts = { delivered: 0, failed: 0, parked: 0 };
  #isClosed = false;

  constructor(deps: ServiceDeps) {
    this.#deps = deps;
  }

  learn(facts: readonly Fact[]): void {
    for (const fact of facts) if (fact.fact === "webhook") void this.#look(fact.partner, fact.webhook);
  }

  stats(): WebhookStats {
    const running = [...this.#running.values()];
    const nowMs = this.#deps.nowMs();
    const lags = running.flatMap(({ delivery: { isDown, waitsSinceMs } }) =>
      isDown || waitsSinceMs === undefined ? [] : [nowMs - waitsSinceMs],
    );
    return {
      endpoints: running.length,
      down: running.filter(({ delivery }) => delivery.isDown).length,
      blockedSubjects: running.reduce((sum, { delivery }) => sum + delivery.blocked, 0),
      lagMs: Math.max(0, ...lags),
      ...this.#counts,
    };
  }

  /** Sends nothing more, waits a little for what is in flight, and stores the progress. */
  async close(): Promise<void> {
    const running = [...this.#running.values()];
    await Promise.all(running.map((each) => this.#end(each)));
    this.#isClosed = true;
  }

  async #look(partner: string, webhook: string): Promise<void> {
    const key = keyOf(partner, webhook);
    if (this.#looking.has(key)) {
      this.#looking.set(key, true);
      return;
    }
    do {
      this.#looking.set(key, false);
      await this.#running.get(key)?.storing;
      const endpoint = await this.#retried(() => this.#deps.ledger.endpoint(partner, webhook));
      if (endpoint === undefined) break;
      if (endpoint === null) this.#deps.deleted(partner, webhook);
      else for (const event of endpoint.sends) void this.#sendOnce(endpoint, event);
      const running = this.#running.get(key);
      const next = endpoint?.webhook.enabled === true ? endpoint : undefined;
      if (running === undefined) {
        if (next !== undefined) this.#begin(next);
      } else if (running.storing !== undefined) this.#looking.set(key, true);
      else if (next !== undefined && !mustRestart(running, next)) update(running, next);
      else {
        // What it stores at its end is part of what the next one begins with.
        await this.#end(running);
        if (next !== undefined) this.#looking.set(key, true);
      }
    } while (this.#looking.get(key) === true && !this.#isClosed);
    this.#looking.delete(key);
  }

  #begin(endpoint: Endpoint): void {
    const { partner, webhook, progress } = endpoint;
    const { nowMs, random, noted } = this.#deps;
    const delivery = new EndpointDelivery(progress, {
      feed: (after, filter) => {
        const of = { partner, types: webhook.types, fromMs: progress.fromMs };
        return this.#retried(() => this.#deps.ledger.events(of, after, filter));
      },
      send: (entry, tries) => this.#send(running.endpoint, running.agent, entry, tries),
      park: (entry, tries) => {
        this.#counts.parked += 1;
        noted({ partner, webhook: webhook.id, entry, tries, state: "parked", result: undefined });
      },
      progressed: () => this.#storeSoon(running),
      nowMs,
      random,
      schedule: (ms, work) => {
        const timer = setTimeout(work, ms);
        return () => clearTimeout(timer);
      },
    });
    const running: Running = {
      endpoint,
      delivery,
      agent: agentFor(webhook.url),
      version: progress.version,
      isDirty: false,
      timer: undefined,
      storing: undefined,
    };
    this.#running.set(keyOf(partner, webhook.id), running);
    delivery.wake();
  }

  async #end(running: Running): Promise<void> {
    const { delivery, agent, endpoint } = running;
    await Promise.race([delivery.pause(), delay(FLIGHT_MS_MAX)]);
    delivery.close();
    await running.storing;
    clearTimeout(running.timer);
    if (running.isDirty) await this.#store(running);
    agent.destroy();
    this.#running.delete(keyOf(endpoint.partner, endpoint.webhook.id));
  }

  async #send(endpoint: Endpoint, agent: Agent, entry: FeedEntry, tries: number): Promise<boolean> {
    const { partner, webhook } = endpoint;
    const result = await this.#turns
      .run(partner, webhook.id, undefined, () => this.#post(endpoint, agent, entry))
      .catch((error: unknown) => ({ status: null, answer: messageOf(error) }));
    const state = isDelivered(result) ? "delivered" : "failed";
    this.#counts[state] += 1;
    this.#deps.noted({ partner, webhook: webhook.id, entry, tries, state, result });
    return state === "delivered";
  }

  async #post({ partner, webhook, secrets: stored }: Endpoint, agent: Agent, entry: FeedEntry) {
    const nowMs = this.#deps.nowMs();
    const secrets = stored
      .filter(([, untilMs]) => untilMs === null || untilMs > nowMs)
      .flatMap(([sealed]) => this.#deps.openSecret(partner, sealed) ?? []);
    if (secrets.length === 0)
      return { status: null, answer: "its secret was sealed with another SECRET_KEY; rotate it" };
    return this.#deps.post({ url: webhook.url, secrets, agent }, entry.id, entry.body);
  }

  /** Sends one event that somebody has asked for, whether it was delivered or not, and also to a disabled webhook. */
  async #sendOnce(endpoint: Endpoint, id: string): Promise<void> {
    const { partner, webhook } = endpoint;
    const { ledger, testEvent } = this.#deps;
    const key = `${keyOf(partner, webhook.id)}\0${id}`;
    if (this.#sendingOnce.has(key)) return;
    this.#sendingOnce.add(key);
    const found = await this.#retried(async () => ({
      entry: id.startsWith("test_") ? testEvent(id, webhook.id) : await ledger.event(partner, id),
    }));
    if (found?.entry !== undefined) await this.#sendOutOfTurn(endpoint, found.entry);
    await this.#retried(() => ledger.sent(partner, webhook.id, id));
    this.#sendingOnce.delete(key);
  }

  async #sendOutOfTurn(endpoint: Endpoint, entry: FeedEntry): Promise<void> {
    const { partner, webhook } = endpoint;
    // If it is held back, its turn in the order of its subject comes now.
    if (this.#running.get(keyOf(partner, webhook.id))?.delivery.retryNow(entry) === true) return;
    const agent = agentFor(webhook.url);
    await this.#send(endpoint, agent, entry, 1);
    agent.destroy();
  }

  #storeSoon(running: Running): void {
    running.isDirty = true;
    running.timer ??= setTimeout(() => {
      running.isDirty = false;
      running.storing = this.#store(running).then(() => {
        running.storing = undefined;
        running.timer = undefined;
        if (running.isDirty) this.#storeSoon(running);
      });
    }, STORE_EVERY_MS);
  }

  async #store(running: Running): Promise<void> {
    const { endpoint, delivery } = running;
    const { partner, webhook } = endpoint;
    const change = { version: running.version, ...delivery.takeProgress() };
    const isStored = await this.#retried(() => this.#deps.ledger.store(partner, webhook.id, change));
    if (isStored === true) running.version += 1;
    else if (isStored === false) void this.#look(partner, webhook.id);
  }

  /** Repeats what the server cannot do at the moment. @returns `undefined` once the service is closed */
  async #retried<T>(work: () => Promise<T>): Promise<T | undefined> {
    while (!this.#isClosed) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof OperatingError)) {
          this.#deps.onFailure(error);
          return undefined;
        }
        await delay(RETRY_MS);
      }
    }
    return undefined;
  }
}

function keyOf(partner: string, webhook: string): string {
  return `${partner}\0${webhook}`;
}

function update(running: Running, endpoint: Endpoint): void {
  const { url } = running.endpoint.webhook;
  running.endpoint = endpoint;
  if (endpoint.webhook.url === url) return;
  running.agent.destroy();
  running.agent = agentFor(endpoint.webhook.url);
}

/** Other types of events need another feed, and after a replay everything is sent again. */
function mustRestart({ endpoint, version }: Running, next: Endpoint): boolean {
  return next.progress.version !== version || endpoint.webhook.types.join() !== next.webhook.types.join();
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
