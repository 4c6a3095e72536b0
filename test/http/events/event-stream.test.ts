import { expect, test } from "vitest";
import type { FeedEvent, FeedRequest, Ledger } from "../../../src/gateway/ports.ts";
import type { Call } from "../../../src/http/call.ts";
import { eventStream } from "../../../src/http/events/event-stream.ts";
import { EventStreams } from "../../../src/http/events/event-streams.ts";

const PAGE_BYTES_MAX = 1024 * 1024;
const EVENTS = 150;

const events = Array.from({ length: EVENTS }, (_, i): FeedEvent => {
  const data = { user: `${i}`, segment: "x".repeat(20_000) };
  const event = { type: "segment.member_added", subject: `${i}`, data } as const;
  return { id: `ev_${i}`, timeMs: 0, position: "0:1-1", event };
});

/** A ledger with these events, which are too large for one page. Nothing happens afterwards. */
const ledger = {
  async events(_: string, { after, limit }: FeedRequest) {
    const from = after === undefined ? 0 : events.findIndex(({ id }) => id === after) + 1;
    const page = events.slice(from, from + limit);
    return { events: page, next: page.at(-1)?.id ?? after, isLast: true, isHeld: false, indexed: 0 };
  },
  newestEvent: async () => undefined,
  awaitEvents: () => new Promise<void>(() => {}),
};

test("a stream sends at most 1 MiB at a time, and every event once", async () => {
  const streams = new EventStreams();
  // Only what a stream needs.
  const call = { partner: "acme", owner: "", connection: undefined } as Call;
  const deps = {
    ledger: ledger as Partial<Ledger> as Ledger,
    streams,
    persons: { open: () => undefined },
    isAdmitted: () => true,
  };
  const { body } = await eventStream(deps, call, {});
  const ids: string[] = [];
  let largest = 0;
  for await (const chunk of body as AsyncIterable<string>) {
    largest = Math.max(largest, chunk.length);
    for (const [, id] of chunk.matchAll(/^id: (.*)$/gm)) ids.push(id ?? "");
    if (ids.length === EVENTS) streams.end();
  }
  expect(largest).toBeLessThanOrEqual(PAGE_BYTES_MAX);
  expect(ids).toEqual(events.map(({ id }) => id));
});
