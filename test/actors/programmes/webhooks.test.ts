/** The webhooks of partners as a shard keeps them: their bounds, secrets and progress. */
import { expect, test } from "vitest";
import { factsOfAct, mayHaveEvents } from "../../../src/actors/programmes/programmes.ts";
import { Scheduler } from "../../../src/actors/programmes/scheduler.ts";
import {
  type BlockedSubject,
  type Endpoint,
  type FeedPlace,
  type ProgressChange,
  SECRET_GRACE_MS,
  WEBHOOKS_OF_PARTNER_MAX,
  WEBHOOKS_OF_SHARD_MAX,
  WEBHOOKS_SUBJECT,
  type WebhooksActs,
  webhookSecretOf,
  webhooksAct,
} from "../../../src/actors/programmes/webhooks/acts.ts";
import { Webhooks } from "../../../src/actors/programmes/webhooks/webhooks.ts";
import type { Act, JsonValue } from "../../../src/actors/records/act.ts";
import { randomBytes } from "../../../src/random.ts";
import { openerOf, sealerOf } from "../../../src/sealed-secrets.ts";

const KEY = "a-secret-key-for-tests-0123456789abcdef";

/** A shard's webhooks, and the bytes that each partner occupies. */
class World {
  readonly bytes = new Map<string, number>();
  readonly programme = new Webhooks({
    shard: 0,
    shards: 1,
    account: () => undefined,
    random: randomBytes,
    seal: sealerOf(KEY),
    countBytes: (partner, bytes) => this.bytes.set(partner, (this.bytes.get(partner) ?? 0) + bytes),
    scheduler: new Scheduler(),
  });
  nowMs = 1_000;

  /** Decides and applies an act. @returns its effect, or the code of its rejection */
  do<K extends keyof WebhooksActs>(
    act: K,
    fields: WebhooksActs[K]["fields"],
    partner = "acme",
  ): WebhooksActs[K]["effect"] | Readonly<{ code: string }> {
    const command = { programme: "webhooks", act, subject: WEBHOOKS_SUBJECT, ...fields } as never;
    const decided = this.programme.decide(command, { partner, nowMs: this.nowMs, amount: 0 });
    if (!decided.ok) return { code: decided.code };
    const done = { partner, timeMs: this.nowMs, transfer: null, amount: 0 };
    this.programme.apply(command, decided.effect, done);
    return decided.effect;
  }

  create(partner = "acme"): string {
    const effect = this.do(
      "create_webhook",
      { url: "https://a.example/", types: [], description: null },
      partner,
    );
    if (!("webhook" in effect)) throw new Error(`refused: ${JSON.stringify(effect)}`);
    return effect.webhook.id;
  }

  endpoint(id: string, partner = "acme"): Endpoint | null {
    return this.programme.answer(partner, ["endpoint", id], 0) as Endpoint | null;
  }

  store(webhook: string, change: Partial<ProgressChange>): unknown {
    return this.do("progress", {
      webhook,
      version: 0,
      cursor: null,
      blocked: [],
      unblocked: [],
      ...change,
    });
  }
}

const place = (timeMs: number): FeedPlace => [timeMs, 0, 1, timeMs, 0, 0];

function blocked(subject: string, atMs = 5): BlockedSubject {
  return { subject, after: place(atMs), tries: 1, firstFailedMs: atMs, retryAtMs: atMs + 3_000 };
}

test("the webhooks of a partner, and of all partners of a shard, are bounded", () => {
  const world = new World();
  const refusal = { code: "too_many_webhooks" };
  const fields = { url: "https://a.example/", types: [], description: null };
  const ids = Array.from({ length: WEBHOOKS_OF_PARTNER_MAX }, () => world.create());
  expect(world.do("create_webhook", fields)).toEqual(refusal);
  world.do("delete_webhook", { webhook: ids[0] ?? "" });
  world.create();
  for (let i = WEBHOOKS_OF_PARTNER_MAX; i < WEBHOOKS_OF_SHARD_MAX; i++) world.create(`partner${i}`);
  expect(world.do("create_webhook", fields, "one-more")).toEqual(refusal);
});

test("every act on a webhook of another partner is refused", () => {
  const world = new World();
  const webhook = world.create("other");
  const refusal = { code: "webhook_not_found" };
  expect(world.do("update_webhook", { webhook, enabled: false })).toEqual(refusal);
  expect(world.do("delete_webhook", { webhook })).toEqual(refusal);
  expect(world.do("rotate_secret", { webhook })).toEqual(refusal);
  expect(world.do("replay", { webhook, fromMs: 0 })).toEqual(refusal);
  expect(world.do("send", { webhook, event: null })).toEqual(refusal);
  expect(world.store(webhook, {})).toEqual(refusal);
  expect(world.endpoint(webhook)).toBeNull();
});

