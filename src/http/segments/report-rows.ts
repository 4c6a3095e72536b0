/** The rows of a report: who has entered and left which segment, and when, as the records of the segments tell it. */

import type { ActDone } from "../../actors/command.ts";
import type {
  Ends,
  Expired,
  Filled,
  Intake,
  NewUser,
  SegmentsAct,
  SegmentsEffect,
  Swept,
  UserChange,
} from "../../actors/programmes/segments/acts.ts";
import type { ArchivedRecord } from "../../archive/query.ts";
import { unreachable } from "../../assert.ts";
import { csvText } from "../entries.ts";

export type ReportRow = Readonly<{ user: string; slug: string; operation: "I" | "D"; atMs: number }>;

/**
 * What ends by itself is logged soon after, or, where the server was down meanwhile, later. It counts for the time at
 * which it ended, unless that was longer ago than this: so every row belongs to one month, and is found near it.
 */
export const LATE_MS_MAX = 24 * 3600 * 1000;

/** The newest first, like the records themselves. */
export function rowsOf({ record, timeMs }: ArchivedRecord): readonly ReportRow[] {
  if (record.command.op !== "act") return [];
  const { effect } = record.outcome as ActDone;
  return [...changesOf(record.command.act as SegmentsAct, effect as SegmentsEffect, timeMs)]
    .map((row) => ({ ...row, atMs: timeMs - row.atMs > LATE_MS_MAX ? timeMs : row.atMs }))
    .toReversed();
}

export function csvLine({ user, slug, operation, atMs }: ReportRow, separator: string): string {
  const at = new Date(atMs).toISOString();
  const executedAt = `${at.slice(0, 10)} ${at.slice(11, 19)}`;
  return `${[csvText(user), slug, operation, executedAt].join(separator)}\r\n`;
}

function* changesOf(act: SegmentsAct, effect: SegmentsEffect, timeMs: number): Generator<ReportRow> {
  switch (act.act) {
    case "create_user":
      yield* entered(act.user, (effect as NewUser).auto, timeMs);
      return;
    case "change_user": {
      const { created, over, added, removed } = effect as UserChange;
      yield* entered(act.user, created?.auto ?? [], timeMs);
      for (const [slug, atMs] of over) yield { user: act.user, slug, operation: "D", atMs: atMs ?? timeMs };
      for (const [slug] of added) yield { user: act.user, slug, operation: "I", atMs: timeMs };
      for (const slug of removed) yield { user: act.user, slug, operation: "D", atMs: timeMs };
      return;
    }
    case "add_users": {
      const { created, over, added } = effect as Intake;
      for (const [user, auto] of created) yield* entered(user, auto, timeMs);
      yield* leftBefore(over, act.slug, timeMs);
      for (const user of added) yield { user, slug: act.slug, operation: "I", atMs: timeMs };
      return;
    }
    case "fill": {
      const { over, added } = effect as Filled;
      yield* leftBefore(over, act.slug, timeMs);
      for (const user of added) yield { user, slug: act.slug, operation: "I", atMs: timeMs };
      return;
    }
    case "sweep": {
      const { over, removed } = effect as Swept;
      yield* leftBefore(over, act.slug, timeMs);
      for (const user of removed) yield { user, slug: act.slug, operation: "D", atMs: act.deletedAtMs };
      return;
    }
    case "expire": {
      for (const [user, slug, , atMs] of (effect as Expired).ended)
        yield { user, slug, operation: "D", atMs };
      return;
    }
    case "create_segment":
    case "raise_percent":
    case "delete_segment":
    case "count_user":
    case "request_report":
    case "record_answer":
      return;
    default:
      unreachable(act);
  }
}

function* entered(user: string, slugs: readonly string[], atMs: number): Generator<ReportRow> {
  for (const slug of slugs) yield { user, slug, operation: "I", atMs };
}

function* leftBefore(over: Ends, slug: string, timeMs: number): Generator<ReportRow> {
  for (const [user, atMs] of over) yield { user, slug, operation: "D", atMs: atMs ?? timeMs };
}
