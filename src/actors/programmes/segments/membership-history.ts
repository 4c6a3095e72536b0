/** Derives from logged acts which users entered and left which segments, and when. */
import type { Act, JsonValue } from "../../records/act.ts";
import type { ActIn } from "../programme.ts";
import type { ExpiriesByName, SegmentsActs } from "./acts.ts";

/** `operation`: I for an entry, D for an exit. */
export type MembershipChange = Readonly<{ user: string; slug: string; operation: "I" | "D"; atMs: number }>;

/** The users whose memberships an accepted act has changed. */
export function usersOfSegments(act: Act, effect: JsonValue): readonly string[] {
  return [...new Set(Array.from(membershipChanges(act, effect, 0), ({ user }) => user))];
}

type JsonHistory = Readonly<
  Record<string, (act: Act, effect: JsonValue, timeMs: number) => Iterable<MembershipChange>>
>;

/** By act. */
const HISTORY: {
  readonly [K in keyof SegmentsActs]: (
    act: ActIn<SegmentsActs, K>,
    effect: SegmentsActs[K]["effect"],
    timeMs: number,
  ) => Iterable<MembershipChange>;
} = {
  create_user: ({ user }, { auto }, timeMs) => entered(user, auto, timeMs),
  *change_user({ user }, { created, over, added, removed }, timeMs) {
    yield* entered(user, created?.auto ?? [], timeMs);
    for (const [slug, atMs] of over) yield { user, slug, operation: "D", atMs: atMs ?? timeMs };
    for (const [slug] of added) yield { user, slug, operation: "I", atMs: timeMs };
    for (const slug of removed) yield { user, slug, operation: "D", atMs: timeMs };
  },
  *add_users({ slug }, { created, over, added }, timeMs) {
    for (const [user, auto] of created) yield* entered(user, auto, timeMs);
    yield* leftBefore(over, slug, timeMs);
    for (const user of added) yield { user, slug, operation: "I", atMs: timeMs };
  },
  *fill({ slug }, { over, added }, timeMs) {
    yield* leftBefore(over, slug, timeMs);
    for (const user of added) yield { user, slug, operation: "I", atMs: timeMs };
  },
  *sweep({ slug, deletedAtMs }, { over, removed }, timeMs) {
    yield* leftBefore(over, slug, timeMs);
    yield* left(removed, slug, deletedAtMs);
  },
  *remove_users({ slug }, { removed }, timeMs) {
    yield* left(removed, slug, timeMs);
  },
  *trim({ slug }, { removed }, timeMs) {
    yield* left(removed, slug, timeMs);
  },
  *expire(_, { ended }) {
    for (const [user, slug, , atMs] of ended) yield { user, slug, operation: "D", atMs };
  },
  create_segment: () => [],
  raise_percent: () => [],
  lower_percent: () => [],
  delete_segment: () => [],
  count_user: () => [],
  request_report: () => [],
  rotate_report_secret: () => [],
  record_answer: () => [],
};

/**
 * @param act of this programme.
 * @param timeMs the log time of the act.
 */
export function membershipChanges(act: Act, effect: JsonValue, timeMs: number): Iterable<MembershipChange> {
  // The log holds each act with the effect that its decision returned.
  const history = HISTORY as unknown as JsonHistory;
  return history[act.act]?.(act, effect, timeMs) ?? [];
}

function* entered(user: string, slugs: readonly string[], atMs: number): Generator<MembershipChange> {
  for (const slug of slugs) yield { user, slug, operation: "I", atMs };
}

function* left(users: readonly string[], slug: string, atMs: number): Generator<MembershipChange> {
  for (const user of users) yield { user, slug, operation: "D", atMs };
}

function* leftBefore(over: ExpiriesByName, slug: string, timeMs: number): Generator<MembershipChange> {
  for (const [user, atMs] of over) yield { user, slug, operation: "D", atMs: atMs ?? timeMs };
}
