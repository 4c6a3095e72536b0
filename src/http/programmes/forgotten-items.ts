/**
 * Items that were settled more than 30 days ago: vouchers, credit requests, orders. They are in no shard's memory: the
 * archive finds the records that forgot them. Such a record never changes, and an id is never given twice.
 */
import type { JsonValue } from "../../actors/records/act.ts";
import type { Command } from "../../actors/records/command.ts";
import type { Rejection } from "../../actors/records/rejection.ts";
import type { ArchivedRecord, Page } from "../../archive/queries/query.ts";
import type { Answer, Ledger } from "../../gateway/ports.ts";
import { invalid } from "../problem.ts";

/** Records fetched at once. */
const RECORDS_MAX = 50;
/** Fetches for one page, since items that the list does not show may lie between. A page may then have fewer rows. */
const FETCHES_MAX = 20;
/** Distinguishes cursors of archived items from those of items in memory, which contain no dot. */
const CURSOR_PREFIX = "old.";

/** Where the archive has items: those in the records that forgot items of this subject. */
export type ForgottenIn<T> = Readonly<{
  programme: string;
  subject: string;
  /** The items in the effect of such a record, those that were settled first at the beginning. */
  itemsIn: (effect: JsonValue) => readonly T[];
}>;

export type ForgottenList<T> = ForgottenIn<T> &
  Readonly<{
    /** Records before this time are left out. */
    fromMs?: number;
    /** Whether the list shows the item; a record has items of other subjects too. */
    shows: (item: T) => boolean;
  }>;

/** The items that the newest record about this subject forgot; empty if there is none. */
export async function findForgotten<T>(
  ledger: Ledger,
  partner: string,
  { programme, subject, itemsIn }: ForgottenIn<T>,
): Promise<readonly T[]> {
  const { data } = await ledger.acts(partner, programme, { subject, limit: 1 });
  return data.flatMap((record) => itemsOf(record, itemsIn));
}

function itemsOf<T>(
  { record: { command, outcome } }: ArchivedRecord,
  itemsIn: ForgottenIn<T>["itemsIn"],
): readonly T[] {
  const isForget = command.op === "act" && command.act.act === "forget" && "effect" in outcome;
  return isForget ? itemsIn(outcome.effect ?? null) : [];
}

/**
 * The answer to a command about a settled item. The shard does not know an item that is only in the archive, and logs
 * `unknown`; then the answer is `settled`. A replay gets the same, because what the archive says of an item never changes.
 */
export async function answerOfForgotten<C extends Command>(
  answer: Answer<C>,
  { unknown, settled, id }: Readonly<{ unknown: Rejection; settled: Rejection; id: string }>,
  isForgotten: () => Promise<boolean>,
): Promise<Answer<C>> {
  if (!("outcome" in answer) || answer.outcome.ok || answer.outcome.code !== unknown) return answer;
  if (!(await isForgotten())) return answer;
  return { ...answer, outcome: { ok: false, code: settled, subject: id } };
}

/** A place in a list: the archive's cursor before a record (empty: the newest), and items of it to skip. */
type Place = Readonly<{ archive: string; skip: number }>;

/** The beginning of the archived items of a list. */
const START = cursorOf({ archive: "", skip: 0 });

export function isCursorOfForgotten(cursor: string | null | undefined): cursor is string {
  return cursor?.startsWith(CURSOR_PREFIX) === true;
}

function cursorOf({ archive, skip }: Place): string {
  return `${CURSOR_PREFIX}${archive}.${skip.toString(36)}`;
}

/** @throws Problem 400 */
function placeOf(cursor: string): Place {
  const [archive = "", skip = ""] = cursor.slice(CURSOR_PREFIX.length).split(".");
  const place = { archive, skip: Number.parseInt(skip, 36) };
  if (!(place.skip >= 0) || cursorOf(place) !== cursor)
    throw invalid("cursor", "must be the next_cursor of the previous page");
  return place;
}

type Paging = Readonly<{ limit: number; cursor?: string | undefined }>;

/**
 * A page of a list whose first rows are items in memory. The archived ones follow, those that were forgotten last first.
 *
 * @param inMemory reads a page of the items in memory
 * @param idOf of an item: one that is forgotten between the two reads is shown once
 * @throws Problem 400
 */
export async function listWithForgotten<T>(
  ledger: Ledger,
  partner: string,
  list: ForgottenList<T>,
  idOf: (item: T) => string,
  paging: Paging,
  inMemory: () => Promise<Page<T>>,
): Promise<Page<T>> {
  const page = await pageInMemory(paging, inMemory);
  return isPageFollowed(page) ? page : continued(ledger, partner, list, idOf, page, paging.limit);
}

/** The page of the items in memory; empty if the cursor is in the archived ones. */
export async function pageInMemory<T>(
  { cursor }: Paging,
  inMemory: () => Promise<Page<T>>,
): Promise<Page<T>> {
  return isCursorOfForgotten(cursor) ? { data: [], cursors: [], nextCursor: cursor } : inMemory();
}

/** Whether more items in memory follow. */
export function isPageFollowed({ nextCursor }: Page<unknown>): boolean {
  return nextCursor !== null && !isCursorOfForgotten(nextCursor);
}

/** Continues the last page of the items in memory with archived ones. @throws Problem 400 */
export async function continued<T, O extends T>(
  ledger: Ledger,
  partner: string,
  list: ForgottenList<O>,
  idOf: (item: T) => string,
  { data, cursors, nextCursor }: Page<T>,
  limit: number,
): Promise<Page<T>> {
  const shown = new Set(data.map(idOf));
  const shows = (item: O) => list.shows(item) && !shown.has(idOf(item));
  const cursor = nextCursor ?? START;
  // One more than fits shows whether there are any.
  const free = limit - data.length;
  const old = await listForgotten(ledger, partner, { ...list, shows }, { cursor, limit: Math.max(1, free) });
  if (free > 0)
    return {
      data: [...data, ...old.data],
      cursors: [...cursors, ...old.cursors],
      nextCursor: old.nextCursor,
    };
  const isMore = old.data.length > 0 || old.nextCursor !== null;
  return { data, cursors, nextCursor: isMore ? START : null };
}

/** A page of archived items, those that were forgotten last first. @throws Problem 400 */
async function listForgotten<T>(
  ledger: Ledger,
  partner: string,
  { programme, subject, fromMs, itemsIn, shows }: ForgottenList<T>,
  { limit, cursor }: Readonly<{ limit: number; cursor: string }>,
): Promise<Page<T>> {
  const data: T[] = [];
  const cursors: string[] = [];
  let place = placeOf(cursor);
  for (let fetches = 0; fetches < FETCHES_MAX; fetches++) {
    const records = await ledger.acts(partner, programme, {
      subject,
      ...(fromMs !== undefined && { fromMs }),
      limit: Math.min(RECORDS_MAX, limit + 1),
      cursor: place.archive === "" ? undefined : place.archive,
    });
    for (const [i, record] of records.data.entries()) {
      for (const [at, item] of itemsOf(record, itemsIn).toReversed().entries()) {
        if (at < place.skip || !shows(item)) continue;
        if (data.length === limit) return { data, cursors, nextCursor: cursors.at(-1) ?? cursor };
        data.push(item);
        cursors.push(cursorOf({ archive: place.archive, skip: at + 1 }));
      }
      place = { archive: records.cursors[i] ?? place.archive, skip: 0 };
    }
    if (records.nextCursor === null) return { data, cursors, nextCursor: null };
    place = { archive: records.nextCursor, skip: 0 };
  }
  return { data, cursors, nextCursor: cursorOf(place) };
}
