/** What can be asked of the segments. Times are milliseconds since 1970 UTC; what has no end ends at `null`. */
import type { ListAsk, ListPart } from "../paged-index.ts";
import type { Growth, Question, QuestionTo } from "../programme.ts";
import type { Draw } from "./draw.ts";

export function userSubject(user: string): string {
  return `user:${user}`;
}

export function segmentSubject(slug: string): string {
  return `segment:${slug}`;
}

/** Here the numbers of users without an id of their own are counted. */
const USERS_SUBJECT = "users";
/** Here ends what ends by itself: of each shard its own. */
export const EXPIRIES_SUBJECT = "segment-endings";
/** Here is the secret with which reports are signed. */
export const REPORTS_SUBJECT = "segment-reports";

/** When a membership ends that is given now. */
export type Until = null | readonly ["after", ms: number] | readonly ["at", ms: number];

type Of<A extends string> = Readonly<{ programme: "segments"; act: A; subject: string; vnode?: number }>;

export type CreateSegment = Of<"create_segment"> & Readonly<{ slug: string; draw: Draw | null }>;
export type RaisePercent = Of<"raise_percent"> & Readonly<{ slug: string; generation: number; draw: Draw }>;
export type DeleteSegment = Of<"delete_segment"> & Readonly<{ slug: string }>;
export type CountUser = Of<"count_user"> & Readonly<{ skip: number }>;
export type CreateUser = Of<"create_user"> & Readonly<{ user: string }>;
/** Adds before removes. The user is created where there is none. */
export type ChangeUser = Of<"change_user"> &
  Readonly<{
    user: string;
    add: readonly (readonly [slug: string, until: Until])[];
    remove: readonly string[];
  }>;
/** Users of one shard, which `vnode` names. Those that are not there are created. */
export type AddUsers = Of<"add_users"> & Readonly<{ slug: string; users: readonly string[]; until: Until }>;
/** A portion of the memberships whose time is over, made by their shard. */
export type Expire = Of<"expire">;
/** Portions, made by each shard: who falls under a draw gets the segment, and who had a deleted one loses it. */
export type Fill = Of<"fill"> & Readonly<{ slug: string; generation: number }>;
export type Sweep = Of<"sweep"> & Readonly<{ slug: string; generation: number; deletedAtMs: number }>;
export type RequestReport = Of<"request_report">;
/** `only`: nothing is done unless this is the present one, as it is stored. */
export type RotateReportSecret = Of<"rotate_report_secret"> & Readonly<{ only: string | null }>;
/** Changes nothing. Records the answer to a request that fills a segment, for its repeats. */
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
} as const satisfies Record<SegmentsAct["act"], Growth>;

/** A segment as it is answered: `members` of all shards. */
export type SegmentShown = Readonly<{
  slug: string;
  percent: number | null;
  members: number;
  createdAtMs: number;
}>;

/** What has happened to a segment: the home's effect, and the notice to all others. */
export type SegmentNews =
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

/** `auto`: the segments that a user gets by being created. */
export type NewUser = Readonly<{ auto: readonly string[] }>;
/**
 * By slug. `over`: had ended, and stood there still; `prolonged`: were held, and end later now. `held`: all that the user is
 * in then; not in the oldest records.
 */
export type UserChange = Readonly<{
  created: NewUser | null;
  over: ExpiriesByName;
  added: ExpiriesByName;
  prolonged: ExpiriesByName;
  removed: readonly string[];
  held?: readonly MembershipView[];
}>;
/** By user, all of one segment. */
export type MembershipChanges = Readonly<{
  created: readonly (readonly [user: string, auto: readonly string[]])[];
  over: ExpiriesByName;
  added: readonly string[];
  prolonged: readonly string[];
  endsAtMs: number | null;
}>;
/** `no` is the segment's on its shard. Where the segment was deleted before, they ended with it. */
export type Expired = Readonly<{
  ended: readonly (readonly [user: string, slug: string, no: number, atMs: number])[];
}>;
/** `upTo`: serial number of the last user that was looked at. */
export type Filled = Readonly<{ upTo: number }> & Omit<MembershipChanges, "created" | "endsAtMs">;
export type Swept = Readonly<{ upTo: number; over: ExpiriesByName; removed: readonly string[] }>;

