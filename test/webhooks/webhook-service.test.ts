/** The webhooks of a server: what is stored and when, what a change restarts, and that endpoints do not delay each other. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Endpoint, ProgressChange } from "../../src/actors/programmes/webhooks/acts.ts";
import { OperatingError } from "../../src/errors/operating-error.ts";
import { compareFeedPlaces, type FeedEntry } from "../../src/webhooks/feed-entry.ts";
import type { Target } from "../../src/webhooks/post-event.ts";
import { testEvent } from "../../src/webhooks/test-event.ts";
import { type Tried, WebhookService } from "../../src/webhooks/webhook-service.ts";
import { entry } from "./delivery-world.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

/** The log, the feed and the endpoints of one partner, in memory. */
class World {
  readonly events: FeedEntry[] = [];
  readonly endpoints = new Map<string, Endpoint>();
  readonly stored: (ProgressChange & Readonly<{ webhook: string; atMs: number }>)[] = [];
  readonly sent: Readonly<{ url: string; id: string; atMs: number }>[] = [];
  readonly tried: Tried[] = [];
  answer: (target: Target) => number | Promise<number> = () => 204;
  isAway = false;
  #waiting: (() => void)[] = [];
  readonly service = new WebhookService({
    ledger: {
      endpoint: async (_, id) => this.#whileThere(this.endpoints.get(id) ?? null),
      events: async ({ fromMs }, after, { limit, subject }) => {
        const later = this.events.filter(
          ({ place, subject: of }) =>
            place[0] >= fromMs &&
            (after === null || compareFeedPlaces(place, after) > 0) &&
            (subject === undefined || of === subject),
        );
        const entries = later.slice(0, limit);
        const more = () =>
          new Promise<void>((resolve) => {
            this.#waiting.push(resolve);
            setTimeout(resolve, 5_000);
          });
        const isLast = later.length <= limit;
        return this.#whileThere({ entries, last: entries.at(-1)?.place ?? after, isLast, more });
      },
      event: async (_, id) => this.events.find((each) => each.id === id),
      sent: async (_, id, event) => {
        const of = this.#endpoint(id);
        this.endpoints.set(id, { ...of, sends: of.sends.filter((each) => each !== event) });
      },
      store: async (_, webhook, change) => this.#store(webhook, this.#whileThere(change)),
    },
    post: async (target, id) => {
      const status = await this.answer(target);
      if (status === 204) this.sent.push({ url: target.url, id, atMs: Date.now() });
      return { status, answer: "" };
    },
    openSecret: (_, stored) => (stored === "lost" ? undefined : stored),
    noted: (tried) => this.tried.push(tried),
    deleted: () => {},
    testEvent: (id, webhook) => testEvent(id, webhook, Date.now()),
    onFailure: (error) => {
      throw error;
    },
    nowMs: Date.now,
    random: () => 0.5,
  });

  set(id: string, more: Partial<Omit<Endpoint, "webhook">> & { enabled?: boolean; url?: string } = {}): void {
    const { enabled = true, url = `https://${id}.example/`, ...rest } = more;
    const webhook = { id, url, types: [], description: null, enabled, createdAtMs: 0 };
    const progress = { version: 0, fromMs: 0, cursor: null, blocked: [] };
    const known = this.endpoints.get(id) ?? { secrets: [["whsec_AAAA", null]] as const, progress, sends: [] };
    this.endpoints.set(id, { partner: "acme", ...known, ...rest, webhook });
    this.learn(id);
  }

  learn(webhook: string): void {
    this.service.learn([{ fact: "webhook", partner: "acme", webhook }]);
  }

  add(...events: readonly FeedEntry[]): void {
    this.events.push(...events);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  idsAt(webhook: string): readonly string[] {
    return this.sent.filter(({ url }) => url === `https://${webhook}.example/`).map(({ id }) => id);
  }

  #endpoint(id: string): Endpoint {
    const endpoint = this.endpoints.get(id);
    if (endpoint === undefined) throw new Error(`there is no webhook ${id}`);
    return endpoint;
  }

  #whileThere<T>(value: T): T {
    if (this.isAway) throw new OperatingError("log_unavailable", "a shard is restarting");
    return value;
  }

  #store(webhook: string, change: ProgressChange): boolean {
    const endpoint = this.#endpoint(webhook);
    const { progress } = endpoint;
    if (change.version !== progress.version) return false;
    this.stored.push({ ...change, webhook, atMs: Date.now() });
    const blocked = new Map(progress.blocked.map((each) => [each.subject, each]));
    for (const subject of change.unblocked) blocked.delete(subject);
    for (const each of change.blocked) blocked.set(each.subject, each);
    const next = { ...progress, version: progress.version + 1, cursor: change.cursor };
    this.endpoints.set(webhook, { ...endpoint, progress: { ...next, blocked: [...blocked.values()] } });
    return true;
  }
}

