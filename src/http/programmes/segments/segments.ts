/** `/v1/segments`: segments, and the draw that gives a percentage of the users a segment. */
import { z } from "@hono/zod-openapi";
import {
  askPlaces,
  askSegmentParts,
  askSegments,
  askSurvey,
  createSegment,
  deleteSegment,
  raisePercent,
  SURVEY_BUCKETS,
  SURVEY_USERS_MAX,
  type SurveyPart,
  segmentSubject,
} from "../../../actors/programmes/segments/acts.ts";
import { type Draw, shareOf } from "../../../actors/programmes/segments/draw.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { PageQuery } from "../../input/pagination.ts";
import { firstOrNew, readBareChange, readChange } from "../../read-change.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer, isDone } from "../../write-answers.ts";
import {
  isCurrent,
  isFilled,
  mergedView,
  recordedAnswer,
  SegmentParams,
  type SegmentsDeps,
  Slug,
  segmentJson,
  segmentNotFound,
  segmentView,
  slugOf,
  waitUntil,
} from "./access.ts";

/** Below every place: a draw with this threshold chooses nobody. */
const NOBODY = -1;

export function emptyDraw(percent: number): Draw {
  return { percent, threshold: NOBODY, cutoffs: [] };
}

/** `chosen`: users who are in the segment already. `pieces`: how many others have their place in which piece. */
type Survey = Readonly<{ cutoffs: readonly number[]; chosen: number; pieces: readonly number[] }>;

/**
 * A draw that makes the share of the existing users exact. A user's place is a stable hash of segment and user; the
 * threshold is the place of the last user who is needed. The piece that contains the threshold is found by counting, so
 * only its places are fetched.
 */
export async function drawOf(ledger: Ledger, partner: string, slug: string, percent: number): Promise<Draw> {
  const { cutoffs, chosen, pieces } = await survey(ledger, partner, slug);
  const share = shareOf(sumOf(cutoffs), percent);
  // Users who were chosen before stay in the segment; `wanted` users are missing.
  const wanted = share - chosen;
  if (wanted <= 0) return { percent, threshold: NOBODY, cutoffs };
  let before = 0;
  let piece = 0;
  while (before + (pieces[piece] ?? wanted) < wanted) before += pieces[piece++] ?? 0;
  const places = await placesOf(ledger, partner, slug, cutoffs, piece);
  return { percent, threshold: places[wanted - before - 1] ?? NOBODY, cutoffs };
}

async function survey(ledger: Ledger, partner: string, slug: string): Promise<Survey> {
  const pieces = new Array<number>(SURVEY_BUCKETS).fill(0);
  let cutoffs: readonly number[] | null = null;
  let chosen = 0;
  for (let after = 0; cutoffs === null || after < Math.max(...cutoffs); after += SURVEY_USERS_MAX) {
    const parts: readonly SurveyPart[] = await ledger.askAll(partner, askSurvey(slug, after, cutoffs));
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
): Promise<readonly number[]> {
  const places: number[] = [];
  for (let after = 0; after < Math.max(...cutoffs); after += SURVEY_USERS_MAX)
    for (const part of await ledger.askAll(partner, askPlaces(slug, after, cutoffs, piece)))
      for (const place of part) places.push(place);
  return places.toSorted((a, b) => a - b);
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

const Percent = z.int().min(1).max(100).openapi({ example: 30 });
const NewSegment = z
  .strictObject({ slug: Slug, user_percent: Percent.optional() })
  .openapi("NewSegment", { example: { slug: "DISCOUNT_30", user_percent: 30 } });
const SegmentPatch = z.strictObject({ user_percent: Percent }).openapi("SegmentPatch");

const SegmentSchema = z
  .object({
    slug: Slug,
    user_percent: Percent.nullable(),
    members: z.int().openapi({ minimum: 0 }),
    created_at: z.iso.datetime(),
  })
  .openapi("Segment", {
    example: {
      slug: "DISCOUNT_30",
      user_percent: 30,
      members: 1200,
      created_at: "2026-11-20T10:00:00.000Z",
    },
  });
const answerSchema = { description: "The segment.", content: { "application/json": SegmentSchema } };

const SEGMENTS = "/v1/segments";
const SEGMENT = "/v1/segments/{slug}";

export function addSegments(routes: Routes, deps: SegmentsDeps): void {
  addCreate(routes, deps);
  addList(routes, deps);
  addRead(routes, deps);
  addRaise(routes, deps);
  addDelete(routes, deps);
}

function addCreate(routes: Routes, deps: SegmentsDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: SEGMENTS,
      access: "partner",
      group: "segments",
      summary: "Create a segment",
      description:
        "With `user_percent`, exactly that share of the existing users is added, chosen by a stable hash; users who are " +
        "created later are added if their hash falls below the percentage. The answer is sent once all chosen users are " +
        "in the segment.",
      body: { schema: NewSegment },
      answer: { status: 201, ...answerSchema },
      problems: ["segment_exists", "too_many_segments", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewSegment);
      const { slug, user_percent: percent } = value;
      const command = await firstOrNew(ledger, header, { owner: segmentSubject(slug) }, async () => {
        const draw = percent === undefined ? null : await drawOf(ledger, call.partner, slug, percent);
        return actAlone(header, createSegment(slug, draw));
      });
      const answer = await ledger.submit(command);
      if (!isDone(answer)) return decidedAnswer(call, answer, 201, () => null);
      const view = await recordedAnswer(ledger, header, answer, slug, async () => {
        const { members = 0 } = (await segmentView(deps, call, slug, isFilled)) ?? {};
        return { slug, percent: percent ?? null, members, createdAtMs: answer.timeMs };
      });
      return decidedAnswer(call, answer, 201, () => segmentJson(view));
    },
  );
}

