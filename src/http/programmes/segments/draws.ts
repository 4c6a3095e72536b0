/** Draws: which users a percentage gives a segment. They are made from surveys of all shards. */
import {
  askPlaces,
  askSurvey,
  SURVEY_BUCKETS,
  SURVEY_USERS_MAX,
  type Surveyed,
  type SurveyPart,
} from "../../../actors/programmes/segments/acts.ts";
import { type Draw, SPAN, shareOf } from "../../../actors/programmes/segments/draw.ts";
import type { Ledger } from "../../../gateway/ports.ts";

/** Below every place: a draw with this threshold chooses nobody. */
const NOBODY = -1;
/** Above every place. */
const EVERYBODY = SPAN;

export function emptyDraw(percent: number): Draw {
  return { percent, threshold: NOBODY, cutoffs: [] };
}

/**
 * `chosen`: users who were chosen before, also those who were removed by hand. `pieces`: how many of the surveyed ones have
 * their place in which piece.
 */
type Survey = Readonly<{ cutoffs: readonly number[]; chosen: number; pieces: readonly number[] }>;

/**
 * A draw that makes the share of the existing users exact. A user's place is a stable hash of segment and user; the
 * threshold is the place of the last user who is needed. The piece that contains the threshold is found by counting, so
 * only its places are fetched.
 *
 * @param from the present percentage; `null` if there is none. A draw that lowers it leaves the first ones of those who
 *   were chosen, a draw that raises it adds the first ones of the others.
 */
export async function drawOf(
  ledger: Ledger,
  partner: string,
  slug: string,
  percent: number,
  from: number | null = null,
): Promise<Draw> {
  const isLower = percent < (from ?? 0);
  const of = isLower ? "chosen" : "others";
  const { cutoffs, chosen, pieces } = await survey(ledger, partner, slug, of);
  const share = shareOf(sumOf(cutoffs), percent);
  if (isLower && chosen <= share) return { percent, threshold: EVERYBODY, cutoffs };
  const wanted = isLower ? share : share - chosen;
  if (wanted <= 0) return { percent, threshold: NOBODY, cutoffs };
  let before = 0;
  let piece = 0;
  while (before + (pieces[piece] ?? wanted) < wanted) before += pieces[piece++] ?? 0;
  const places = await placesOf(ledger, partner, slug, cutoffs, piece, of);
  return { percent, threshold: places[wanted - before - 1] ?? NOBODY, cutoffs };
}

async function survey(ledger: Ledger, partner: string, slug: string, of: Surveyed): Promise<Survey> {
  const pieces = new Array<number>(SURVEY_BUCKETS).fill(0);
  let cutoffs: readonly number[] | null = null;
  let chosen = 0;
  for (let after = 0; cutoffs === null || after < Math.max(...cutoffs); after += SURVEY_USERS_MAX) {
    const parts: readonly SurveyPart[] = await ledger.askAll(partner, askSurvey(slug, after, cutoffs, of));
    cutoffs ??= parts.map(({ cutoff }) => cutoff);
    for (const part of parts) {
      chosen += part.chosen;
      for (const [piece, count] of part.pieces.entries()) pieces[piece] = (pieces[piece] ?? 0) + count;
    }
  }
  return { cutoffs, chosen, pieces };
}

/** The places in one piece, ascending. */
async function placesOf(
  ledger: Ledger,
  partner: string,
  slug: string,
  cutoffs: readonly number[],
  piece: number,
  of: Surveyed,
): Promise<readonly number[]> {
  const places: number[] = [];
  for (let after = 0; after < Math.max(...cutoffs); after += SURVEY_USERS_MAX)
    for (const part of await ledger.askAll(partner, askPlaces(slug, after, cutoffs, piece, of)))
      for (const place of part) places.push(place);
  return places.toSorted((a, b) => a - b);
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
