/** The rows of a report: who has entered and left which segment, and when, as the records of the segments tell it. */
import type { ActDone } from "../../actors/command.ts";
import type { SegmentsAct, SegmentsEffect } from "../../actors/programmes/segments/acts.ts";
import { type MembershipChange, membershipChanges } from "../../actors/programmes/segments/changes.ts";
import type { ArchivedRecord } from "../../archive/query.ts";
import { csvCell } from "../../csv.ts";

/**
 * What ends by itself is logged soon after, or, where the server was down meanwhile, later. It counts for the time at
 * which it ended, unless that was longer ago than this: so every row belongs to one month, and is found near it.
 */
export const LATE_MS_MAX = 24 * 3600 * 1000;

/** In the order in which it happened. */
export function rowsOf({ record, timeMs }: ArchivedRecord): readonly MembershipChange[] {
  if (record.command.op !== "act") return [];
  const { effect } = record.outcome as ActDone;
  const changes = membershipChanges(record.command.act as SegmentsAct, effect as SegmentsEffect, timeMs);
  return Array.from(changes, (row) => ({
    ...row,
    atMs: timeMs - row.atMs > LATE_MS_MAX ? timeMs : row.atMs,
  }));
}

export function csvLine({ user, slug, operation, atMs }: MembershipChange, separator: string): string {
  const at = new Date(atMs).toISOString();
  const executedAt = `${at.slice(0, 10)} ${at.slice(11, 19)}`;
  return `${[csvCell(user), slug, operation, executedAt].join(separator)}\r\n`;
}
