/**
 * Reads events in one total order over all shards: by log time, then by shard and position. An event can be shown once
 * no shard can log an earlier one any more. A shard that is idle then logs a tick; see docs/adr/0024.
 */
import type { AccountEvents } from "../../actors/records/event.ts";
import type { BatchPosition, EventPlace, EventsPage, EventsQuery } from "../../archive/queries/query.ts";
import { EventsExpired, OperatingError } from "../../errors/operating-error.ts";
import type { Caller } from "../caller.ts";
import type { EventIds } from "../events/event-ids.ts";
import type { FeedPage, FeedRequest } from "../ports.ts";
import { flowOwnerOfSubject } from "../shard-link/owners.ts";
import { positionText, type Shards } from "../shard-link/shards.ts";

/** Log times of shards differ by a few milliseconds. */
const TICK_RETRY_MS = 2;
const TICK_TRIES_MAX = 500;

/** Events are kept for this time. */
export const KEPT_MS = 30 * 24 * 60 * 60 * 1000;
const ALL = { after: null, keptMs: KEPT_MS, beforeMs: Number.POSITIVE_INFINITY } as const;

/** An id that is not one of the partner's events. */
class BadEventId extends Error {
  readonly code = "bad_cursor";
}

/** @throws BadEventId, EventsExpired, CallerGone, OperatingError */
export async function feedPage(
  shards: Shards,
  ids: EventIds,
  partner: string,
  { after, limit, types, subject, of, isStream = false }: FeedRequest,
  caller: Caller | undefined,
): Promise<FeedPage> {
  const feed = feedName(partner, of);
  const place = after === undefined ? null : placeOf(shards, ids, feed, after);
  const query = { ...ALL, partner, shards: shards.links.length, after: place, limit, types, subject, of };
  const owner = flowOwnerOfSubject(partner, of?.account ?? subject ?? "");
  const { rows, last, isLast, isExpired, indexed, waitsFor } = await shards.turns.pages.run(
    partner,
    owner,
    caller,
    () => (isStream ? streamPage(shards, query) : eventPage(shards, query)),
  );
  const names = ids.formatAll(
    feed,
    rows.map((row) => row.place),
  );
  const events = rows.map(({ place: at, timeMs, event }, i) => {
    return { id: names[i] ?? "", timeMs, position: positionText(at.shard, at), event };
  });
  if (isExpired) throw new EventsExpired(events[0]?.id);
  return {
    events,
    next: last === null ? after : ids.format(feed, last),
    isLast,
    isHeld: waitsFor !== null,
    indexed,
  };
}

/** The id of a place after all events that have been answered so far. */
export async function newestEvent(
  shards: Shards,
  ids: EventIds,
  partner: string,
  of: AccountEvents | undefined,
): Promise<string | undefined> {
  const after = await shards.positions(partner);
  const query = { ...ALL, partner, shards: shards.links.length, keptMs: 0, limit: 1 };
  const { newest } = await shards.archive.events(query, after);
  return newest === null ? undefined : ids.format(feedName(partner, of), newest);
}

/** No partner's id contains a zero character. */
function feedName(partner: string, of: AccountEvents | undefined): string {
  return of === undefined ? partner : `${partner}\0${of.account}`;
}

function placeOf(shards: Shards, ids: EventIds, feed: string, id: string): EventPlace {
  const place = ids.parse(feed, id);
  if (place === undefined || place.shard >= shards.links.length)
    throw new BadEventId("the feed did not issue this id");
  return place;
}

/** @throws OperatingError `log_unavailable`: a shard is down, so it is not known what it will log. */
export async function eventPage(shards: Shards, query: EventsQuery): Promise<EventsPage> {
  const after = await shards.positions(query.partner);
  const page = await shards.archive.events(query, after);
  return pageAfterTicks(shards, query, page);
}

/**
 * The next page of a stream. It does not ask the shards where they are, which would make the archive fetch each small
 * batch alone, and makes idle shards log a tick only if there is nothing else to show: busy ones log anyway.
 */
async function streamPage(shards: Shards, query: EventsQuery): Promise<EventsPage> {
  const page = await shards.archive.events(query, []);
  return page.rows.length > 0 ? page : pageAfterTicks(shards, query, page);
}

/** Makes the shards that a page waits for log a later record, and reads the page again. */
async function pageAfterTicks(shards: Shards, query: EventsQuery, page: EventsPage): Promise<EventsPage> {
  if (page.waitsFor === null) return page;
  const { afterMs, shards: waiting } = page.waitsFor;
  const ticked = await Promise.all(waiting.map((shard) => tickAfter(shards, query.partner, shard, afterMs)));
  const final = await shards.archive.events(
    { ...query, beforeMs: Math.min(query.beforeMs, afterMs + 1) },
    ticked,
  );
  // It does not show later batches, though it has searched them: a reader must not wait for newer ones.
  return { ...final, indexed: page.indexed };
}

/** Makes a shard log a record later than `atMs`, unless it has one. @returns the position that shows it. */
export async function tickAfter(
  shards: Shards,
  partner: string,
  shard: number,
  atMs: number,
): Promise<BatchPosition> {
  for (let tries = 0; tries < TICK_TRIES_MAX; tries++) {
    const { result, position } = await shards.ask(shard, partner, ["tick", atMs, ""]);
    if (result) return position;
    await new Promise((resolve) => setTimeout(resolve, TICK_RETRY_MS));
  }
  throw new OperatingError("log_unavailable", `log time of shard ${shard} does not advance`);
}
