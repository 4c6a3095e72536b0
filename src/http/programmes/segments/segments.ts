/** `/v1/segments`: segments, and the percentage of the users that each is given to. */
import { z } from "@hono/zod-openapi";
import {
  askSegmentParts,
  askSegments,
  createSegment,
  deleteSegment,
  lowerPercent,
  raisePercent,
  type SegmentsAct,
  segmentSubject,
} from "../../../actors/programmes/segments/acts.ts";
import { type ActAlone, actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Page } from "../../../archive/queries/query.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { type Call, callerOf } from "../../call.ts";
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
  type SegmentView,
  Slug,
  segmentJson,
  segmentNotFound,
  segmentView,
  slugOf,
  waitUntil,
} from "./access.ts";
import { drawOf, emptyDraw } from "./draws.ts";

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
  addPercent(routes, deps);
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
      const answer = await makeSegment(ledger, header, slug, percent);
      if (!isDone(answer)) return decidedAnswer(call, answer, 201, () => null);
      const view = await recordedAnswer(ledger, header, answer, slug, async () => {
        const { members = 0 } = (await segmentView(deps, call, slug, isFilled)) ?? {};
        return { slug, percent: percent ?? null, members, createdAtMs: answer.timeMs };
      });
      return decidedAnswer(call, answer, 201, () => segmentJson(view));
    },
  );
}

/** Creates a segment. The users who are drawn are in it a moment later. @param percent of the users; absent: nobody is drawn. */
export async function makeSegment(
  ledger: Ledger,
  header: CommandHeader,
  slug: string,
  percent: number | undefined,
): Promise<Answer<ActAlone>> {
  const command = await firstOrNew(ledger, header, { owner: segmentSubject(slug) }, async () => {
    const draw = percent === undefined ? null : await drawOf(ledger, header.partner, slug, percent, null);
    return actAlone<SegmentsAct>(header, createSegment(slug, draw));
  });
  return ledger.submit<ActAlone>(command);
}

function addList(routes: Routes, deps: SegmentsDeps): void {
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
    (_, call, query) => listSegments(deps, call, query),
    ({ view }) => segmentJson(view),
  );
}

/** The segments with their numbers of members, newest first. */
export async function listSegments(
  { ledger, clock }: Pick<SegmentsDeps, "ledger" | "clock">,
  call: Call,
  query: PageQuery,
): Promise<Page<Readonly<{ view: SegmentView; cursor: string }>>> {
  const { data, cursors, nextCursor } = await ledger.list(call.partner, askSegments, query, callerOf(call));
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

function addPercent(routes: Routes, deps: SegmentsDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "patch",
      path: SEGMENT,
      access: "partner",
      group: "segments",
      summary: "Set, raise or lower the percentage of a segment",
      description:
        "A higher percentage adds users, a lower one removes those automatic members who were chosen last, down to that " +
        "share of the users. Members who were added by hand stay; who was removed by hand is not added again. The answer is " +
        "sent once the members are right.",
      params: SegmentParams,
      body: { schema: SegmentPatch },
      answer: { status: 200, ...answerSchema },
      problems: [
        "segment_not_found",
        "percent_changed",
        "too_many_percent_changes",
        "too_many_segments",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    async (request, call) => {
      const slug = slugOf(request);
      const { value, header } = await readChange(request, call, SegmentPatch);
      const { user_percent: percent } = value;
      const answer = await changePercent(deps, call, header, slug, percent);
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

/** Draws for one request. Each further one is needed only if another request has changed the percentage meanwhile. */
const DRAWS_MAX = 10;

/** Each draw has a key of its own, so that a retry repeats all of them. */
async function changePercent(
  deps: SegmentsDeps,
  call: Call,
  header: CommandHeader,
  slug: string,
  percent: number,
): Promise<Answer<ActAlone>> {
  const { ledger } = deps;
  const { key } = header;
  for (let tries = 1; ; tries++) {
    // Callers' keys contain no blanks, so these are unique.
    const ofTry = tries === 1 || key === null ? header : { ...header, key: `${key} ${tries}` };
    const command = await firstOrNew(ledger, ofTry, { owner: segmentSubject(slug) }, async () => {
      const before = await segmentView(deps, call, slug, isCurrent);
      // An unknown segment is rejected by its home shard.
      const from = before?.percent ?? null;
      const generation = before?.generation ?? 0;
      const draw =
        before === undefined ? emptyDraw(percent) : await drawOf(ledger, call.partner, slug, percent, from);
      return actAlone<SegmentsAct>(
        ofTry,
        percent < (from ?? 0)
          ? lowerPercent(slug, generation, draw, from)
          : raisePercent(slug, generation, draw, from),
      );
    });
    const answer = await ledger.submit(command);
    const isStale = "outcome" in answer && !answer.outcome.ok && answer.outcome.code === "percent_changed";
    if (!isStale || tries === DRAWS_MAX) return answer;
  }
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
