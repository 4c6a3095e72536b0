/**
 * Acts, effects and queries of the segments programme. Times are milliseconds since 1970 UTC; an expiry of `null` means
 * that a membership does not expire.
 */
import type { ListPage, ListRequest } from "../paged-index.ts";
import { type ActIn, actsOf, type MemoryGrowth, type NoFields, questionsOf } from "../programme.ts";
import type { Draw } from "./draw.ts";

export function userSubject(user: string): string {
  return `user:${user}`;
}

export function segmentSubject(slug: string): string {
  return `segment:${slug}`;
}

/** Subject of the counter that numbers users created without an id. */
const USERS_SUBJECT = "users";
/** Subject of membership expiries. Each shard decides those of its own users. */
export const EXPIRIES_SUBJECT = "segment-endings";
/** Subject of the secret that signs reports. */
export const REPORTS_SUBJECT = "segment-reports";

/** The expiry of a new membership: never, `ms` after the log time of the act, or at a time. */
export type MembershipExpiry = null | readonly ["after", ms: number] | readonly ["at", ms: number];

export type SegmentsActs = {
  create_segment: { fields: { slug: string; draw: Draw | null }; effect: SegmentNotice };
  /** `from`: the percentage for which the draw was made; older versions did not write it. */
  raise_percent: {
    fields: { slug: string; generation: number; draw: Draw; from?: number | null };
    effect: SegmentNotice | null;
  };
  lower_percent: {
    fields: { slug: string; generation: number; draw: Draw; from: number | null };
    effect: SegmentNotice;
  };
  delete_segment: { fields: { slug: string }; effect: SegmentNotice };
  count_user: { fields: { skip: number }; effect: { number: number } };
  create_user: { fields: { user: string }; effect: NewUser };
  /** Additions apply before removals. Creates the user if it does not exist. */
  change_user: {
    fields: {
      user: string;
      add: readonly (readonly [slug: string, until: MembershipExpiry])[];
      remove: readonly string[];
    };
    effect: UserChange;
  };
  /** All users are on one shard, which `vnode` selects. Creates those that do not exist. */
  add_users: {
    fields: { slug: string; users: readonly string[]; until: MembershipExpiry };
    effect: MembershipChanges;
  };
  /** All users are on one shard, which `vnode` selects. Those who do not exist, or are no members, are left out. */
  remove_users: { fields: { slug: string; users: readonly string[] }; effect: RemovedUsers };
  /** Ends a portion of the expired memberships. Issued by their shard itself. */
  expire: { fields: NoFields; effect: Expired };
  /** Adds a portion of the users that a percentage selects. Issued by each shard itself. */
  fill: { fields: { slug: string; generation: number }; effect: Filled };
  /** Removes from a portion of the users the memberships that a lower percentage ends. Issued by each shard itself. */
  trim: { fields: { slug: string; generation: number }; effect: Trimmed };
  /** Removes the memberships of a deleted segment from a portion of the users. Issued by each shard itself. */
  sweep: { fields: { slug: string; generation: number; deletedAtMs: number }; effect: Swept };
  request_report: { fields: NoFields; effect: NewSecret | null };
  /** `only`: changes nothing unless this is the current secret in its stored form. */
  rotate_report_secret: { fields: { only: string | null }; effect: NewSecret | null };
  /** Changes nothing. Records the answer to a request that fills a segment, so that retries get the same answer. */
  record_answer: { fields: { view: SegmentShown }; effect: null };
};
export type SegmentsAct<K extends keyof SegmentsActs = keyof SegmentsActs> = ActIn<SegmentsActs, K>;

export const segmentsAct = actsOf<SegmentsActs>("segments");

export const SEGMENTS_GROWTH = {
  create_segment: "more",
  raise_percent: "more",
  lower_percent: "never",
  delete_segment: "never",
  count_user: "more",
  create_user: "more",
  change_user: "more",
  add_users: "more",
  remove_users: "never",
  expire: "never",
  trim: "never",
  fill: "never",
  sweep: "never",
  request_report: "key",
  rotate_report_secret: "never",
  record_answer: "key",
} as const satisfies Record<keyof SegmentsActs, MemoryGrowth>;

/** A segment as the API shows it. `members` is the sum over all shards. */
export type SegmentShown = Readonly<{
  slug: string;
  percent: number | null;
  members: number;
  createdAtMs: number;
}>;

