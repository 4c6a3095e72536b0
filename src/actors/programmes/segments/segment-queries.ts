/** The queries about the users and segments of one shard. */
import {
  type HolderView,
  type MembershipView,
  type SegmentPart,
  type SegmentRow,
  SURVEY_BUCKETS,
  SURVEY_USERS_MAX,
  type Surveyed,
  type SurveyPart,
  type UserView,
} from "./acts.ts";
import type { BackfillJobs } from "./backfill-jobs.ts";
import { drawPosition, isSelected, lanesOf, SPAN } from "./draw.ts";
import { isActive, membershipView, type Segment, type SegmentStore, type User } from "./segment-store.ts";

const PIECE_SPAN = SPAN / SURVEY_BUCKETS;

/** Users with serial numbers from `after + 1` to `cutoff`. */
type SerialRange = Readonly<{ slug: string; after: number; cutoff: number; of: Surveyed }>;

export function surveyOf(store: SegmentStore, stretch: SerialRange): SurveyPart {
  const pieces = new Array<number>(SURVEY_BUCKETS).fill(0);
  let chosen = 0;
  for (const [place, isChosen] of placesOf(store, stretch)) {
    if (isChosen) chosen += 1;
    if (isChosen !== (stretch.of === "chosen")) continue;
    const piece = Math.floor(place / PIECE_SPAN);
    pieces[piece] = (pieces[piece] ?? 0) + 1;
  }
  return { cutoff: stretch.cutoff, chosen, pieces };
}

export function placesIn(store: SegmentStore, stretch: SerialRange, piece: number): readonly number[] {
  const places: number[] = [];
  for (const [place, isChosen] of placesOf(store, stretch))
    if (isChosen === (stretch.of === "chosen") && Math.floor(place / PIECE_SPAN) === piece)
      places.push(place);
  return places;
}

/** The draw position of each user, and whether earlier draws have selected the user. */
function* placesOf(
  store: SegmentStore,
  { slug, after, cutoff }: SerialRange,
): Generator<readonly [place: number, isChosen: boolean]> {
  const rounds = store.segments.get(slug)?.rounds ?? [];
  const segment = lanesOf(slug);
  const end = Math.min(cutoff, after + SURVEY_USERS_MAX);
  for (let at = after; at < end; at++) {
    const { id, serial } = store.bySerial[at] as User;
    const place = drawPosition(segment, lanesOf(id));
    yield [place, isSelected(place, serial, rounds)];
  }
}

/** @param isCurrent whether all expiries up to now have been applied. */
export function segmentPart(
  { segments }: SegmentStore,
  jobs: BackfillJobs,
  isCurrent: boolean,
  slug: string,
): SegmentPart | null {
  const segment = segments.get(slug);
  if (segment === undefined) return null;
  const { generation, percent, createdAtMs, members } = segment;
  return { generation, percent, createdAtMs, members, isCurrent, isFilled: !jobs.isFilling(segment) };
}

export function segmentRow({ slug, generation, percent, createdAtMs }: Segment): SegmentRow {
  return { slug, generation, percent, createdAtMs };
}

export function userView({ id, createdAtMs }: User): UserView {
  return { id, createdAtMs };
}

export function holderView(user: User, segment: Segment | undefined, nowMs: number): HolderView | undefined {
  const membership = segment && user.memberships.find((each) => each.segment === segment);
  if (membership === undefined || !isActive(membership, nowMs)) return undefined;
  const { endsAtMs, source } = membershipView(membership);
  return { id: user.id, endsAtMs, source };
}

export function membershipsOf(user: User | undefined, nowMs: number): readonly MembershipView[] {
  return (user?.memberships ?? []).filter((each) => isActive(each, nowMs)).map(membershipView);
}
