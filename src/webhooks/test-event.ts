/** The event that `POST /v1/webhooks/{id}/test` sends. It is no event of the feed. */
import type { FeedEntry } from "./feed-entry.ts";

export const TEST_EVENT_TYPE = "webhook.test";

export function testEvent(id: string, webhook: string, nowMs: number): FeedEntry {
  const type = TEST_EVENT_TYPE;
  const at = new Date(nowMs).toISOString();
  const body = JSON.stringify({ id, type, at, subject: webhook, position: null, data: {} });
  return { place: [nowMs, 0, 0, 0, 0, 0], id, type, subject: webhook, body };
}
