/**
 * Monthly reports of who entered and left which segment. Reports are not stored: the download URL contains the report's
 * parameters and expiry, signed with the partner's secret, and the rows are read from the archive while they are sent.
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "@hono/zod-openapi";
import {
  askReportSecret,
  askUser,
  REPORTS_SUBJECT,
  reportSecretOf,
  requestReport,
  rotateReportSecret,
} from "../../../actors/programmes/segments/acts.ts";
import {
  type MembershipChange,
  membershipChanges,
} from "../../../actors/programmes/segments/membership-history.ts";
import { actAlone } from "../../../actors/records/command.ts";
import { keyless } from "../../../actors/records/command-header.ts";
import type { ArchivedRecord, Page } from "../../../archive/queries/query.ts";
import { assert } from "../../../errors/assert.ts";
import type { Directory, Ledger } from "../../../gateway/ports.ts";
import type { OpenSecret } from "../../../sealed-secrets.ts";
import { csvCell, csvRow } from "../../../text/csv.ts";
import { keyIdOf, memberPartner } from "../../auth.ts";
import { answer } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS, madeId } from "../../idempotency.ts";
import { Id, timeTextOf } from "../../input/fields.ts";
import { IdParams } from "../../input/path-id.ts";
import { Problem } from "../../problem.ts";
import { readBareChange, readChange } from "../../read-change.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer, isDone } from "../../write-answers.ts";
import { type SegmentsDeps, userNotFound } from "./access.ts";

/**
 * An expiry is logged shortly after it, or later if the server was down. Its row has the time of the expiry if the record
 * is at most this much later, and else the time of the record. So reading the log up to this long after a month finds all
 * rows of the month.
 */
export const LATE_MS_MAX = 24 * 3600 * 1000;

/** The rows of one record, in the order in which they happened. */
export function rowsOfRecord({ record, timeMs }: ArchivedRecord): readonly MembershipChange[] {
  const { command, outcome } = record;
  if (command.op !== "act" || !("effect" in outcome) || outcome.effect === undefined) return [];
  const changes = membershipChanges(command.act, outcome.effect, timeMs);
  return Array.from(changes, (row) => ({
    ...row,
    atMs: timeMs - row.atMs > LATE_MS_MAX ? timeMs : row.atMs,
  }));
}

export function csvLine({ user, slug, operation, atMs }: MembershipChange, separator: string): string {
  const at = new Date(atMs).toISOString();
  const executedAt = `${at.slice(0, 10)} ${at.slice(11, 19)}`;
  return csvRow([csvCell(user), slug, operation, executedAt], separator);
}

const VALID_MS = 24 * 3600 * 1000;
/** Small, because one record may have 1,000 rows. */
const RECORDS_PER_PAGE = 50;
const HEADER = ["user_id", "segment_slug", "operation", "executed_at"];

const NewReport = z
  .strictObject({
    year: z.int().min(1970).max(9999),
    month: z.int().min(1).max(12),
    user_id: Id.optional(),
    separator: z.enum([",", ";"]).optional(),
  })
  .openapi("NewSegmentReport", { example: { year: 2026, month: 11, separator: ";" } });
const ReportSchema = z
  .object({ id: z.string(), url: z.url().nullable(), secret_shown: z.literal(true).optional() })
  .openapi("SegmentReport", {
    example: { id: "rep_0a1b2c", url: "https://daybook.example/segment-reports/WyJhY21lIl0.c2lnbmF0dXJl" },
  });
const RotatedSchema = z
  .object({ partner: z.string(), rotated_at: z.iso.datetime() })
  .openapi("RotatedReportSecret", { example: { partner: "acme", rotated_at: "2026-11-20T10:00:00.000Z" } });
const ReportParams = z.object({ report: z.string() });
const ReportPlan = z.tuple([
  z.string(),
  z.string(),
  z.int(),
  z.int(),
  z.string().nullable(),
  z.enum([",", ";"]),
  z.int(),
  z.string(),
]);

/** The parameters of a report, which its URL contains. */
type Plan = Readonly<{
  id: string;
  partner: string;
  year: number;
  month: number;
  user: string | null;
  separator: string;
  expiresAtMs: number;
  /** The API key that requested the report; revoking it invalidates the URL. */
  keyId: string;
}>;

/** What a report is about. */
export type ReportPeriod = Pick<Plan, "partner" | "year" | "month" | "user" | "separator">;

