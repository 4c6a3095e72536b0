/** `/v1/loyalty/members`: members of the loyalty programme. */
import { z } from "@hono/zod-openapi";
import {
  askLots,
  askMember,
  askMembers,
  askNamed,
  type LotView,
  loyaltyAct,
  type MemberView,
  pointsAccount,
} from "../../../actors/programmes/loyalty/acts.ts";
import type { LotPlace } from "../../../actors/programmes/loyalty/lots.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { Page } from "../../../archive/queries/query.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS, madeId, type Random } from "../../idempotency.ts";
import { Balance, NewId, ProgrammeName, timeTextOf, timeTextOrNull } from "../../input/fields.ts";
import { PageQuery, pageAnswer, pageOf, pageQuery } from "../../input/pagination.ts";
import { IdParams, idOf } from "../../input/path-id.ts";
import { invalid, Problem } from "../../problem.ts";
import { readBareChange, readChange } from "../../read-change.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer, effectOf, isDone } from "../../write-answers.ts";
import { TILL_ACCESS } from "./till.ts";

export type LoyaltyDeps = Readonly<{ ledger: Ledger; random: Random }>;

const NewMember = z
  .strictObject({ id: NewId.optional(), name: ProgrammeName.optional() })
  .openapi("NewMember", { example: { id: "alice", name: "Alice" } });
const MemberPatch = z.strictObject({ name: ProgrammeName.nullable() }).openapi("MemberPatch");
const Points = z.int().openapi({ minimum: 0 });

const MemberSchema = z
  .object({
    id: z.string(),
    name: z.string().nullable(),
    balance: Balance,
    held: Balance,
    pending: Points.openapi({ description: "Points that begin later. They are not part of the balance." }),
    earned: Points,
    spent: Points,
    expired: Points,
    created_at: z.iso.datetime(),
  })
  .openapi("Member", {
    example: {
      id: "alice",
      name: "Alice",
      balance: 120,
      held: 0,
      pending: 0,
      earned: 200,
      spent: 80,
      expired: 0,
      created_at: "2026-11-20T10:00:00.000Z",
    },
  });
const LotSchema = z
  .object({
    id: z.string(),
    points: Points,
    expires_at: z.iso.datetime().nullable().openapi({ description: "Null only for pending points: never." }),
    activates_at: z.iso.datetime().optional().openapi({ description: "Only for pending points." }),
  })
  .openapi("Lot", { example: { id: "tr_0a11001", points: 100, expires_at: "2027-11-20T00:00:00.000Z" } });

const MembersQuery = z.strictObject({
  ...pageQuery,
  name: ProgrammeName.refine((text) => !/\p{Cc}/u.test(text), "must not contain control characters")
    .optional()
    .openapi({ description: "The beginning of a name.", example: "ali" }),
});

const answerSchema = { description: "The member.", content: { "application/json": MemberSchema } };

export function memberNotFound(id: string): Problem {
  return new Problem("member_not_found", `There is no member ${id}.`);
}

export function addMembers(routes: Routes, deps: LoyaltyDeps): void {
  addCreate(routes, deps);
  addReads(routes, deps);
  addLots(routes, deps);
  addChanges(routes, deps);
}

function memberJson(view: Omit<MemberView, "since">): string {
  const { id, name, balance, held, pending = 0, earned, spent, expired, createdAtMs } = view;
  const created_at = timeTextOf(createdAtMs);
  return JSON.stringify({ id, name, balance, held, pending, earned, spent, expired, created_at });
}

function lotJson({ id, points, expiresAtMs, activatesAtMs }: LotView): string {
  const begins = activatesAtMs === undefined ? {} : { activates_at: timeTextOf(activatesAtMs) };
  return JSON.stringify({ id, points, expires_at: timeTextOrNull(expiresAtMs), ...begins });
}

function lotCursor({ id, expiresAtMs, activatesAtMs }: LotView): string {
  return activatesAtMs === undefined ? `${expiresAtMs}.${id}` : `p${activatesAtMs}.${id}`;
}

/**
 * A page of the members whose name begins with `prefix`. The cursor is the place of the last one, in base64url.
 * @throws Problem 400
 */
export async function membersByName(
  ledger: Ledger,
  partner: string,
  prefix: string,
  { limit, cursor }: PageQuery,
): Promise<Page<MemberView>> {
  const after = cursor === undefined ? null : Buffer.from(cursor, "base64url").toString("utf8");
  if (after !== null && cursorOf(after) !== cursor)
    throw invalid("cursor", "must be the next_cursor of the previous page");
  // Each shard returns its first ones, so the first ones of the union are complete.
  const parts = await ledger.askAll(partner, askNamed(prefix, limit + 1, after));
  const all = parts.flat().toSorted((a, b) => (a.place < b.place ? -1 : 1));
  const shown = all.slice(0, limit);
  const cursors = shown.map(({ place }) => cursorOf(place));
  const nextCursor = all.length > limit ? (cursors.at(-1) ?? null) : null;
  return { data: shown.map(({ member }) => member), cursors, nextCursor };
}