/** A change of a segment: the effect on its home shard, and the notice to all others. */
export type SegmentNotice =
  | Readonly<{
      news: "created";
      slug: string;
      generation: number;
      createdAtMs: number;
      draw: Draw | null;
    }>
  | Readonly<{ news: "raised" | "lowered"; slug: string; generation: number; draw: Draw }>
  | Readonly<{ news: "deleted"; slug: string; generation: number; atMs: number }>;

export type ExpiriesByName = readonly (readonly [name: string, endsAtMs: number | null])[];

/** `auto`: slugs of the segments whose percentage selects the new user. */
export type NewUser = Readonly<{ auto: readonly string[] }>;
/**
 * All by slug. `over`: expired memberships whose expiry was not logged yet. `prolonged`: existing ones with a later
 * expiry. `held`: all memberships after the change; missing in the oldest records.
 */
export type UserChange = Readonly<{
  created: NewUser | null;
  over: ExpiriesByName;
  added: ExpiriesByName;
  prolonged: ExpiriesByName;
  removed: readonly string[];
  held?: readonly MembershipView[];
}>;
/** Changes to one segment, by user. The fields mean the same as in `UserChange`. */
export type MembershipChanges = Readonly<{
  created: readonly (readonly [user: string, auto: readonly string[]])[];
  over: ExpiriesByName;
  added: readonly string[];
  prolonged: readonly string[];
  endsAtMs: number | null;
}>;
/** `localId` is `Segment.localId`. `atMs` is the expiry, or the deletion of the segment if that was earlier. */
export type Expired = Readonly<{
  ended: readonly (readonly [user: string, slug: string, localId: number, atMs: number])[];
}>;
/** `upTo`: serial number of the last user that was scanned. */
export type Filled = Readonly<{ upTo: number }> & Omit<MembershipChanges, "created" | "endsAtMs">;
export type Trimmed = Readonly<{ upTo: number; removed: readonly string[] }>;
export type RemovedUsers = Readonly<{ removed: readonly string[] }>;
export type Swept = Readonly<{ upTo: number; over: ExpiriesByName; removed: readonly string[] }>;

/** Signs reports. Sealed, or in hex if an older version wrote it. */
export type NewSecret = Readonly<{ secret: string }>;

/**
 * One shard's part of a segment. `isCurrent`: `members` counts no expired membership. `isFilled`: its members are those that
 * the percentage selects; no fill or trim is running.
 */
export type SegmentPart = Readonly<{
  generation: number;
  percent: number | null;
  createdAtMs: number;
  members: number;
  isCurrent: boolean;
  isFilled: boolean;
}>;
export type SegmentRow = Readonly<{
  slug: string;
  generation: number;
  percent: number | null;
  createdAtMs: number;
}>;
export type UserView = Readonly<{ id: string; createdAtMs: number }>;
export type MembershipView = Readonly<{ slug: string; endsAtMs: number | null; source: "manual" | "auto" }>;
export type HolderView = Readonly<{ id: string; endsAtMs: number | null; source: "manual" | "auto" }>;

/** Buckets of the histogram of draw positions (`draw.ts`). */
export const SURVEY_BUCKETS = 1024;
/** Users scanned for one answer of a survey. */
export const SURVEY_USERS_MAX = 5_000;

/** Whom a survey is about: the users that earlier draws have selected, or the others. */
export type Surveyed = "chosen" | "others";

/**
 * Part of a survey of the users with serial numbers up to `cutoff`. `chosen`: users that earlier draws selected.
 * `pieces`: histogram of the draw positions of the surveyed ones.
 */
export type SurveyPart = Readonly<{ cutoff: number; chosen: number; pieces: readonly number[] }>;