export type SegmentsEffect =
  | null
  | SegmentNews
  | NewUser
  | UserChange
  | MembershipChanges
  | Filled
  | Swept
  | Expired
  | Readonly<{ number: number }>
  | Readonly<{ secret: string }>;

/** One shard's: `isCurrent` unless somebody's time is over who is counted still; `isFilled` when nobody is to be added. */
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

/** A range of places is cut into so many pieces to be counted in. */
export const PIECES = 1024;
/** So many users are looked at for one answer of a survey. */
export const SURVEYED_MAX = 5_000;

/** Of users up to `cutoff` who are not chosen yet: how many have their place in which piece. */
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

/** The next number for a user, after passing over so many. */
export function countUser(skip: number): CountUser {
  return { programme: "segments", act: "count_user", subject: USERS_SUBJECT, skip };
}

export function createUser(user: string): CreateUser {
  return { programme: "segments", act: "create_user", subject: userSubject(user), user };
}

export function changeUser(user: string, { add, remove }: Pick<ChangeUser, "add" | "remove">): ChangeUser {
  return { programme: "segments", act: "change_user", subject: userSubject(user), user, add, remove };
}

export function addUsers(slug: string, users: readonly string[], until: Until, vnode: number): AddUsers {
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

export function askSegments(page: ListAsk): Question<ListPart<SegmentRow>> {
  return { programme: "segments", subject: null, ask: ["segments", ...page] };
}

/** `null` in the place of one that the shard does not know. */
export function askSegmentParts(slugs: readonly string[]): Question<readonly (SegmentPart | null)[]> {
  return { programme: "segments", subject: null, ask: ["parts", slugs] };
}

export function askUser(user: string): QuestionTo<UserView | null> {
  return { programme: "segments", subject: userSubject(user), ask: ["user", user] };
}

export function askUsers(page: ListAsk): Question<ListPart<UserView>> {
  return { programme: "segments", subject: null, ask: ["users", ...page] };
}

export function askMemberships(user: string): QuestionTo<readonly MembershipView[]> {
  return { programme: "segments", subject: userSubject(user), ask: ["memberships", user] };
}

export function askHolders(slug: string): (page: ListAsk) => Question<ListPart<HolderView>> {
  return (page) => ({ programme: "segments", subject: null, ask: ["holders", slug, ...page] });
}

/** @param cutoffs of all shards; `null`: each says its own. */
export function askSurvey(
  slug: string,
  after: number,
  cutoffs: readonly number[] | null,
): Question<SurveyPart> {
  return { programme: "segments", subject: null, ask: ["survey", slug, after, cutoffs] };
}

/** The places themselves, of those in one piece. */
export function askPlaces(
  slug: string,
  after: number,
  cutoffs: readonly number[],
  piece: number,
): Question<readonly number[]> {
  return { programme: "segments", subject: null, ask: ["places", slug, after, cutoffs, piece] };
}

/** What the secret is sealed for. */
export function reportSecretOf(partner: string): string {
  return `reports of segments of ${partner}`;
}

export function rotateReportSecret(only: string | null = null): RotateReportSecret {
  return { programme: "segments", act: "rotate_report_secret", subject: REPORTS_SUBJECT, only };
}

/** Of all partners of a shard, whoever asks. */
export const ASK_REPORT_SECRETS: Question<readonly (readonly [partner: string, stored: string])[]> = {
  programme: "segments",
  subject: null,
  ask: ["secrets"],
};

/** As it is stored: sealed, or, from before that was done, in hex. `null` before the first report. */
export function askReportSecret(): QuestionTo<string | null> {
  return { programme: "segments", subject: REPORTS_SUBJECT, ask: ["secret"] };
}
