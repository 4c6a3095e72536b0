/**
 * Acts, effects and queries of the segments programme. Times are milliseconds since 1970 UTC; an expiry of `null` means
 * that a membership does not expire.
 */
import type { ListPage, ListRequest } from "../paged-index.ts";
import type { MemoryGrowth, Question, QuestionTo } from "../programme.ts";
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

type Of<A extends string> = Readonly<{ programme: "segments"; act: A; subject: string; vnode?: number }>;

export type CreateSegment = Of<"create_segment"> & Readonly<{ slug: string; draw: Draw | null }>;
export type RaisePercent = Of<"raise_percent"> & Readonly<{ slug: string; generation: number; draw: Draw }>;
export type DeleteSegment = Of<"delete_segment"> & Readonly<{ slug: string }>;
export type CountUser = Of<"count_user"> & Readonly<{ skip: number }>;
export type CreateUser = Of<"create_user"> & Readonly<{ user: string }>;
/** Additions apply before removals. Creates the user if it does not exist. */
export type ChangeUser = Of<"change_user"> &
  Readonly<{
    user: string;
    add: readonly (readonly [slug: string, until: MembershipExpiry])[];
    remove: readonly string[];
  }>;
/** All users are on one shard, which `vnode` selects. Creates those that do not exist. */
export type AddUsers = Of<"add_users"> &
  Readonly<{ slug: string; users: readonly string[]; until: MembershipExpiry }>;
/** Ends a portion of the expired memberships. Issued by their shard itself. */
export type Expire = Of<"expire">;
/** Adds a portion of the users that a percentage selects. Issued by each shard itself. */
export type Fill = Of<"fill"> & Readonly<{ slug: string; generation: number }>;
/** Removes the memberships of a deleted segment from a portion of the users. Issued by each shard itself. */
export type Sweep = Of<"sweep"> & Readonly<{ slug: string; generation: number; deletedAtMs: number }>;
export type RequestReport = Of<"request_report">;
/** `only`: changes nothing unless this is the current secret in its stored form. */
export type RotateReportSecret = Of<"rotate_report_secret"> & Readonly<{ only: string | null }>;
/** Changes nothing. Records the answer to a request that fills a segment, so that retries get the same answer. */
export type RecordAnswer = Of<"record_answer"> & Readonly<{ view: SegmentShown }>;

export type SegmentsAct =
  | CreateSegment
  | RaisePercent
  | DeleteSegment
  | CountUser
  | CreateUser
  | ChangeUser
  | AddUsers
  | Expire
  | Fill
  | Sweep
  | RequestReport
  | RotateReportSecret
  | RecordAnswer;

export const SEGMENTS_GROWTH = {
  create_segment: "more",
  raise_percent: "more",
  delete_segment: "never",
  count_user: "more",
  create_user: "more",
  change_user: "more",
  add_users: "more",
  expire: "never",
  fill: "never",
  sweep: "never",
  request_report: "key",
  rotate_report_secret: "never",
  record_answer: "key",
} as const satisfies Record<SegmentsAct["act"], MemoryGrowth>;

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
  | Readonly<{ news: "raised"; slug: string; generation: number; draw: Draw }>
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
export type Swept = Readonly<{ upTo: number; over: ExpiriesByName; removed: readonly string[] }>;

export type SegmentsEffect =
  | null
  | SegmentNotice
  | NewUser
  | UserChange
  | MembershipChanges
  | Filled
  | Swept
  | Expired
  | Readonly<{ number: number }>
  | Readonly<{ secret: string }>;

/**
 * One shard's part of a segment. `isCurrent`: `members` counts no expired membership. `isFilled`: no fill is running.
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

/**
 * Part of a survey of the users with serial numbers up to `cutoff`. `chosen`: users that earlier draws selected.
 * `pieces`: histogram of the draw positions of the others.
 */
export type SurveyPart = Readonly<{ cutoff: number; chosen: number; pieces: readonly number[] }>;

export function createSegment(slug: string, draw: Draw | null): CreateSegment {
  return { programme: "segments", act: "create_segment", subject: segmentSubject(slug), slug, draw };
}