export type ReportsDeps = SegmentsDeps &
  Readonly<{ directory: Directory; openSecret: OpenSecret; publicUrl?: () => string }>;

export function addReports(routes: Routes, deps: ReportsDeps): void {
  addRequest(routes, deps);
  addDownload(routes, deps);
  addRotation(routes, deps);
}

function addRequest(routes: Routes, deps: ReportsDeps): void {
  const { ledger, random, publicUrl = () => "" } = deps;
  const path = "/v1/segment-reports";
  routes.add(
    {
      method: "post",
      path,
      access: "partner",
      group: "segments",
      summary: "Request a monthly report of who entered and left which segment",
      description:
        "The month is in UTC. The `url` needs no API key. It is valid for 24 hours, or until the API key that requested " +
        "it is revoked. A retry with the same idempotency key has `url: null`: the URL is shown once.",
      body: { schema: NewReport },
      answer: answerOf(201, "The report with its download URL.", ReportSchema),
      problems: ["user_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewReport);
      const { partner } = call;
      const { year, month, user_id: user = null, separator = "," } = value;
      // Users are never deleted, so a retry finds the same user.
      if (user !== null && (await ledger.ask(partner, askUser(user))) === null) throw userNotFound(user);
      const requested = await ledger.submit(actAlone(header, requestReport()));
      const secret = isDone(requested) ? await secretToSign(deps, partner) : undefined;
      const id = madeId("rep", partner, `POST ${path}`, header.key, random);
      return decidedAnswer(call, requested, 201, (_, { timeMs, replayed }) => {
        if (replayed) return JSON.stringify({ id, url: null, secret_shown: true });
        assert(secret !== undefined, "the first report makes the secret");
        const parameters = { id, partner, year, month, user, separator };
        const plan = { ...parameters, expiresAtMs: timeMs + VALID_MS, keyId: keyIdOf(call) };
        return JSON.stringify({ id, url: `${publicUrl()}/segment-reports/${signed(plan, secret)}` });
      });
    },
  );
}

/**
 * The partner's signing secret. A secret that was sealed with a key which this server does not have cannot sign, and is
 * replaced. `undefined` before the first report.
 */
async function secretToSign(
  { ledger, openSecret }: ReportsDeps,
  partner: string,
): Promise<Uint8Array | undefined> {
  const stored = await ledger.ask(partner, askReportSecret());
  if (stored === null) return undefined;
  const opened = openSecret(stored, reportSecretOf(partner));
  if (opened !== undefined) return opened;
  const rotated = await ledger.submit(actAlone(keyless(partner), rotateReportSecret(stored)));
  assert(isDone(rotated), "a secret can always be replaced");
  const replaced = await ledger.ask(partner, askReportSecret());
  return replaced === null ? undefined : openSecret(replaced, reportSecretOf(partner));
}

function addRotation(routes: Routes, { ledger, directory }: ReportsDeps): void {
  routes.add(
    {
      method: "post",
      operationId: "rotateReportSecret",
      path: "/v1/partners/{id}/report-secret/rotate",
      access: "member",
      group: "segments",
      summary: "Rotate the secret that signs report URLs",
      description:
        "All report URLs issued so far stop working. Reports requested from now on are signed with the new secret.",
      params: IdParams,
      answer: answerOf(200, "When the secret was rotated.", RotatedSchema),
      problems: ["partner_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { id: partner } = memberPartner(call, directory, request.param("id"));
      const header = { ...(await readBareChange(request, call)), partner };
      const rotated = await ledger.submit(actAlone(header, rotateReportSecret()));
      return decidedAnswer(call, rotated, 200, (_, { timeMs }) =>
        JSON.stringify({ partner, rotated_at: timeTextOf(timeMs) }),
      );
    },
  );
}

function addDownload(routes: Routes, deps: ReportsDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "get",
      operationId: "downloadSegmentReport",
      path: "/segment-reports/{report}",
      access: "open",
      group: "segments",
      summary: "Download a report",
      description: "CSV in the order of the log, oldest first. The signed URL is the only credential.",
      params: ReportParams,
      answer: { status: 200, description: "The report.", content: { "text/csv": z.string() } },
      problems: ["report_not_found", "report_expired"],
    },
    async (request, call) => {
      const plan = await openedPlan(request.param("report"), deps);
      if (plan === undefined) throw new Problem("report_not_found");
      const nowMs = await ledger.timeMs(plan.partner, REPORTS_SUBJECT);
      // Limits what a leaked secret can sign: no URL is valid for longer than the server would issue it.
      if (plan.expiresAtMs > nowMs + VALID_MS) throw new Problem("report_not_found");
      if (plan.expiresAtMs <= nowMs) throw new Problem("report_expired");
      const { year, month } = plan;
      const name = `segments-${year}-${String(month).padStart(2, "0")}.csv`;
      const headers = {
        "Content-Type": "text/csv; charset=utf-8; header=present",
        "Content-Disposition": `attachment; filename="${name}"`,
      };
      return answer(call, 200, await reportText(ledger, plan), headers);
    },
  );
}