function events(count: number, from = 1): readonly FeedEntry[] {
  return Array.from({ length: count }, (_, i) => entry(from + i, `s${i % 5}`));
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test("progress is stored at most once a second, and not while nothing happens", async () => {
  const world = new World();
  world.set("a");
  for (let i = 0; i < 50; i++) {
    world.add(entry(i + 1, "s"));
    await pass(100);
  }
  await pass(2_000);
  expect(world.idsAt("a").length).toBe(50);
  const atMs = world.stored.map((each) => each.atMs);
  expect(atMs.length).toBeLessThanOrEqual(7);
  for (const [i, ms] of atMs.slice(1).entries()) expect(ms - (atMs[i] ?? 0)).toBeGreaterThanOrEqual(1_000);
  expect(world.stored.at(-1)?.cursor).toEqual(world.events.at(-1)?.place);
  const count = world.stored.length;
  await pass(DAY_MS);
  expect(world.stored.length).toBe(count);
});

test("without webhooks there is no timer", () => {
  expect(new World().service.stats().endpoints).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test("a dead and a hanging endpoint delay no other one, and get everything once they are back after a day", async () => {
  const world = new World();
  let isBroken = true;
  world.answer = ({ url }) => {
    if (isBroken && url.includes("dead")) return 503;
    if (isBroken && url.includes("hanging"))
      return new Promise((resolve) => {
        setTimeout(resolve, 10_000, 0);
      });
    return 204;
  };
  const names = ["a", "b", "c", "dead", "hanging"];
  for (const name of names) world.set(name);
  for (let i = 0; i < 200; i++) {
    world.add(entry(i + 1, `s${i % 30}`));
    await pass(10);
    for (const name of ["a", "b", "c"]) expect(world.idsAt(name).length).toBe(i + 1);
  }
  await pass(DAY_MS);
  expect(world.service.stats()).toMatchObject({ endpoints: 5, down: 2 });
  expect(world.idsAt("dead")).toEqual([]);
  isBroken = false;
  await pass(60 * 60_000);
  for (const name of names) {
    for (let s = 0; s < 30; s++) {
      const own = world.events.filter(({ subject }) => subject === `s${s}`).map(({ id }) => id);
      expect(world.idsAt(name).filter((id) => own.includes(id))).toEqual(own);
    }
  }
  expect(world.tried.filter(({ state }) => state === "parked")).toEqual([]);
  expect(world.service.stats().down).toBe(0);
});

test("after a replay everything is sent again, and what the delivery before it would store is not", async () => {
  const world = new World();
  world.set("a");
  world.add(...events(5));
  await pass(500);
  const before = world.endpoints.get("a");
  if (before === undefined) throw new Error("no webhook");
  world.set("a", { progress: { version: 7, fromMs: 0, cursor: null, blocked: [] } });
  await pass(5_000);
  expect(world.idsAt("a").length).toBe(10);
  expect(world.stored.map(({ version }) => version)).toEqual([7]);
});

test("a webhook that is off is left alone, and goes on where it was", async () => {
  const world = new World();
  world.set("a");
  world.add(...events(3));
  await pass(100);
  world.set("a", { enabled: false });
  await pass(100);
  world.add(...events(3, 10));
  await pass(5_000);
  expect(world.idsAt("a").length).toBe(3);
  world.set("a", { enabled: true });
  await pass(100);
  expect(world.idsAt("a").length).toBe(6);
});

test("what the server cannot do at the moment is repeated", async () => {
  const world = new World();
  world.isAway = true;
  world.set("a");
  world.add(...events(3));
  await pass(5_000);
  expect(world.sent).toEqual([]);
  world.isAway = false;
  await pass(2_000);
  expect(world.idsAt("a").length).toBe(3);
  expect(world.stored.length).toBe(1);
});

test("what somebody has asked for is sent once, also by a webhook that is off", async () => {
  const world = new World();
  world.add(...events(2));
  world.set("a", { enabled: false, sends: ["test_1", "ev_2", "ev_unknown"] });
  world.learn("a");
  await pass(1_000);
  expect(world.idsAt("a").toSorted()).toEqual(["ev_2", "test_1"]);
  expect(world.endpoints.get("a")?.sends).toEqual([]);
});

test("without a secret that can be opened nothing is sent", async () => {
  const world = new World();
  world.set("a", { secrets: [["lost", null]] });
  world.add(...events(1));
  await pass(100);
  expect(world.sent).toEqual([]);
  expect(world.tried[0]?.result?.answer).toContain("rotate it");
});

test("when it closes, what is in flight is awaited and stored", async () => {
  const world = new World();
  world.answer = () =>
    new Promise((resolve) => {
      setTimeout(resolve, 200, 204);
    });
  world.set("a");
  world.add(...events(20));
  await pass(50);
  const closed = world.service.close();
  await pass(1_500);
  await closed;
  // Five subjects, one event of each at a time.
  expect(world.idsAt("a").length).toBe(5);
  expect(world.endpoints.get("a")?.progress.cursor).toEqual(entry(5, "").place);
});
