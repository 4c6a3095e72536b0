/** What a shard answers about its users and segments. */
import type { Plain } from "../programme.ts";
import type { ListAsk } from "../register.ts";
import type { HolderView, SegmentPart, SegmentRow, UserView } from "./acts.ts";
import type { Chores } from "./chores.ts";
import { isMembership, membershipView, type Roster, type Segment, type User } from "./roster.ts";
import { placesIn, surveyOf } from "./survey.ts";

type Place = Readonly<{
  shard: number;
  roster: Roster;
  chores: Chores;
  nowMs: number;
  /** Whether all is ended whose time is over. */
  isCurrent: boolean;
}>;

export function answerOf(place: Place, [question, ...values]: readonly Plain[]): Plain {
  const { roster, nowMs } = place;
  switch (question) {
    case "segment":
      return partOf(place, values[0] as string);
    case "parts":
      return (values[0] as readonly string[]).map((slug) => partOf(place, slug));
    case "segments":
      return roster.ownSegments.list(values as unknown as ListAsk, segmentRow);
    case "user": {
      const user = roster.users.get(values[0] as string);
      return user === undefined ? null : userView(user);
    }
    case "users":
      return roster.userList.list(values as unknown as ListAsk, userView);
    case "memberships": {
      const held = roster.users.get(values[0] as string)?.held ?? [];
      return held.filter((each) => isMembership(each, nowMs)).map(membershipView);
    }
    case "holders": {
      const [slug, ...page] = values;
      const segment = roster.segments.get(slug as string);
      return roster.userList.list(page as unknown as ListAsk, (user) => holderView(user, segment, nowMs));
    }
    case "survey": {
      const [slug, after, cutoffs] = values as unknown as [string, number, readonly number[] | null];
      const cutoff = cutoffs === null ? roster.bySerial.length : (cutoffs[place.shard] ?? 0);
      return surveyOf(roster, { slug, after, cutoff });
    }
    case "places": {
      const [slug, after, cutoffs, piece] = values as unknown as [string, number, readonly number[], number];
      return placesIn(roster, { slug, after, cutoff: cutoffs[place.shard] ?? 0 }, piece);
    }
    case "secret":
      return roster.secret;
    default:
      throw new TypeError(`the segments know no question ${JSON.stringify(question)}`);
  }
}

function partOf({ roster, chores, isCurrent }: Place, slug: string): SegmentPart | null {
  const segment = roster.segments.get(slug);
  if (segment === undefined) return null;
  const { generation, percent, createdAtMs, members } = segment;
  return { generation, percent, createdAtMs, members, isCurrent, isFilled: !chores.isFilling(segment) };
}

function segmentRow({ slug, generation, percent, createdAtMs }: Segment): SegmentRow {
  return { slug, generation, percent, createdAtMs };
}

function userView({ id, createdAtMs }: User): UserView {
  return { id, createdAtMs };
}

function holderView(user: User, segment: Segment | undefined, nowMs: number): HolderView | undefined {
  const held = segment && user.held.find((each) => each.segment === segment);
  if (held === undefined || !isMembership(held, nowMs)) return undefined;
  const { endsAtMs, source } = membershipView(held);
  return { id: user.id, endsAtMs, source };
}