/** The CSV of a report. The first page is read at once: a later failure can only cut the text off. */
export async function reportText(ledger: Ledger, period: ReportPeriod): Promise<AsyncIterable<string>> {
  return textOf(ledger, period, await pageOf(ledger, period, undefined));
}

async function* textOf(
  ledger: Ledger,
  period: ReportPeriod,
  first: Page<ArchivedRecord>,
): AsyncGenerator<string> {
  const { user, separator } = period;
  const { fromMs, toMs } = monthOf(period);
  yield csvRow(HEADER, separator);
  for (let page = first; ; page = await pageOf(ledger, period, page.nextCursor ?? undefined)) {
    for (const record of page.data) {
      const lines = rowsOfRecord(record)
        .filter((row) => row.atMs >= fromMs && row.atMs < toMs && (user === null || row.user === user))
        .map((row) => csvLine(row, separator));
      if (lines.length === 0) continue;
      yield lines.join("");
      // Yields to the event loop: a fast reader would starve other requests.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (page.nextCursor === null) return;
  }
}

function pageOf(
  ledger: Ledger,
  period: ReportPeriod,
  cursor: string | undefined,
): Promise<Page<ArchivedRecord>> {
  const { fromMs, toMs } = monthOf(period);
  const range = {
    fromMs,
    toMs: toMs + LATE_MS_MAX,
    limit: RECORDS_PER_PAGE,
    cursor,
    first: "oldest",
  } as const;
  return ledger.acts(period.partner, "segments", { ...range, subject: period.user ?? undefined });
}

function monthOf({ year, month }: ReportPeriod): Readonly<{ fromMs: number; toMs: number }> {
  return { fromMs: Date.UTC(year, month - 1, 1), toMs: Date.UTC(year, month, 1) };
}

function signed(plan: Plan, secret: Uint8Array): string {
  const { id, partner, year, month, user, separator, expiresAtMs, keyId } = plan;
  const text = JSON.stringify([id, partner, year, month, user, separator, expiresAtMs, keyId]);
  const payload = Buffer.from(text, "utf8").toString("base64url");
  return `${payload}.${signatureOf(payload, secret).toString("base64url")}`;
}

function signatureOf(payload: string, secret: Uint8Array): Buffer {
  return createHmac("sha256", secret).update(payload).digest();
}

/** The plan of a URL; `undefined` if its signature is wrong, its partner is not active, or its API key was revoked. */
async function openedPlan(
  report: string,
  { ledger, directory, openSecret }: ReportsDeps,
): Promise<Plan | undefined> {
  const [payload = "", signature = "", ...more] = report.split(".");
  const plan = more.length === 0 ? parsedPlan(payload) : undefined;
  if (plan === undefined || directory.partner(plan.partner)?.status !== "active") return undefined;
  if (!directory.hasKey(plan.partner, plan.keyId)) return undefined;
  const stored = await ledger.ask(plan.partner, askReportSecret());
  const secret = stored === null ? undefined : openSecret(stored, reportSecretOf(plan.partner));
  if (secret === undefined) return undefined;
  const expected = signatureOf(payload, secret);
  const given = Buffer.from(signature, "base64url");
  return given.length === expected.length && timingSafeEqual(given, expected) ? plan : undefined;
}

function parsedPlan(payload: string): Plan | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  const parsed = ReportPlan.safeParse(value);
  if (!parsed.success) return undefined;
  const [id, partner, year, month, user, separator, expiresAtMs, keyId] = parsed.data;
  return { id, partner, year, month, user, separator, expiresAtMs, keyId };
}
