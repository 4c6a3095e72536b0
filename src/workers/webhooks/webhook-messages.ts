/** Messages between the main thread and the thread that delivers webhooks. */
import type { MessagePort } from "node:worker_threads";
import type { DeliveriesQuery, Delivery } from "../../gateway/ports.ts";
import type { WebhookStats } from "../../webhooks/webhook-service.ts";
import type { ChannelEnd } from "../channels/open-channel.ts";
import type { Failpoint } from "../shard/failpoint.ts";

/** Start parameters of the thread. */
export type WebhookInit = Readonly<{
  shards: number;
  secretKey: string;
  /** The file of the keys of persons. */
  persons: string;
  /** The file of the list of deliveries. */
  deliveries: string;
  /** The setting WEBHOOKS_ALLOW_PRIVATE. */
  allowPrivate: boolean;
  failpoints: readonly Failpoint[];
  /** Port to the archive, for queries. */
  archive: MessagePort;
}>;

export type ToWebhookThread =
  /** A new channel to this shard. */
  | Readonly<{ kind: "attach"; shard: number; end: ChannelEnd }>
  /** The shard has stopped answering or answers again. */
  | Readonly<{ kind: "silent"; shard: number; isSilent: boolean }>
  /** Asks for the counts; the answer also shows that the thread is alive. */
  | Readonly<{ kind: "count" }>
  | Readonly<{ kind: "list"; requestId: number; query: DeliveriesQuery }>
  /** Send nothing more, and reply "drained" when the progress is stored. */
  | Readonly<{ kind: "drain" }>;

export type FromWebhookThread =
  /** It is ready for channels to the shards. */
  | Readonly<{ kind: "started" }>
  | Readonly<{ kind: "counts"; stats: WebhookStats }>
  | Readonly<{ kind: "listed"; requestId: number; deliveries: readonly Delivery[] }>
  /** The list of deliveries cannot be written. */
  | Readonly<{ kind: "warning"; reason: string }>
  | Readonly<{ kind: "drained" }>;