function addList(routes: Routes, { ledger, clock }: SegmentsDeps): void {
  addListRoute(
    routes,
    {
      path: SEGMENTS,
      access: "partner",
      group: "segments",
      summary: "List segments, newest first",
      query: PageQuery,
      row: SegmentSchema,
    },
    async (_, call, query) => {
      const { data, cursors, nextCursor } = await ledger.list(
        call.partner,
        askSegments,
        query,
        callerOf(call),
      );
      const slugs = data.map(({ slug }) => slug);
      const views = await waitUntil(clock, call, async () => {
        const parts = await ledger.askAll(call.partner, askSegmentParts(slugs));
        if (!parts.flat().every(isCurrent)) return undefined;
        return slugs.map((slug, i) =>
          mergedView(
            slug,
            parts.map((shardParts) => shardParts[i] ?? null),
          ),
        );
      });
      // Omits segments that were deleted after the page was read.
      const known = cursors.flatMap((cursor, i) => {
        const view = views[i];
        return view === undefined ? [] : [{ view, cursor }];
      });
      return { data: known, cursors: known.map(({ cursor }) => cursor), nextCursor };
    },
    ({ view }) => segmentJson(view),
  );
}

function addRead(routes: Routes, deps: SegmentsDeps): void {
  addReadRoute(
    routes,
    {
      path: SEGMENT,
      access: "partner",
      group: "segments",
      summary: "Get a segment and its number of members",
      params: SegmentParams,
      answer: { status: 200, ...answerSchema },
      problems: ["segment_not_found"],
    },
    async (request, call) => {
      const slug = slugOf(request);
      const view = await segmentView(deps, call, slug, isCurrent);
      if (view === undefined) throw segmentNotFound(slug);
      return view;
    },
    segmentJson,
  );
}

function addRaise(routes: Routes, deps: SegmentsDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "patch",
      path: SEGMENT,
      access: "partner",
      group: "segments",
      summary: "Set or raise the percentage of a segment",
      description:
        "Existing members stay. The answer is sent once all users added by the change are in the segment.",
      params: SegmentParams,
      body: { schema: SegmentPatch },
      answer: { status: 200, ...answerSchema },
      problems: ["segment_not_found", "percent_lowered", "too_many_segments", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const slug = slugOf(request);
      const { value, header } = await readChange(request, call, SegmentPatch);
      const { user_percent: percent } = value;
      const command = await firstOrNew(ledger, header, { owner: segmentSubject(slug) }, async () => {
        const before = await segmentView(deps, call, slug, isCurrent);
        // An unknown segment is rejected by its home shard.
        const draw =
          before === undefined ? emptyDraw(percent) : await drawOf(ledger, call.partner, slug, percent);
        return actAlone(header, raisePercent(slug, before?.generation ?? 0, draw));
      });
      const answer = await ledger.submit(command);
      if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
      const view = await recordedAnswer(ledger, header, answer, slug, async () => {
        const after = await segmentView(deps, call, slug, isFilled);
        const { members = 0, createdAtMs = answer.timeMs } = after ?? {};
        return { slug, percent, members, createdAtMs };
      });
      return decidedAnswer(call, answer, 200, () => segmentJson(view));
    },
  );
}

function addDelete(routes: Routes, { ledger }: SegmentsDeps): void {
  routes.add(
    {
      method: "delete",
      path: SEGMENT,
      access: "partner",
      group: "segments",
      summary: "Delete a segment and all its memberships",
      description: "Takes effect at once. A new segment with the same slug starts without members.",
      params: SegmentParams,
      answer: { status: 204, description: "Deleted." },
      problems: ["segment_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const slug = slugOf(request);
      const header = await readBareChange(request, call);
      return decidedAnswer(call, await ledger.submit(actAlone(header, deleteSegment(slug))), 204, () => null);
    },
  );
}
