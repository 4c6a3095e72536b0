/** The queries about the users and segments of one shard. */
import type { JsonValue } from "../../records/act.ts";
import type { ListRequest } from "../paged-index.ts";
import {
  type HolderView,
  type SegmentPart,
  type SegmentRow,
  SURVEY_BUCKETS,
  SURVEY_USERS_MAX,
  type SurveyPart,
  type UserView,
} from "./acts.ts";
import type { BackfillJobs } from "./backfill-jobs.ts";
import { drawPosition, isSelected, lanesOf, SPAN } from "./draw.ts";
import { isActive, membershipView, type Segment, type SegmentStore, type User } from "./segment-store.ts";

const PIECE_SPAN = SPAN / SURVEY_BUCKETS;

/** Users with serial numbers from `after + 1` to `cutoff`. */
type SerialRange = Readonly<{ slug: string; after: number; cutoff: number }>;

export function surveyOf(store: SegmentStore, stretch: SerialRange): SurveyPart {
  const pieces = new Array<number>(SURVEY_BUCKETS).fill(0);
  let chosen = 0;
  for (const place of placesOf(store, stretch)) {
    if (place === null) chosen += 1;
    else {
      const piece = Math.floor(place / PIECE_SPAN);
      pieces[piece] = (pieces[piece] ?? 0) + 1;
    }
  }
  return { cutoff: stretch.cutoff, chosen, pieces };
}

export function placesIn(store: SegmentStore, stretch: SerialRange, piece: number): readonly number[] {
  const places: number[] = [];
  for (const place of placesOf(store, stretch))
    if (place !== null && Math.floor(place / PIECE_SPAN) === piece) places.push(place);
  return places;
}

/** The draw position of each user; `null` for a user that an earlier draw selected. */
function* placesOf(store: SegmentStore, { slug, after, cutoff }: SerialRange): Generator<number | null> {
  const rounds = store.segments.get(slug)?.rounds ?? [];
  const segment = lanesOf(slug);
  const end = Math.min(cutoff, after + SURVEY_USERS_MAX);
  for (let at = after; at < end; at++) {
    const { id, serial } = store.bySerial[at] as User;
    const place = drawPosition(segment, lanesOf(id));
    yield isSelected(place, serial, rounds) ? null : place;
  }
}

type AnswerSource = Readonly<{
  shard: number;
  store: SegmentStore;
  jobs: BackfillJobs;
  nowMs: number;
  /** Whether all expiries up to `nowMs` have been applied. */
  isCurrent: boolean;
}>;

export function answerOf(place: AnswerSource, [query, ...values]: readonly JsonValue[]): JsonValue {
  const { store, nowMs } = place;
  switch (query) {
    case "segment":
      return partOf(place, values[0] as string);
    case "parts":
      return (values[0] as readonly string[]).map((slug) => partOf(place, slug));
    case "segments":
      return store.ownSegments.list(values as unknown as ListRequest, segmentRow);
    case "user": {
      const user = store.users.get(values[0] as string);
      return user === undefined ? null : userView(user);
    }
    case "users":
      return store.userList.list(values as unknown as ListRequest, userView);
    case "memberships": {
      const membership = store.users.get(values[0] as string)?.memberships ?? [];
      return membership.filter((each) => isActive(each, nowMs)).map(membershipView);
    }
    case "holders": {
      const [slug, ...page] = values;
      const segment = store.segments.get(slug as string);
      return store.userList.list(page as unknown as ListRequest, (user) => holderView(user, segment, nowMs));
    }
    case "survey": {
      const [slug, after, cutoffs] = values as unknown as [string, number, readonly number[] | null];
      const cutoff = cutoffs === null ? store.bySerial.length : (cutoffs[place.shard] ?? 0);
      return surveyOf(store, { slug, after, cutoff });
    }
    case "places": {
      const [slug, after, cutoffs, piece] = values as unknown as [string, number, readonly number[], number];
      return placesIn(store, { slug, after, cutoff: cutoffs[place.shard] ?? 0 }, piece);
    }
    case "secret":
      return store.secret;
    default:
      throw new TypeError(`unknown query of the segments programme: ${JSON.stringify(query)}`);
  }
}

function partOf({ store, jobs, isCurrent }: AnswerSource, slug: string): SegmentPart | null {
  const segment = store.segments.get(slug);
  if (segment === undefined) return null;
  const { generation, percent, createdAtMs, members } = segment;
  return { generation, percent, createdAtMs, members, isCurrent, isFilled: !jobs.isFilling(segment) };
}

function segmentRow({ slug, generation, percent, createdAtMs }: Segment): SegmentRow {
  return { slug, generation, percent, createdAtMs };
}

function userView({ id, createdAtMs }: User): UserView {
  return { id, createdAtMs };
}

function holderView(user: User, segment: Segment | undefined, nowMs: number): HolderView | undefined {
  const membership = segment && user.memberships.find((each) => each.segment === segment);
  if (membership === undefined || !isActive(membership, nowMs)) return undefined;
  const { endsAtMs, source } = membershipView(membership);
  return { id: user.id, endsAtMs, source };
}
