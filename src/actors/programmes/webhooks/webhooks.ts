/** The webhooks of partners, and how far each of them has got. A partner's webhooks are all on one shard. */
import { assert } from "../../../errors/assert.ts";
import { type Fact, type Rejected, reject } from "../../records/command.ts";
import { PagedIndex } from "../paged-index.ts";
import {
  type AcceptedAct,
  type Answers,
  type Changes,
  type Decisions,
  type ProgrammeContext,
  TypedProgramme,
} from "../programme.ts";
import {
  type BlockedSubject,
  type Endpoint,
  type FeedPlace,
  type Progress,
  type ProgressChange,
  SECRET_GRACE_MS,
  SENDS_MAX,
  type StoredSecret,
  WEBHOOKS_OF_PARTNER_MAX,
  WEBHOOKS_OF_SHARD_MAX,
  type WebhooksActs,
  type WebhooksQuestions,
  type WebhookView,
  webhookSecretOf,
} from "./acts.ts";

const ID_BYTES = 12;
const SECRET_BYTES = 32;
/** Memory that a webhook with its sends, and a subject that it holds back, occupy, apart from their texts. */
const WEBHOOK_BYTES = 5_000;
const BLOCKED_BYTES = 300;

type Webhook = {
  view: WebhookView;
  secrets: readonly StoredSecret[];
  version: number;
  fromMs: number;
  cursor: FeedPlace | null;
  readonly blocked: Map<string, BlockedSubject>;
  sends: readonly string[];
};
type Item = readonly [
  "webhook",
  partner: string,
  webhook: WebhookView,
  secrets: readonly StoredSecret[],
  progress: Progress,
  sends: readonly string[],
];
type Store = Readonly<{ byId: Map<string, Webhook>; list: PagedIndex<Webhook> }>;

export class Webhooks extends TypedProgramme<WebhooksActs, WebhooksQuestions, never, Item> {
  readonly #context: ProgrammeContext;
  readonly #stores = new Map<string, Store>();
  /** Webhooks of all partners. */
  #size = 0;

  constructor(context: ProgrammeContext) {
    super();
    this.#context = context;
  }