export type SegmentsQuestions = {
  segment: { args: readonly [slug: string]; answer: SegmentPart | null };
  segments: { args: ListRequest; answer: ListPage<SegmentRow> };
  /** One entry per slug; `null` for a segment that the shard does not know. */
  parts: { args: readonly [slugs: readonly string[]]; answer: readonly (SegmentPart | null)[] };
  user: { args: readonly [user: string]; answer: UserView | null };
  users: { args: ListRequest; answer: ListPage<UserView> };
  memberships: { args: readonly [user: string]; answer: readonly MembershipView[] };
  holders: { args: readonly [slug: string, ...ListRequest]; answer: ListPage<HolderView> };
  /**
   * `after`: serial number of the last user of the previous answer. `cutoffs`: last serial number to scan, by shard;
   * `null`: each shard chooses its current one.
   */
  survey: {
    args: readonly [slug: string, after: number, cutoffs: readonly number[] | null, of: Surveyed];
    answer: SurveyPart;
  };
  /** The draw positions of the surveyed users in one bucket. */
  places: {
    args: readonly [slug: string, after: number, cutoffs: readonly number[], piece: number, of: Surveyed];
    answer: readonly number[];
  };
  /** The stored secrets of all partners on a shard, independent of the partner that queries. */
  secrets: { args: readonly []; answer: readonly (readonly [partner: string, stored: string])[] };
  /** The secret in its stored form: see `NewSecret`. `null` before the first report. */
  secret: { args: readonly []; answer: string | null };
};

const question = questionsOf<SegmentsQuestions>("segments");

export function createSegment(slug: string, draw: Draw | null) {
  return segmentsAct("create_segment", segmentSubject(slug), { slug, draw });
}

/** @param from the percentage for which the draw was made; `undefined`: any lower one. */
export function raisePercent(slug: string, generation: number, draw: Draw, from?: number | null) {
  const known = from === undefined ? {} : { from };
  return segmentsAct("raise_percent", segmentSubject(slug), { slug, generation, draw, ...known });
}

/** @param from the percentage for which the draw was made. */
export function lowerPercent(slug: string, generation: number, draw: Draw, from: number | null) {
  return segmentsAct("lower_percent", segmentSubject(slug), { slug, generation, draw, from });
}

export function deleteSegment(slug: string) {
  return segmentsAct("delete_segment", segmentSubject(slug), { slug });
}

/** Takes the next user number. @param skip numbers to pass over, because users with these ids exist. */
export function countUser(skip: number) {
  return segmentsAct("count_user", USERS_SUBJECT, { skip });
}

export function createUser(user: string) {
  return segmentsAct("create_user", userSubject(user), { user });
}

export function changeUser(
  user: string,
  { add, remove }: Pick<SegmentsAct<"change_user">, "add" | "remove">,
) {
  return segmentsAct("change_user", userSubject(user), { user, add, remove });
}

export function addUsers(slug: string, users: readonly string[], until: MembershipExpiry, vnode: number) {
  return segmentsAct("add_users", segmentSubject(slug), { vnode, slug, users, until });
}

export function removeUsers(slug: string, users: readonly string[], vnode: number) {
  return segmentsAct("remove_users", segmentSubject(slug), { vnode, slug, users });
}

export function requestReport() {
  return segmentsAct("request_report", REPORTS_SUBJECT, {});
}

export function recordAnswer(view: SegmentShown) {
  return segmentsAct("record_answer", segmentSubject(view.slug), { view });
}

export function askSegment(slug: string) {
  return question("segment", null, [slug]);
}

export function askSegments(page: ListRequest) {
  return question("segments", null, page);
}

export function askSegmentParts(slugs: readonly string[]) {
  return question("parts", null, [slugs]);
}

export function askUser(user: string) {
  return question("user", userSubject(user), [user]);
}

export function askUsers(page: ListRequest) {
  return question("users", null, page);
}

export function askMemberships(user: string) {
  return question("memberships", userSubject(user), [user]);
}

export function askHolders(slug: string) {
  return (page: ListRequest) => question("holders", null, [slug, ...page]);
}

export function askSurvey(
  slug: string,
  after: number,
  cutoffs: readonly number[] | null,
  of: Surveyed = "others",
) {
  return question("survey", null, [slug, after, cutoffs, of]);
}

export function askPlaces(
  slug: string,
  after: number,
  cutoffs: readonly number[],
  piece: number,
  of: Surveyed = "others",
) {
  return question("places", null, [slug, after, cutoffs, piece, of]);
}

/** The purpose with which the secret is sealed. */
export function reportSecretOf(partner: string): string {
  return `reports of segments of ${partner}`;
}

export function rotateReportSecret(only: string | null = null) {
  return segmentsAct("rotate_report_secret", REPORTS_SUBJECT, { only });
}

export const ASK_REPORT_SECRETS = question("secrets", null, []);

export function askReportSecret() {
  return question("secret", REPORTS_SUBJECT, []);
}
