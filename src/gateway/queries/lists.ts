/** Lists of programmes: merges the rows of all shards, newest first, into pages. */
import {
  comparePositions,
  type ListPage,
  type ListPosition,
  type ListRequest,
} from "../../actors/programmes/paged-index.ts";
import type { Question } from "../../actors/programmes/programme.ts";
import type { JsonValue } from "../../actors/records/act.ts";
import type { Page } from "../../archive/queries/query.ts";
import { type Caller, refuseGone } from "../caller.ts";
import { FETCHES_MAX, type PageAsk, tooMany } from "./full-page.ts";

type Ask<R extends JsonValue> = (question: Question<ListPage<R>>) => Promise<readonly ListPage<R>[]>;

/** A cursor that this list did not issue. Same code as the archive's error. */
class BadCursor extends Error {
  readonly code = "bad_cursor";
}

/**
 * Asks the shards until the page is full and it is known whether rows follow; a shard may scan many rows and return
 * few. The cursor encodes the place of the last row.
 *
 * @throws CallerGone, BadCursor, OperatingError `overloaded`: too many rows would have to be scanned.
 */
export async function pageOf<R extends JsonValue>(
  ask: Ask<R>,
  question: (page: ListRequest) => Question<ListPage<R>>,
  { limit, cursor }: PageAsk,
  caller?: Caller,
): Promise<Page<R>> {
  const found: (readonly [place: ListPosition, row: R])[] = [];
  let before = cursor === undefined ? null : parsePlace(cursor);
  for (let asks = 0; found.length <= limit; asks++) {
    if (asks === FETCHES_MAX) throw tooMany();
    refuseGone(caller);
    const parts = await ask(question([limit + 1 - found.length, before]));
    // Beyond the newest point at which a shard stopped scanning, rows may still be missing.
    let bound: ListPosition | null = null;
    for (const { upTo } of parts)
      if (upTo !== null && (bound === null || comparePositions(upTo, bound) > 0)) bound = upTo;
    const rows = parts
      .flatMap((part) => part.rows)
      .filter(([place]) => bound === null || comparePositions(place, bound) >= 0)
      .toSorted(([a], [b]) => comparePositions(b, a));
    found.push(...rows);
    if (bound === null) break;
    before = bound;
  }
  const shown = found.slice(0, limit);
  const cursors = shown.map(([place]) => cursorOf(place));
  const nextCursor = found.length > limit ? (cursors.at(-1) ?? null) : null;
  return { data: shown.map(([, row]) => row), cursors, nextCursor };
}

function cursorOf(place: ListPosition): string {
  return place.map((part) => part.toString(36)).join("_");
}

function parsePlace(cursor: string): ListPosition {
  const [atMs = Number.NaN, shard = Number.NaN, serial = Number.NaN, ...more] = cursor
    .split("_")
    .map((part) => Number.parseInt(part, 36));
  const place = [atMs, shard, serial] as const;
  const isPlace = more.length === 0 && place.every(Number.isSafeInteger);
  if (!isPlace || cursorOf(place) !== cursor) throw new BadCursor("the list did not issue this cursor");
  return place;
}
