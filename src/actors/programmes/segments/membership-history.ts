/** Derives from logged acts which users entered and left which segments, and when. */
import { unreachable } from "../../../errors/assert.ts";
import type { Act, JsonValue } from "../../records/act.ts";
import type {
  Expired,
  ExpiriesByName,
  Filled,
  MembershipChanges,
  NewUser,
  SegmentsAct,
  SegmentsEffect,
  Swept,
  UserChange,
} from "./acts.ts";

/** `operation`: I for an entry, D for an exit. */
export type MembershipChange = Readonly<{ user: string; slug: string; operation: "I" | "D"; atMs: number }>;

/** The users whose memberships an accepted act has changed. */
export function usersOfSegments(act: Act, effect: JsonValue): readonly string[] {
  const changes = membershipChanges(act as SegmentsAct, effect as SegmentsEffect, 0);
  return [...new Set(Array.from(changes, ({ user }) => user))];
}

/** @param timeMs the log time of the act. */
export function* membershipChanges(
  act: SegmentsAct,
  effect: SegmentsEffect,
  timeMs: number,
): Generator<MembershipChange> {
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
      const { created, over, added } = effect as MembershipChanges;
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
    case "rotate_report_secret":
    case "record_answer":
      return;
    default:
      unreachable(act);
  }
}

function* entered(user: string, slugs: readonly string[], atMs: number): Generator<MembershipChange> {
  for (const slug of slugs) yield { user, slug, operation: "I", atMs };
}

function* leftBefore(over: ExpiriesByName, slug: string, timeMs: number): Generator<MembershipChange> {
  for (const [user, atMs] of over) yield { user, slug, operation: "D", atMs: atMs ?? timeMs };
}
