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

/**
 * Events after a place, oldest first. `last`: where the search ended, whether or not an event is there; `null` if
 * nothing follows. A page may be empty although more follow. `isLast`: no more events follow at present.
 */
export type FeedPart = Readonly<{
  entries: readonly FeedEntry[];
  last: FeedPlace | null;
  isLast: boolean;
  /** Resolves once more events may follow the last page, or after some seconds. Never rejects. */
  more: () => Promise<void>;
}>;

/**
 * Reads the feed after a place, or from its start. It repeats by itself what the server cannot do at the moment, and
 * never rejects. `undefined`: delivery was closed.
 */
export type FeedReader = (
  after: FeedPlace | null,
  filter: Readonly<{ limit: number; subject?: string }>,
) => Promise<FeedPart | undefined>;

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
