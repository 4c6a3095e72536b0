/**
 * Acts, effects and queries of webhooks: URLs to which a partner's events are sent. Times are milliseconds since 1970
 * UTC. All webhooks of a partner are on one shard.
 */
import type { Fact } from "../../records/command.ts";
import type { EventType } from "../../records/event.ts";
import type { ListPage, ListRequest } from "../paged-index.ts";
import { actsOf, type FactsByAct, type MemoryGrowth, questionsOf } from "../programme.ts";

export const WEBHOOKS_SUBJECT = "webhooks";

/** Of one partner, and of all partners on one shard. */
export const WEBHOOKS_OF_PARTNER_MAX = 50;
export const WEBHOOKS_OF_SHARD_MAX = 1_000;
/** Events of one webhook that somebody has asked to send and that are not sent yet. Beyond, the oldest is dropped. */
export const SENDS_MAX = 100;
/** After a rotation the secret before signs for this time as well. */
export const SECRET_GRACE_MS = 24 * 60 * 60 * 1000;

export type WebhookView = Readonly<{
  id: string;
  url: string;
  types: readonly EventType[];
  description: string | null;
  enabled: boolean;
  createdAtMs: number;
}>;

/** The place of an event in the order of the feed: log time, shard, epoch and seq of its batch, record, and event. */
export type FeedPlace = readonly [
  timeMs: number,
  shard: number,
  epoch: number,
  seq: number,
  index: number,
  n: number,
];

/** A subject whose next event, the first one after `after`, has failed. */
export type BlockedSubject = Readonly<{
  subject: string;
  after: FeedPlace;
  tries: number;
  firstFailedMs: number;
  retryAtMs: number;
}>;

/**
 * Every event from `fromMs` up to `cursor` is delivered, or held back with its subject. `null`: none is yet. `version`
 * counts the changes: progress is stored only by a delivery that knows all of them.
 */
export type Progress = Readonly<{
  version: number;
  fromMs: number;
  cursor: FeedPlace | null;
  blocked: readonly BlockedSubject[];
}>;

/** What has changed since `version`. `blocked`: new and changed ones; `unblocked`: subjects that are not any more. */
export type ProgressChange = Readonly<{
  version: number;
  cursor: FeedPlace | null;
  blocked: readonly BlockedSubject[];
  unblocked: readonly string[];
}>;

/** A secret in its stored form, and until when it signs; `null`: it is the current one. */
export type StoredSecret = readonly [sealed: string, untilMs: number | null];

/** What delivers events needs to know. */
export type Endpoint = Readonly<{
  partner: string;
  webhook: WebhookView;
  secrets: readonly StoredSecret[];
  progress: Progress;
  /** Ids of events that somebody has asked to send. */
  sends: readonly string[];
}>;

type Settings = Readonly<{ url: string; types: readonly EventType[]; description: string | null }>;

export type WebhooksActs = {
  /** `secret`: in its stored form. */
  create_webhook: { fields: Settings; effect: { webhook: WebhookView; secret: string } };
  /** An absent field is left unchanged. */
  update_webhook: {
    fields: { webhook: string } & Partial<Settings> & { enabled?: boolean };
    effect: { webhook: WebhookView };
  };
  delete_webhook: { fields: { webhook: string }; effect: null };
  rotate_secret: { fields: { webhook: string }; effect: { secret: string } };
  /** Delivers all events since a time again. The effect has the time that counts: at most log time. */
  replay: { fields: { webhook: string; fromMs: number }; effect: { fromMs: number } };
  /** Sends one event now, whether it was delivered or not; `null`: an event for a test. The effect has its id. */
  send: { fields: { webhook: string; event: string | null }; effect: { event: string } };
  /** Issued by the delivery, once it has done that. */
  sent: { fields: { webhook: string; event: string }; effect: null };
  /** Issued by the delivery, at most once a second for each webhook. The effect: whether the version was right. */
  progress: { fields: { webhook: string } & ProgressChange; effect: boolean };
};
export const webhooksAct = actsOf<WebhooksActs>("webhooks");

export const WEBHOOKS_GROWTH = {
  create_webhook: "more",
  update_webhook: "key",
  delete_webhook: "never",
  rotate_secret: "key",
  replay: "key",
  send: "key",
  sent: "never",
  progress: "never",
} as const satisfies Record<keyof WebhooksActs, MemoryGrowth>;

export type WebhooksQuestions = {
  webhook: { args: readonly [id: string]; answer: WebhookView | null };
  endpoint: { args: readonly [id: string]; answer: Endpoint | null };
  webhooks: { args: ListRequest; answer: ListPage<WebhookView> };
};

const question = questionsOf<WebhooksQuestions>("webhooks");

export function askWebhook(id: string) {
  return question("webhook", WEBHOOKS_SUBJECT, [id]);
}

/** With the secrets, for sending an event to it. */
export function askEndpoint(id: string) {
  return question("endpoint", WEBHOOKS_SUBJECT, [id]);
}

export function askWebhooks(page: ListRequest) {
  return question("webhooks", WEBHOOKS_SUBJECT, page);
}

function changed(partner: string, webhook: string): readonly Fact[] {
  return [{ fact: "webhook", partner, webhook }];
}

/** What delivery must know: that it has to look at a webhook again. */
export const WEBHOOKS_FACTS: FactsByAct<WebhooksActs> = {
  create_webhook: (_, { webhook }, partner) => changed(partner, webhook.id),
  update_webhook: ({ webhook }, _, partner) => changed(partner, webhook),
  delete_webhook: ({ webhook }, _, partner) => changed(partner, webhook),
  rotate_secret: ({ webhook }, _, partner) => changed(partner, webhook),
  replay: ({ webhook }, _, partner) => changed(partner, webhook),
  send: ({ webhook }, _, partner) => changed(partner, webhook),
};

/** The purpose with which a webhook's secret is sealed. */
export function webhookSecretOf(partner: string): string {
  return `webhooks of ${partner}`;
}
