/** Events as a stream of server-sent events (the HTML standard, 9.2). */
import { setTimeout as delay } from "node:timers/promises";
import { OperatingError } from "../../errors/operating-error.ts";
import type { FeedPage, FeedRequest, Ledger } from "../../gateway/ports.ts";
import type { Persons } from "../../persons/person-keys.ts";
import { answer, type Call, callerOf, type HttpAnswer, isGone } from "../call.ts";
import { rowsWithin } from "../input/pagination.ts";
import { invalid, isBadCursor } from "../problem.ts";
import { eventJson } from "./event-json.ts";
import { type EventStreams, streamBounds } from "./event-streams.ts";

/** A heartbeat shows both sides that the connection is alive. */
const HEARTBEAT_MS = 15_000;
const EVENTS_MAX = 500;
/** How long a client that has gone may stay unnoticed. */
const WAIT_MS = 3_000;
/** Pause after a page, so that many small batches become one read. */
const PAUSE_MS = 50;
/**
 * Pause after a page while the thread is busy. Streams leave it to the requests whose events they show, and catch up later.
 * Otherwise a stream rests as long as the page took.
 */
const BUSY_PAUSE_MS = 1_000;
/** The same for a user's stream: a new event of any user of the partner ends its wait. */
const USER_PAUSE_MS = 1_000;
/** Pause while the ledger cannot answer. */
const RETRY_MS = 1_000;

type StreamRequest = Omit<FeedRequest, "limit">;
export type FeedDeps = Readonly<{ ledger: Ledger; streams: EventStreams; persons: Pick<Persons, "open"> }>;
export type StreamDeps = FeedDeps &
  Readonly<{
    /** Whether the caller may still read the feed: its key may have been revoked, or its session have ended. */
    isAdmitted: () => boolean | Promise<boolean>;
  }>;

/** Starts after `after`, or with the events from now on. @throws Problem 400, 503 */
export async function eventStream(deps: StreamDeps, call: Call, request: StreamRequest): Promise<HttpAnswer> {
  deps.streams.checkRoom(streamBounds(call.partner, request.of?.account));
  if (request.after !== undefined) await readFeed(deps.ledger, call, { ...request, limit: 1 });
  const after = request.after ?? (await deps.ledger.newestEvent(call.partner, request.of));
  return answer(call, 200, chunks(deps, call, { ...request, after }), {
    "Content-Type": "text/event-stream",
    Vary: "Accept",
  });
}

async function* chunks(
  { ledger, streams, persons, isAdmitted }: StreamDeps,
  call: Call,
  { after: start, ...filter }: StreamRequest,
): AsyncGenerator<string> {
  const finish = streams.begin(streamBounds(call.partner, filter.of?.account));
  const pauseMs = filter.of === undefined ? PAUSE_MS : USER_PAUSE_MS;
  let after = start;
  let sentMs = performance.now();
  try {
    // With its id, a client that loses the connection before the first event misses nothing.
    yield `: events follow\n${idLine(after)}\n`;
    while (!streams.isEnding && !isGone(call)) {
      const beganMs = performance.now();
      const page = await pageOrReason(ledger, call, { ...filter, after, isStream: true }, isAdmitted);
      if (page === undefined) return;
      if (typeof page === "string") {
        yield `: ${page}\n\n`;
        await streams.wait(delay(RETRY_MS));
        continue;
      }
      const { rows, next } = await messagesOf(call, page, persons);
      after = next;
      const isQuiet = rows.length === 0;
      // Without the time that a slow client takes.
      const restMs = streams.isThreadBusy ? BUSY_PAUSE_MS : performance.now() - beganMs;
      if (!isQuiet || performance.now() - sentMs >= HEARTBEAT_MS) {
        yield isQuiet ? heartbeat(after) : rows.join("");
        sentMs = performance.now();
      }
      const isLast = page.isLast && rows.length === page.events.length;
      if (isLast && !page.isHeld)
        await streams.wait(
          ledger.awaitEvents(call.partner, page.indexed, WAIT_MS).catch(() => delay(RETRY_MS)),
        );
      await streams.wait(delay(isLast ? Math.max(pauseMs, restMs) : restMs));
    }
  } finally {
    finish();
  }
}

/** Its id lets a client continue after events that its filter has left out. */
function heartbeat(after: string | undefined): string {
  return `: heartbeat\n${idLine(after)}\n`;
}

function idLine(after: string | undefined): string {
  return after === undefined ? "" : `id: ${after}\n`;
}

/** @returns why the ledger cannot answer at the moment, instead of a page; `undefined` for a caller to be shut out */
async function pageOrReason(
  ledger: Ledger,
  call: Call,
  request: StreamRequest,
  isAdmitted: StreamDeps["isAdmitted"],
): Promise<FeedPage | string | undefined> {
  try {
    if (!(await isAdmitted())) return undefined;
    return await ledger.events(call.partner, { ...request, limit: EVENTS_MAX }, callerOf(call));
  } catch (error) {
    if (error instanceof OperatingError) return error.message;
    throw error;
  }
}

/** @throws Problem 400: `after` is not the id of one of the partner's events */
export async function readFeed(ledger: Ledger, call: Call, request: FeedRequest): Promise<FeedPage> {
  try {
    return await ledger.events(call.partner, request, callerOf(call));
  } catch (error) {
    throw isBadCursor(error) ? invalid("after", "must be the id of an event") : error;
  }
}

/** The messages of a page that fit into its bound in bytes, and the id to continue after. @throws CallerGone */
async function messagesOf(
  call: Call,
  { events, next }: FeedPage,
  persons: StreamDeps["persons"],
): Promise<Readonly<{ rows: readonly string[]; next: string | undefined }>> {
  const page = { data: events, cursors: events.map(({ id }) => id), nextCursor: null };
  const { rows, nextCursor } = await rowsWithin(call, page, (each) => messageOf(each, persons));
  return { rows, next: nextCursor ?? next };
}

function messageOf(each: FeedPage["events"][number], persons: StreamDeps["persons"]): string {
  const data = eventJson(each, (sealed) => persons.open(sealed));
  return `id: ${each.id}\nevent: ${each.event.type}\ndata: ${data}\n\n`;
}