export function raisePercent(slug: string, generation: number, draw: Draw): RaisePercent {
  const subject = segmentSubject(slug);
  return { programme: "segments", act: "raise_percent", subject, slug, generation, draw };
}

export function deleteSegment(slug: string): DeleteSegment {
  return { programme: "segments", act: "delete_segment", subject: segmentSubject(slug), slug };
}

/** Takes the next user number. @param skip numbers to pass over, because users with these ids exist. */
export function countUser(skip: number): CountUser {
  return { programme: "segments", act: "count_user", subject: USERS_SUBJECT, skip };
}

export function createUser(user: string): CreateUser {
  return { programme: "segments", act: "create_user", subject: userSubject(user), user };
}

export function changeUser(user: string, { add, remove }: Pick<ChangeUser, "add" | "remove">): ChangeUser {
  return { programme: "segments", act: "change_user", subject: userSubject(user), user, add, remove };
}

export function addUsers(
  slug: string,
  users: readonly string[],
  until: MembershipExpiry,
  vnode: number,
): AddUsers {
  return {
    programme: "segments",
    act: "add_users",
    subject: segmentSubject(slug),
    vnode,
    slug,
    users,
    until,
  };
}

export function requestReport(): RequestReport {
  return { programme: "segments", act: "request_report", subject: REPORTS_SUBJECT };
}

export function recordAnswer(view: SegmentShown): RecordAnswer {
  return { programme: "segments", act: "record_answer", subject: segmentSubject(view.slug), view };
}

export function askSegment(slug: string): Question<SegmentPart | null> {
  return { programme: "segments", subject: null, ask: ["segment", slug] };
}

export function askSegments(page: ListRequest): Question<ListPage<SegmentRow>> {
  return { programme: "segments", subject: null, ask: ["segments", ...page] };
}

/** One entry per slug; `null` for a segment that the shard does not know. */
export function askSegmentParts(slugs: readonly string[]): Question<readonly (SegmentPart | null)[]> {
  return { programme: "segments", subject: null, ask: ["parts", slugs] };
}

export function askUser(user: string): QuestionTo<UserView | null> {
  return { programme: "segments", subject: userSubject(user), ask: ["user", user] };
}

export function askUsers(page: ListRequest): Question<ListPage<UserView>> {
  return { programme: "segments", subject: null, ask: ["users", ...page] };
}

export function askMemberships(user: string): QuestionTo<readonly MembershipView[]> {
  return { programme: "segments", subject: userSubject(user), ask: ["memberships", user] };
}

export function askHolders(slug: string): (page: ListRequest) => Question<ListPage<HolderView>> {
  return (page) => ({ programme: "segments", subject: null, ask: ["holders", slug, ...page] });
}

/**
 * @param after serial number of the last user of the previous answer.
 * @param cutoffs last serial number to scan, by shard; `null`: each shard chooses its current one.
 */
export function askSurvey(
  slug: string,
  after: number,
  cutoffs: readonly number[] | null,
): Question<SurveyPart> {
  return { programme: "segments", subject: null, ask: ["survey", slug, after, cutoffs] };
}

/** The draw positions of the surveyed users in one bucket. */
export function askPlaces(
  slug: string,
  after: number,
  cutoffs: readonly number[],
  piece: number,
): Question<readonly number[]> {
  return { programme: "segments", subject: null, ask: ["places", slug, after, cutoffs, piece] };
}

/** The purpose with which the secret is sealed. */
export function reportSecretOf(partner: string): string {
  return `reports of segments of ${partner}`;
}

export function rotateReportSecret(only: string | null = null): RotateReportSecret {
  return { programme: "segments", act: "rotate_report_secret", subject: REPORTS_SUBJECT, only };
}

/** The stored secrets of all partners on a shard, independent of the partner that queries. */
export const ASK_REPORT_SECRETS: Question<readonly (readonly [partner: string, stored: string])[]> = {
  programme: "segments",
  subject: null,
  ask: ["secrets"],
};

/** The secret in its stored form: sealed, or in hex if an older version wrote it. `null` before the first report. */
export function askReportSecret(): QuestionTo<string | null> {
  return { programme: "segments", subject: REPORTS_SUBJECT, ask: ["secret"] };
}
