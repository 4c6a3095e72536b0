/**
 * Finds where a percentage has to be cut so that exactly so many users fall under it. All shards are asked twice, each
 * time for some thousands of their users after the other: first how the places are spread, then for the few places among
 * which the cut is.
 */
import {
  askPlaces,
  askSurvey,
  PIECES,
  SURVEYED_MAX,
  type SurveyPart,
} from "../../actors/programmes/segments/acts.ts";
import { type Draw, shareOf } from "../../actors/programmes/segments/draw.ts";
import type { Ledger } from "../ports.ts";

/** Nobody's place. */
const NOBODY = -1;

export function drawOfNobody(percent: number): Draw {
  return { percent, threshold: NOBODY, cutoffs: [] };
}

type Survey = Readonly<{ cutoffs: readonly number[]; chosen: number; pieces: readonly number[] }>;

export async function drawOf(ledger: Ledger, partner: string, slug: string, percent: number): Promise<Draw> {
  const { cutoffs, chosen, pieces } = await survey(ledger, partner, slug);
  const share = shareOf(sumOf(cutoffs), percent);
  // Holders stay: those that are wanted come to those who were chosen before.
  const wanted = share - chosen;
  if (wanted <= 0) return { percent, threshold: NOBODY, cutoffs };
  let before = 0;
  let piece = 0;
  while (before + (pieces[piece] ?? wanted) < wanted) before += pieces[piece++] ?? 0;
  const places = await placesOf(ledger, partner, slug, cutoffs, piece);
  return { percent, threshold: places[wanted - before - 1] ?? NOBODY, cutoffs };
}

async function survey(ledger: Ledger, partner: string, slug: string): Promise<Survey> {
  const pieces = new Array<number>(PIECES).fill(0);
  let cutoffs: readonly number[] | null = null;
  let chosen = 0;
  for (let after = 0; cutoffs === null || after < Math.max(...cutoffs); after += SURVEYED_MAX) {
    const parts: readonly SurveyPart[] = await ledger.askAll(partner, askSurvey(slug, after, cutoffs));
    cutoffs ??= parts.map(({ cutoff }) => cutoff);
    for (const part of parts) {
      chosen += part.chosen;
      for (const [piece, count] of part.pieces.entries()) pieces[piece] = (pieces[piece] ?? 0) + count;
    }
  }
  return { cutoffs, chosen, pieces };
}

/** In their order. */
async function placesOf(
  ledger: Ledger,
  partner: string,
  slug: string,
  cutoffs: readonly number[],
  piece: number,
): Promise<readonly number[]> {
  const places: number[] = [];
  for (let after = 0; after < Math.max(...cutoffs); after += SURVEYED_MAX)
    for (const part of await ledger.askAll(partner, askPlaces(slug, after, cutoffs, piece)))
      for (const place of part) places.push(place);
  return places.toSorted((a, b) => a - b);
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
