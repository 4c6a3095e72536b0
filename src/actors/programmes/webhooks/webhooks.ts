/** The webhooks of partners, and how far each of them has got. A partner's webhooks are all on one shard. */
import { assert } from "../../../errors/assert.ts";
import { type Rejected, reject } from "../../records/command.ts";
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
  type Endpoint,
  type Progress,
  SECRET_GRACE_MS,
  type StoredSecret,
  WEBHOOKS_MAX,
  type WebhooksActs,
  type WebhooksQuestions,
  type WebhookView,
  webhookSecretOf,
} from "./acts.ts";

const ID_BYTES = 12;
const SECRET_BYTES = 32;
/** Memory that a webhook occupies, apart from its texts. */
const WEBHOOK_BYTES = 1_000;

type Webhook = { view: WebhookView; secrets: readonly StoredSecret[]; progress: Progress };
type Item = readonly [
  "webhook",
  partner: string,
  webhook: WebhookView,
  secrets: readonly StoredSecret[],
  progress: Progress,
];
type Store = Readonly<{ byId: Map<string, Webhook>; list: PagedIndex<Webhook> }>;

const NO_PROGRESS: Progress = { run: 0, cursor: null, blocked: [] };

export class Webhooks extends TypedProgramme<WebhooksActs, WebhooksQuestions, never, Item> {
  readonly #context: ProgrammeContext;
  readonly #stores = new Map<string, Store>();
  /** Counts changes since the shard began; not part of the state. */
  #version = 0;

  constructor(context: ProgrammeContext) {
    super();
    this.#context = context;
  }

  protected readonly decisions: Decisions<WebhooksActs> = {
    create_webhook: ({ url, types, description }, { partner, nowMs }) => {
      if ((this.#stores.get(partner)?.byId.size ?? 0) >= WEBHOOKS_MAX) return reject("too_many_webhooks");
      const id = `wh_${hexOf(this.#context.random(ID_BYTES))}`;
      const webhook = { id, url, types, description, enabled: true, createdAtMs: nowMs };
      return { ok: true, effect: { webhook, secret: this.#newSecret(partner) } };
    },
    update_webhook: ({ webhook: id, url, types, description, enabled }, { partner }) => {
      const known = this.#stores.get(partner)?.byId.get(id);
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
    delete_webhook: ({ webhook }, { partner }) => this.#ifKnown(partner, webhook, null),
    rotate_secret: ({ webhook }, { partner }) =>
      this.#ifKnown(partner, webhook, { secret: this.#newSecret(partner) }),
    replay: ({ webhook }, { partner }) => this.#ifKnown(partner, webhook, null),
    progress: ({ webhook }, { partner }) => this.#ifKnown(partner, webhook, null),
  };

  protected readonly changes: Changes<WebhooksActs> = {
    create_webhook: (_, { webhook, secret }, { partner }) => {
      this.#add(partner, { view: webhook, secrets: [[secret, null]], progress: NO_PROGRESS });
      this.#version += 1;
    },
    update_webhook: (_, { webhook }, { partner }) => {
      const known = this.#webhook(partner, webhook.id);
      this.#count(partner, known, -1);
      known.view = webhook;
      this.#count(partner, known, 1);
      this.#version += 1;
    },
    delete_webhook: ({ webhook }, _, { partner }) => {
      const known = this.#webhook(partner, webhook);
      const store = this.#storeOf(partner);
      store.byId.delete(webhook);
      store.list.remove(known);
      this.#count(partner, known, -1);
      this.#version += 1;
    },
    rotate_secret: ({ webhook }, { secret }, { partner, timeMs }) => {
      const known = this.#webhook(partner, webhook);
      const [current] = known.secrets;
      known.secrets = [[secret, null], ...(current ? [[current[0], timeMs + SECRET_GRACE_MS] as const] : [])];
      this.#version += 1;
    },
    replay: ({ webhook, from }, _, { partner }) => {
      const known = this.#webhook(partner, webhook);
      this.#setProgress(partner, known, { run: known.progress.run + 1, cursor: from, blocked: [] });
      this.#version += 1;
    },
    progress: ({ webhook, progress }, _, { partner }) => {
      const known = this.#webhook(partner, webhook);
      if (progress.run === known.progress.run) this.#setProgress(partner, known, progress);
    },
  };

  protected readonly answers: Answers<WebhooksQuestions> = {
    webhook: (partner, [id]) => this.#stores.get(partner)?.byId.get(id)?.view ?? null,
    endpoint: (partner, [id]) => {
      const webhook = this.#stores.get(partner)?.byId.get(id);
      return webhook === undefined ? null : endpointOf(partner, webhook);
    },
    webhooks: (partner, page) => {
      const list = this.#stores.get(partner)?.list ?? new PagedIndex<Webhook>(this.#context.shard);
      return list.list(page, ({ view }) => view);
    },
    endpoints: (_, [after]) => {
      if (after === this.#version) return null;
      const endpoints = [...this.#stores].flatMap(([partner, { byId }]) =>
        Array.from(byId.values(), ({ view, secrets, progress }) => ({
          partner,
          webhook: view,
          secrets,
          progress,
        })),
      );
      return { version: this.#version, endpoints };
    },
  };

  *items(): Generator<Item> {
    for (const [partner, { byId }] of this.#stores)
      for (const { view, secrets, progress } of byId.values())
        yield ["webhook", partner, view, secrets, progress];
  }

  protected restoreItem([, partner, view, secrets, progress]: Item): void {
    this.#add(partner, { view, secrets, progress });
  }

  #add(partner: string, webhook: Webhook): void {
    const store = this.#storeOf(partner);
    store.byId.set(webhook.view.id, webhook);
    store.list.add(webhook, webhook.view.createdAtMs);
    this.#count(partner, webhook, 1);
  }

  #setProgress(partner: string, webhook: Webhook, progress: Progress): void {
    this.#count(partner, webhook, -1);
    webhook.progress = progress;
    this.#count(partner, webhook, 1);
  }

  #count(partner: string, { view, progress }: Webhook, sign: 1 | -1): void {
    const { url, description } = view;
    const texts = url.length + (description?.length ?? 0);
    const blocked = progress.blocked.reduce((sum, { subject }) => sum + subject.length + 100, 0);
    this.#context.countBytes?.(partner, sign * (WEBHOOK_BYTES + texts + blocked));
  }

  #webhook(partner: string, id: string): Webhook {
    const webhook = this.#stores.get(partner)?.byId.get(id);
    assert(webhook !== undefined, "the webhook of an act exists");
    return webhook;
  }

  #ifKnown<E>(partner: string, id: string, effect: E): AcceptedAct<E, never> | Rejected {
    const isKnown = this.#stores.get(partner)?.byId.has(id) === true;
    return isKnown ? { ok: true, effect } : reject("webhook_not_found", id);
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

function endpointOf(partner: string, { view, secrets, progress }: Webhook): Endpoint {
  return { partner, webhook: view, secrets, progress };
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
