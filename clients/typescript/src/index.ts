/** What `@daybook/client` exports. */

export type { ItemOf, ListPath } from "./calls.ts";
export { createDaybook, type Daybook, type DaybookOptions } from "./daybook.ts";
export { DaybookError, type ErrorCode, type Problem } from "./daybook-error.ts";
export type { EventsOptions, FeedEvent } from "./event-stream.ts";
export type { components, operations, paths } from "./openapi.ts";
export type { RetryPolicy } from "./retrying-fetch.ts";
export { verifyWebhook, WebhookError, type WebhookEvent, type WebhookRequest } from "./webhook.ts";