test("a secret is random, sealed for its partner, and signs for a day after the next one", () => {
  const world = new World();
  const webhook = world.create();
  world.nowMs = 2_000;
  world.do("rotate_secret", { webhook });
  const [current, before] = world.endpoint(webhook)?.secrets ?? [];
  const open = openerOf(KEY);
  const opened = [current, before].map((secret) => open(secret?.[0] ?? "", webhookSecretOf("acme")));
  expect(opened.map((secret) => secret?.length)).toEqual([32, 32]);
  expect(opened[0]).not.toEqual(opened[1]);
  expect(open(current?.[0] ?? "", webhookSecretOf("other"))).toBeUndefined();
  expect([current?.[1], before?.[1]]).toEqual([null, 2_000 + SECRET_GRACE_MS]);
});

test("progress is stored as changes, and only by a delivery that knows all earlier ones", () => {
  const world = new World();
  const webhook = world.create();
  expect(world.store(webhook, { cursor: place(5), blocked: [blocked("a"), blocked("b")] })).toBe(true);
  expect(
    world.store(webhook, { version: 1, cursor: place(6), blocked: [blocked("b", 6)], unblocked: ["a"] }),
  ).toBe(true);
  const progress = { version: 2, fromMs: 1_000, cursor: place(6), blocked: [blocked("b", 6)] };
  expect(world.endpoint(webhook)?.progress).toEqual(progress);
  // From a thread that was replaced meanwhile.
  expect(world.store(webhook, { version: 1, cursor: place(9), unblocked: ["b"] })).toBe(false);
  expect(world.endpoint(webhook)?.progress).toEqual(progress);
});

test("a replay begins again at a time that is not in the future, and ends the delivery before it", () => {
  const world = new World();
  const webhook = world.create();
  world.store(webhook, { cursor: place(5), blocked: [blocked("a")] });
  expect(world.do("replay", { webhook, fromMs: 9e15 })).toEqual({ fromMs: 1_000 });
  expect(world.endpoint(webhook)?.progress).toEqual({ version: 2, fromMs: 1_000, cursor: null, blocked: [] });
  expect(world.store(webhook, { version: 1, cursor: place(7) })).toBe(false);
});

test("an event that somebody has asked for is kept until it is sent, and a hundred of them at most", () => {
  const world = new World();
  const webhook = world.create();
  const made = world.do("send", { webhook, event: null });
  const event = "event" in made ? made.event : "";
  expect(event).toMatch(/^test_[0-9a-f]{24}$/);
  world.do("send", { webhook, event: "ev_1" });
  world.do("send", { webhook, event: "ev_1" });
  expect(world.endpoint(webhook)?.sends).toEqual([event, "ev_1"]);
  world.do("sent", { webhook, event });
  expect(world.endpoint(webhook)?.sends).toEqual(["ev_1"]);
  for (let i = 0; i < 200; i++) world.do("send", { webhook, event: `ev_${i}` });
  expect(world.endpoint(webhook)?.sends.length).toBe(100);
});

test("what a snapshot restores is the same, and counts the same bytes", () => {
  const world = new World();
  const webhook = world.create();
  world.create("other");
  world.do("update_webhook", {
    webhook,
    description: "orders",
    url: "https://b.example/hook",
    enabled: false,
  });
  world.do("rotate_secret", { webhook });
  world.do("send", { webhook, event: "ev_1" });
  world.store(webhook, { cursor: place(5), blocked: [blocked("a"), blocked("b")] });
  const restored = new World();
  for (const item of world.programme.items()) restored.programme.restore(structuredClone(item));
  expect([...restored.programme.items()]).toEqual([...world.programme.items()]);
  expect(restored.bytes).toEqual(world.bytes);
  expect([...restored.programme.facts()]).toEqual([...world.programme.facts()]);
  world.do("delete_webhook", { webhook });
  expect(world.bytes.get("acme")).toBe(0);
});

test("gateways learn every change but progress, and no act is an event", () => {
  const acts: readonly (readonly [Act, JsonValue])[] = [
    [webhooksAct("update_webhook", WEBHOOKS_SUBJECT, { webhook: "wh_1" }), null],
    [webhooksAct("delete_webhook", WEBHOOKS_SUBJECT, { webhook: "wh_1" }), null],
    [webhooksAct("rotate_secret", WEBHOOKS_SUBJECT, { webhook: "wh_1" }), { secret: "s" }],
    [webhooksAct("replay", WEBHOOKS_SUBJECT, { webhook: "wh_1", fromMs: 0 }), { fromMs: 0 }],
    [webhooksAct("send", WEBHOOKS_SUBJECT, { webhook: "wh_1", event: null }), { event: "test_1" }],
  ];
  for (const [act, effect] of acts)
    expect(factsOfAct(act, effect, "acme")).toEqual([{ fact: "webhook", partner: "acme", webhook: "wh_1" }]);
  const change = { webhook: "wh_1", version: 0, cursor: null, blocked: [], unblocked: [] };
  const progress = webhooksAct("progress", WEBHOOKS_SUBJECT, change);
  expect(factsOfAct(progress, true, "acme")).toEqual([]);
  expect(mayHaveEvents(progress)).toBe(false);
});