  protected readonly decisions: Decisions<WebhooksActs> = {
    create_webhook: ({ url, types, description }, { partner, nowMs }) => {
      const own = this.#stores.get(partner)?.byId.size ?? 0;
      if (own >= WEBHOOKS_OF_PARTNER_MAX || this.#size >= WEBHOOKS_OF_SHARD_MAX)
        return reject("too_many_webhooks");
      const id = this.#newId("wh");
      const webhook = { id, url, types, description, enabled: true, createdAtMs: nowMs };
      return { ok: true, effect: { webhook, secret: this.#newSecret(partner) } };
    },
    update_webhook: ({ webhook: id, url, types, description, enabled }, { partner }) => {
      const known = this.#find(partner, id);
      if (known === undefined) return reject("webhook_not_found", id);
      const { view } = known;
      const webhook = {
        ...view,
        url: url ?? view.url,
        types: types ?? view.types,
        description: description === undefined ? view.description : description,
        enabled: enabled ?? view.enabled,
      };
      return { ok: true, effect: { webhook } };
    },
    delete_webhook: ({ webhook }, { partner }) => this.#ifKnown(partner, webhook, () => null),
    rotate_secret: ({ webhook }, { partner }) =>
      this.#ifKnown(partner, webhook, () => ({ secret: this.#newSecret(partner) })),
    replay: ({ webhook, fromMs }, { partner, nowMs }) =>
      this.#ifKnown(partner, webhook, () => ({ fromMs: Math.min(fromMs, nowMs) })),
    send: ({ webhook, event }, { partner }) =>
      this.#ifKnown(partner, webhook, () => ({ event: event ?? this.#newId("test") })),
    sent: ({ webhook }, { partner }) => this.#ifKnown(partner, webhook, () => null),
    progress: ({ webhook, version }, { partner }) =>
      this.#ifKnown(partner, webhook, ({ version: current }) => version === current),
  };

  protected readonly changes: Changes<WebhooksActs> = {
    create_webhook: (_, { webhook, secret }, { partner }) => {
      const progress = { version: 0, fromMs: webhook.createdAtMs, cursor: null, blocked: [] };
      this.#add(partner, webhook, [[secret, null]], progress, []);
    },
    update_webhook: (_, { webhook }, { partner }) => {
      const known = this.#webhook(partner, webhook.id);
      this.#count(partner, textBytes(webhook) - textBytes(known.view));
      known.view = webhook;
    },
    delete_webhook: ({ webhook }, _, { partner }) => {
      const known = this.#webhook(partner, webhook);
      this.#unblock(partner, known, [...known.blocked.keys()]);
      this.#count(partner, -WEBHOOK_BYTES - textBytes(known.view));
      this.#size -= 1;
      const { byId, list } = this.#storeOf(partner);
      byId.delete(webhook);
      list.remove(known);
      if (byId.size === 0) this.#stores.delete(partner);
    },
    rotate_secret: ({ webhook }, { secret }, { partner, timeMs }) => {
      const known = this.#webhook(partner, webhook);
      const [current] = known.secrets;
      assert(current !== undefined, "a webhook has a secret");
      known.secrets = [
        [secret, null],
        [current[0], timeMs + SECRET_GRACE_MS],
      ];
    },
    replay: ({ webhook }, { fromMs }, { partner }) => {
      const known = this.#webhook(partner, webhook);
      this.#unblock(partner, known, [...known.blocked.keys()]);
      known.version += 1;
      known.fromMs = fromMs;
      known.cursor = null;
    },
    send: ({ webhook }, { event }, { partner }) => {
      const known = this.#webhook(partner, webhook);
      known.sends = [...known.sends.filter((each) => each !== event), event].slice(-SENDS_MAX);
    },
    sent: ({ webhook, event }, _, { partner }) => {
      const known = this.#webhook(partner, webhook);
      known.sends = known.sends.filter((each) => each !== event);
    },
    progress: ({ webhook, ...change }, isApplied, { partner }) => {
      if (isApplied) this.#advance(partner, this.#webhook(partner, webhook), change);
    },
  };

  protected readonly answers: Answers<WebhooksQuestions> = {
    webhook: (partner, [id]) => this.#find(partner, id)?.view ?? null,
    endpoint: (partner, [id]) => {
      const known = this.#find(partner, id);
      if (known === undefined) return null;
      const { view, secrets, sends } = known;
      return { partner, webhook: view, secrets, progress: progressOf(known), sends } satisfies Endpoint;
    },
    webhooks: (partner, page) => {
      const list = this.#stores.get(partner)?.list ?? new PagedIndex<Webhook>(this.#context.shard);
      return list.list(page, ({ view }) => view);
    },
  };

  *facts(): Generator<Fact> {
    for (const [partner, { byId }] of this.#stores)
      for (const webhook of byId.keys()) yield { fact: "webhook", partner, webhook };
  }

  *items(): Generator<Item> {
    for (const [partner, { byId }] of this.#stores)
      for (const webhook of byId.values())
        yield ["webhook", partner, webhook.view, webhook.secrets, progressOf(webhook), webhook.sends];
  }

  protected restoreItem([, ...webhook]: Item): void {
    this.#add(...webhook);
  }

  #add(
    partner: string,
    view: WebhookView,
    secrets: readonly StoredSecret[],
    progress: Progress,
    sends: readonly string[],
  ): void {
    const { version, fromMs, cursor, blocked } = progress;
    const webhook: Webhook = { view, secrets, version, fromMs, cursor, blocked: new Map(), sends };
    const store = this.#storeOf(partner);
    store.byId.set(view.id, webhook);
    store.list.add(webhook, view.createdAtMs);
    this.#size += 1;
    this.#count(partner, WEBHOOK_BYTES + textBytes(view));
    this.#block(partner, webhook, blocked);
  }

  #advance(partner: string, webhook: Webhook, { cursor, blocked, unblocked }: ProgressChange): void {
    webhook.version += 1;
    webhook.cursor = cursor;
    this.#unblock(partner, webhook, unblocked);
    this.#block(partner, webhook, blocked);
  }

  #block(partner: string, webhook: Webhook, blocked: readonly BlockedSubject[]): void {
    for (const each of blocked) {
      if (!webhook.blocked.has(each.subject)) this.#count(partner, BLOCKED_BYTES + each.subject.length);
      webhook.blocked.set(each.subject, each);
    }
  }

  #unblock(partner: string, webhook: Webhook, subjects: readonly string[]): void {
    for (const subject of subjects)
      if (webhook.blocked.delete(subject)) this.#count(partner, -BLOCKED_BYTES - subject.length);
  }

  #count(partner: string, bytes: number): void {
    this.#context.countBytes?.(partner, bytes);
  }

  #find(partner: string, id: string): Webhook | undefined {
    return this.#stores.get(partner)?.byId.get(id);
  }

  #webhook(partner: string, id: string): Webhook {
    const webhook = this.#find(partner, id);
    assert(webhook !== undefined, "the webhook of an act exists");
    return webhook;
  }

  #ifKnown<E>(
    partner: string,
    id: string,
    effectOn: (webhook: Webhook) => E,
  ): AcceptedAct<E, never> | Rejected {
    const webhook = this.#find(partner, id);
    return webhook === undefined ? reject("webhook_not_found", id) : { ok: true, effect: effectOn(webhook) };
  }

  #newId(prefix: string): string {
    return `${prefix}_${hexOf(this.#context.random(ID_BYTES))}`;
  }

  #newSecret(partner: string): string {
    const { random, seal } = this.#context;
    assert(seal !== undefined, "a shard that decides can seal secrets");
    return seal(random(SECRET_BYTES), webhookSecretOf(partner), random);
  }

  #storeOf(partner: string): Store {
    const known = this.#stores.get(partner);
    if (known !== undefined) return known;
    const store = { byId: new Map<string, Webhook>(), list: new PagedIndex<Webhook>(this.#context.shard) };
    this.#stores.set(partner, store);
    return store;
  }
}

function progressOf({ version, fromMs, cursor, blocked }: Webhook): Progress {
  return { version, fromMs, cursor, blocked: [...blocked.values()] };
}

function textBytes({ url, description }: WebhookView): number {
  return url.length + (description?.length ?? 0);
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
