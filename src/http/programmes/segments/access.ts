/** Shared by the segment routes: path parameters, waiting for the shards, and the JSON of a segment. */
import { z } from "@hono/zod-openapi";
import {
  askSegment,
  recordAnswer,
  type SegmentPart,
  type SegmentShown,
  segmentSubject,
} from "../../../actors/programmes/segments/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import { OperatingError } from "../../../errors/operating-error.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import type { Call } from "../../call.ts";
import type { Clock } from "../../clock.ts";
import { REQUEST_MS_MAX } from "../../endpoint.ts";
import type { Random } from "../../idempotency.ts";
import { timeTextOf } from "../../input/fields.ts";
import { invalid, Problem } from "../../problem.ts";
import { firstOrNew } from "../../read-change.ts";
import type { HttpRequest } from "../../request.ts";
import type { Done } from "../../write-answers.ts";

export type SegmentsDeps = Readonly<{ ledger: Ledger; clock: Clock; random: Random }>;

const SLUG = /^[A-Z0-9_]{3,64}$/;
export const Slug = z
  .string()
  .regex(SLUG, "must be 3 to 64 characters of A-Z 0-9 _")
  .openapi({ example: "DISCOUNT_30" });
export const Ttl = z
  .int()
  .min(1)
  .max(100 * 366 * 24 * 3600)
  .openapi({ description: "Time to live in seconds, at most 100 years." });

export const SegmentParams = z.object({ slug: Slug });

/** The slug of the path. @throws Problem 400 */
export function slugOf(request: HttpRequest): string {
  const slug = request.param("slug");
  if (!SLUG.test(slug)) throw invalid("slug", "must be 3 to 64 characters of A-Z 0-9 _");
  return slug;
}

export function segmentNotFound(slug: string): Problem {
  return new Problem("segment_not_found", `There is no segment ${slug}.`);
}

export function userNotFound(id: string): Problem {
  return new Problem("user_not_found", `There is no user ${id}.`);
}

export function expiryField(endsAtMs: number | null): Readonly<{ expires_at?: string }> {
  return endsAtMs === null ? {} : { expires_at: timeTextOf(endsAtMs) };
}

export type SegmentView = SegmentShown & Readonly<{ generation: number }>;

export function segmentJson(view: SegmentShown): string {
  const { slug, percent, members, createdAtMs } = view;
  return JSON.stringify({ slug, user_percent: percent, members, created_at: timeTextOf(createdAtMs) });
}

/** Merges the parts of all shards; `undefined` unless every shard knows the segment. */
export function mergedView(slug: string, parts: readonly (SegmentPart | null)[]): SegmentView | undefined {
  let view: SegmentView | undefined;
  for (const part of parts) {
    if (part === null) return undefined;
    const { generation, percent, createdAtMs } = part;
    view = { slug, generation, percent, createdAtMs, members: (view?.members ?? 0) + part.members };
  }
  return view;
}

/** Whether a shard's member count contains no expired membership. */
export function isCurrent(part: SegmentPart | null): boolean {
  return part === null || part.isCurrent;
}

/** Whether a shard knows the segment, and its percentage selects the automatic members and nobody else. */
export function isFilled(part: SegmentPart | null): boolean {
  return part?.isFilled === true;
}

/** Whether no change of the percentage is on its way to some of the shards. */
function isOfOnePercent(parts: readonly (SegmentPart | null)[]): boolean {
  return new Set(parts.map((part) => part?.percent)).size <= 1;
}

/**
 * Waits until all shards are ready.
 *
 * @returns `undefined` if no shard knows the segment.
 * @throws OperatingError `outcome_unknown` after `REQUEST_MS_MAX`
 */
export async function segmentView(
  { ledger, clock }: SegmentsDeps,
  call: Call,
  slug: string,
  isReady: (part: SegmentPart | null) => boolean,
): Promise<SegmentView | undefined> {
  const { view } = await waitUntil(clock, call, async () => {
    const parts = await ledger.askAll(call.partner, askSegment(slug));
    const isGone = parts.every((part) => part === null);
    return isGone || (parts.every(isReady) && isOfOnePercent(parts))
      ? { view: mergedView(slug, parts) }
      : undefined;
  });
  return view;
}

/**
 * The answer to a request that changes who is in a segment. Its number of members is known only after the request's own record was
 * logged. So the answer to a keyed request is recorded too, and retries get the recorded one.
 *
 * @param waitFilled waits until the percentage is applied.
 */
export async function recordedAnswer(
  ledger: Ledger,
  header: CommandHeader,
  { replayed }: Done,
  slug: string,
  waitFilled: () => Promise<SegmentShown>,
): Promise<SegmentShown> {
  if (header.key === null) return waitFilled();
  // Callers' keys contain no blanks, so this one is unique.
  const answerHeader = { ...header, key: `${header.key} answer` };
  const make = async () => actAlone(answerHeader, recordAnswer(await waitFilled()));
  const command = replayed
    ? await firstOrNew(ledger, answerHeader, { owner: segmentSubject(slug) }, make)
    : await make();
  await ledger.submit(command);
  return command.act.view;
}

const POLL_MS = 2;

/** Repeats `attempt` until it returns a value. @throws OperatingError `outcome_unknown` after `REQUEST_MS_MAX` */
export async function waitUntil<T>(
  clock: Clock,
  call: Call,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  while (clock.elapsedMs() - call.startedMs < REQUEST_MS_MAX) {
    const result = await attempt();
    if (result !== undefined) return result;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new OperatingError("outcome_unknown", `not ready within ${REQUEST_MS_MAX / 1000} s`);
}
