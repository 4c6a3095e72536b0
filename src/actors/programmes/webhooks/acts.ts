/**
 * Acts, effects and queries of webhooks: URLs to which a partner's events are sent. Times are milliseconds since 1970
 * UTC. All webhooks of a partner are on one shard.
 */
import type { EventType } from "../../records/event.ts";
import type { ListPage, ListRequest } from "../paged-index.ts";
import { type ActIn, actsOf, type MemoryGrowth, questionsOf } from "../programme.ts";

export const WEBHOOKS_SUBJECT = "webhooks";

/** Per partner. */
export const WEBHOOKS_MAX = 50;
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
 * Every event up to `cursor` is delivered, or held back with its subject. `null`: from the webhook's creation on. `run`
 * counts replays: what an earlier run has stored does not count any more.
 */
export type Progress = Readonly<{
  run: number;
  cursor: FeedPlace | null;
  blocked: readonly BlockedSubject[];
}>;

/** A secret in its stored form, and until when it signs; `null`: it is the current one. */
export type StoredSecret = readonly [sealed: string, untilMs: number | null];

/** What delivers events needs to know. */
export type Endpoint = Readonly<{
  partner: string;
  webhook: WebhookView;
  secrets: readonly StoredSecret[];
  progress: Progress;
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
  /** Delivers all events after a place again. */
  replay: { fields: { webhook: string; from: FeedPlace }; effect: null };
  /** Issued by the delivery itself, at most once a second for each webhook. */
  progress: { fields: { webhook: string; progress: Progress }; effect: null };
};
export type WebhooksAct<K extends keyof WebhooksActs = keyof WebhooksActs> = ActIn<WebhooksActs, K>;

export const webhooksAct = actsOf<WebhooksActs>("webhooks");

export const WEBHOOKS_GROWTH = {
  create_webhook: "more",
  update_webhook: "key",
  delete_webhook: "never",
  rotate_secret: "key",
  replay: "key",
  progress: "never",
} as const satisfies Record<keyof WebhooksActs, MemoryGrowth>;

export type WebhooksQuestions = {
  webhook: { args: readonly [id: string]; answer: WebhookView | null };
  endpoint: { args: readonly [id: string]; answer: Endpoint | null };
  webhooks: { args: ListRequest; answer: ListPage<WebhookView> };
  /** The webhooks of all partners on a shard, and how often any of them was changed since the shard began. */
  endpoints: {
    args: readonly [after: number];
    answer: { version: number; endpoints: readonly Endpoint[] } | null;
  };
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

/** @param after the version of the previous answer; `null` is the answer if nothing has changed since. */
export function askEndpoints(after: number) {
  return question("endpoints", null, [after]);
}

/** The purpose with which a webhook's secret is sealed. */
export function webhookSecretOf(partner: string): string {
  return `webhooks of ${partner}`;
}