function cursorOf(place: string): string {
  return Buffer.from(place, "utf8").toString("base64url");
}

/** @throws Problem 400 */
function lotPlaceOf(cursor: string): LotPlace {
  const [, kind, at, id] = /^(p?)(-?\d{1,15})\.(tr_[0-9a-z]{1,64})$/.exec(cursor) ?? [];
  if (at === undefined || id === undefined)
    throw invalid("cursor", "must be the next_cursor of the previous page");
  return kind === "" ? [Number(at), id] : [Number(at), id, "pending"];
}

function addCreate(routes: Routes, { ledger, random }: LoyaltyDeps): void {
  const path = "/v1/loyalty/members";
  routes.add(
    {
      method: "post",
      path,
      access: "partner",
      group: "loyalty",
      summary: "Create a member",
      body: { schema: NewMember },
      answer: { status: 201, ...answerSchema },
      problems: ["member_exists", "account_exists", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewMember);
      const member = value.id ?? madeId("mem", call.partner, `POST ${path}`, header.key, random);
      const name = value.name ?? null;
      const act = loyaltyAct("create_member", pointsAccount(member), { name });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 201, (_, { timeMs }) => {
        const totals = { balance: 0, held: 0, earned: 0, spent: 0, expired: 0 };
        return memberJson({ id: member, name, ...totals, createdAtMs: timeMs });
      });
    },
  );
}

function addReads(routes: Routes, { ledger }: LoyaltyDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/loyalty/members",
      access: TILL_ACCESS,
      group: "loyalty",
      summary: "List members, newest first, or find them by name",
      description:
        "With `name`: the members whose name begins with it, in the order of their names. Letter case does not count.",
      query: MembersQuery,
      row: MemberSchema,
    },
    async (_, call, query) =>
      query.name === undefined
        ? ledger.list(call.partner, askMembers, query, callerOf(call))
        : membersByName(ledger, call.partner, query.name, query),
    memberJson,
  );
  addReadRoute(
    routes,
    {
      path: "/v1/loyalty/members/{id}",
      access: TILL_ACCESS,
      group: "loyalty",
      summary: "Get a member",
      params: IdParams,
      answer: { status: 200, ...answerSchema },
      problems: ["member_not_found"],
    },
    async (request, call) => {
      const id = idOf(request);
      const member = await ledger.ask(call.partner, askMember(id));
      if (member === null) throw memberNotFound(id);
      return member;
    },
    memberJson,
  );
}

function addLots(routes: Routes, { ledger }: LoyaltyDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/loyalty/members/{id}/lots",
      access: "partner",
      group: "loyalty",
      summary:
        "List a member's expiring points, soonest expiry first, then pending ones, soonest beginning first",
      params: IdParams,
      query: PageQuery,
      answer: {
        ...pageOf(LotSchema),
        description:
          "A page. A lot is an accrual with `expires_at`; `points` is what is left of it. Accruals with `activates_at` whose " +
          "points have not begun follow.",
      },
      problems: ["member_not_found"],
    },
    async (request, call, { limit, cursor }) => {
      const id = idOf(request);
      const after = cursor === undefined ? null : lotPlaceOf(cursor);
      const found = await ledger.ask(call.partner, askLots(id, limit, after));
      if (found === null) throw memberNotFound(id);
      const cursors = found.lots.map(lotCursor);
      const nextCursor = found.isLast ? null : (cursors.at(-1) ?? null);
      return pageAnswer(call, { data: found.lots, cursors, nextCursor }, lotJson);
    },
  );
}

function addChanges(routes: Routes, { ledger }: LoyaltyDeps): void {
  routes.add(
    {
      method: "patch",
      path: "/v1/loyalty/members/{id}",
      access: "partner",
      group: "loyalty",
      summary: "Rename a member",
      params: IdParams,
      body: { schema: MemberPatch },
      answer: { status: 200, ...answerSchema },
      problems: ["member_not_found"],
    },
    async (request, call) => {
      const member = idOf(request);
      const { value, header } = await readChange(request, call, MemberPatch);
      const act = loyaltyAct("update_member", pointsAccount(member), value);
      const answer = await ledger.submit(actAlone(header, act));
      if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
      // Older records lack the member.
      const view =
        effectOf(act, answer.outcome)?.member ?? (await ledger.ask(call.partner, askMember(member)));
      return decidedAnswer(call, answer, 200, () => (view === null ? null : memberJson(view)));
    },
  );
  routes.add(
    {
      method: "delete",
      path: "/v1/loyalty/members/{id}",
      access: "partner",
      group: "loyalty",
      summary: "Delete a member who has no points",
      params: IdParams,
      answer: { status: 204, description: "Deleted. The archived entries stay." },
      problems: ["member_not_found", "account_not_empty"],
    },
    async (request, call) => {
      const member = idOf(request);
      const header = await readBareChange(request, call);
      const act = loyaltyAct("delete_member", pointsAccount(member), { member });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 204, () => null);
    },
  );
}
