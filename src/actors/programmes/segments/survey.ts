/** What a shard says of its users before a percentage is drawn: first how their places are spread, then some of them. */
import { PIECES, SURVEYED_MAX, type SurveyPart } from "./acts.ts";
import { isChosen, lanesOf, placeOf, SPAN } from "./draw.ts";
import type { Roster, User } from "./roster.ts";

const PIECE_SPAN = SPAN / PIECES;

/** Users after this one, by serial number, and no further than the cutoff. */
type Stretch = Readonly<{ slug: string; after: number; cutoff: number }>;

export function surveyOf(roster: Roster, stretch: Stretch): SurveyPart {
  const pieces = new Array<number>(PIECES).fill(0);
  let chosen = 0;
  for (const place of placesOf(roster, stretch)) {
    if (place === null) chosen += 1;
    else {
      const piece = Math.floor(place / PIECE_SPAN);
      pieces[piece] = (pieces[piece] ?? 0) + 1;
    }
  }
  return { cutoff: stretch.cutoff, chosen, pieces };
}

export function placesIn(roster: Roster, stretch: Stretch, piece: number): readonly number[] {
  const places: number[] = [];
  for (const place of placesOf(roster, stretch))
    if (place !== null && Math.floor(place / PIECE_SPAN) === piece) places.push(place);
  return places;
}

/** `null`: chosen before. */
function* placesOf(roster: Roster, { slug, after, cutoff }: Stretch): Generator<number | null> {
  const rounds = roster.segments.get(slug)?.rounds ?? [];
  const segment = lanesOf(slug);
  const end = Math.min(cutoff, after + SURVEYED_MAX);
  for (let at = after; at < end; at++) {
    const { id, serial } = roster.bySerial[at] as User;
    const place = placeOf(segment, lanesOf(id));
    yield isChosen(place, serial, rounds) ? null : place;
  }
}
