/** What delivery needs to know of the feed of events. */
import type { FeedPlace } from "../actors/programmes/webhooks/acts.ts";

export type FeedEntry = Readonly<{
  place: FeedPlace;
  id: string;
  type: string;
  subject: string;
  /** The event as JSON. */
  body: string;
}>;

export type FeedFilter = Readonly<{ limit: number; subject?: string }>;

/** Reads events after a place, oldest first. Retries by itself while the ledger cannot answer; never rejects. */
export type FeedReader = (
  after: FeedPlace | null,
  filter: FeedFilter,
) => Promise<Readonly<{ entries: readonly FeedEntry[]; last: FeedPlace | null; isLast: boolean }>>;

export function compareFeedPlaces(a: FeedPlace, b: FeedPlace): number {
  for (const [i, part] of a.entries()) {
    const difference = part - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A place directly before an event: the event is the first one after it. */
export function beforePlace([timeMs, shard, epoch, seq, index, n]: FeedPlace): FeedPlace {
  return [timeMs, shard, epoch, seq, index, n - 1];
}
