/** `/v1/users`: users, and the segments that each is in. */
import { z } from "@hono/zod-openapi";
import {
  askMemberships,
  askUser,
  askUsers,
  changeUser,
  countUser,
  createUser,
  type MembershipExpiry,
  type MembershipView,
  type UserView,
} from "../../../actors/programmes/segments/acts.ts";
import type { ActAlone } from "../../../actors/records/command.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Answer } from "../../../gateway/ports.ts";
import { type Call, callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { knownTimeMsOf, NewId, Time, timeTextOf } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { IdParams, idOf } from "../../input/path-id.ts";
import { invalid } from "../../problem.ts";
import { readChange } from "../../read-change.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer, effectOf, isDone } from "../../write-answers.ts";
import { expiryField, type SegmentsDeps, Slug, Ttl, userNotFound, waitUntil } from "./access.ts";

const SLUGS_MAX = 1_000;

const NewUser = z.strictObject({ id: NewId.optional() }).openapi("NewUser", { example: { id: "1000" } });
const CreatedUser = z.object({ id: z.string() }).openapi("CreatedUser", { example: { id: "1000" } });
const UserSchema = z
  .object({ id: z.string(), created_at: z.iso.datetime() })
  .openapi("User", { example: { id: "1000", created_at: "2026-11-20T10:00:00.000Z" } });

const Added = z.union([
  Slug,
  z.strictObject({ slug: Slug, ttl_s: Ttl.optional(), expires_at: Time.optional() }),
]);
const SegmentsPatch = z
  .strictObject({
    add: z.array(Added).max(SLUGS_MAX).optional(),
    remove: z.array(Slug).max(SLUGS_MAX).optional(),
    ttl_s: Ttl.optional(),
  })
  .openapi("UserSegmentsPatch", {
    example: { add: ["DISCOUNT_30", { slug: "VOICE", ttl_s: 86_400 }], remove: ["OLD"] },
  });
const Membership = z
  .object({ slug: Slug, expires_at: z.iso.datetime().optional(), source: z.enum(["manual", "auto"]) })
  .openapi("SegmentMembership", { example: { slug: "DISCOUNT_30", source: "auto" } });
const ChangedSegments = z
  .object({ added: z.int(), removed: z.int(), segments: z.array(Membership) })
  .openapi("ChangedSegments", {
    example: { added: 1, removed: 0, segments: [{ slug: "DISCOUNT_30", source: "manual" }] },
  });
const UserSegments = z.object({ segments: z.array(Membership) }).openapi("UserSegments");

const USERS = "/v1/users";

export function addUsers(routes: Routes, deps: SegmentsDeps): void {
  addCreate(routes, deps);
  addReads(routes, deps);
  addMemberships(routes, deps);
  addChange(routes, deps);
}

function addCreate(routes: Routes, deps: SegmentsDeps): void {
  routes.add(
    {
      method: "post",
      path: USERS,
      access: "partner",
      group: "users",
      summary: "Create a user",
      description:
        "Without an `id`, the user gets the next free integer, greater than all integers assigned before.",
      body: { schema: NewUser },
      answer: answerOf(201, "The user.", CreatedUser),
      problems: ["user_exists", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewUser);
      const { id } = value;
      const created =
        id === undefined
          ? await createNumbered(deps, call, header)
          : { id, answer: await deps.ledger.submit(actAlone(header, createUser(id))) };
      return decidedAnswer(call, created.answer, 201, () => JSON.stringify({ id: created.id }));
    },
  );
}

/** Skips numbers that callers have used as ids, exponentially more of them in each round. */
async function createNumbered(
  { ledger, clock }: SegmentsDeps,
  call: Call,
  header: CommandHeader,
): Promise<Readonly<{ id: string; answer: Answer<ActAlone> }>> {
  let round = 0;
  return waitUntil(clock, call, async () => {
    const skip = round < 2 ? 0 : 2 ** (round - 1) - 1;
    // The key of the round makes a retry draw the same numbers.
    const key = header.key === null ? null : `${header.key}#${round}`;
    round += 1;
    const act = countUser(skip);
    const counted = await ledger.submit(actAlone({ ...header, key }, act));
    if (!isDone(counted)) return { id: "", answer: counted };
    const id = String(effectOf(act, counted.outcome).number);
    const answer = await ledger.submit(actAlone(header, createUser(id)));
    const isTaken = "outcome" in answer && !answer.outcome.ok && answer.outcome.code === "user_exists";
    return isTaken ? undefined : { id, answer };
  });
}

function userJson({ id, createdAtMs }: UserView): string {
  return JSON.stringify({ id, created_at: timeTextOf(createdAtMs) });
}

function addReads(routes: Routes, { ledger }: SegmentsDeps): void {
  addListRoute(
    routes,
    {
      path: USERS,
      access: "partner",
      group: "users",
      summary: "List users, newest first",
      query: PageQuery,
      row: UserSchema,
    },
    (_, call, query) => ledger.list(call.partner, askUsers, query, callerOf(call)),
    userJson,
  );
  addReadRoute(
    routes,
    {
      path: `${USERS}/{id}`,
      access: "partner",
      group: "users",
      summary: "Get a user",
      params: IdParams,
      answer: answerOf(200, "The user.", UserSchema),
      problems: ["user_not_found"],
    },
    async (request, call) => {
      const id = idOf(request);
      const user = await ledger.ask(call.partner, askUser(id));
      if (user === null) throw userNotFound(id);
      return user;
    },
    userJson,
  );
}

function membershipsJson(memberships: readonly MembershipView[]): readonly object[] {
  return memberships.map(({ slug, endsAtMs, source }) => ({ slug, ...expiryField(endsAtMs), source }));
}

function addMemberships(routes: Routes, { ledger }: SegmentsDeps): void {
  addReadRoute(
    routes,
    {
      path: `${USERS}/{id}/segments`,
      access: "partner",
      group: "users",
      summary: "List the segments of a user",
      description:
        "An unknown user has no segments; the answer is not 404, because other systems may assign user ids.",
      params: IdParams,
      answer: answerOf(200, "All segments of the user.", UserSegments),
    },
    (request, call) => ledger.ask(call.partner, askMemberships(idOf(request))),
    (held) => JSON.stringify({ segments: membershipsJson(held) }),
  );
}

function addChange(routes: Routes, { ledger }: SegmentsDeps): void {
  routes.add(
    {
      method: "patch",
      path: `${USERS}/{id}/segments`,
      access: "partner",
      group: "users",
      summary: "Add a user to segments and remove the user from others, atomically",
      description:
        "Adds come before removes. A user who does not exist is created. A segment that the user is in already does not " +
        "count as added, and its expiry can be moved to a later time or removed, but never to an earlier time.",
      params: IdParams,
      body: { schema: SegmentsPatch },
      answer: answerOf(
        200,
        "The numbers of segments added and removed, and all segments of the user.",
        ChangedSegments,
      ),
      problems: ["segment_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const user = idOf(request);
      const { value, header } = await readChange(request, call, SegmentsPatch);
      const { add = [], remove = [], ttl_s } = value;
      if (add.length + remove.length > SLUGS_MAX) throw invalid("", `at most ${SLUGS_MAX} slugs in all`);
      const added = add.map((item, i) => {
        const { slug, ...expiry } = typeof item === "string" ? { slug: item } : item;
        return [slug, expiryOf(expiry, ttl_s, `add.${i}`)] as const;
      });
      const act = changeUser(user, { add: added, remove });
      const answer = await ledger.submit(actAlone(header, act));
      if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
      const change = effectOf(act, answer.outcome);
      // Older records lack `held`.
      const held = change.held ?? (await ledger.ask(call.partner, askMemberships(user)));
      const counts = { added: change.added.length, removed: change.removed.length };
      const body = JSON.stringify({ ...counts, segments: membershipsJson(held) });
      return decidedAnswer(call, answer, 200, () => body);
    },
  );
}

type Expiry = Readonly<{ ttl_s?: number | undefined; expires_at?: string | undefined }>;

/** @param defaultTtl seconds, for a segment without an expiry of its own. @throws Problem 400 */
function expiryOf(
  { ttl_s, expires_at }: Expiry,
  defaultTtl: number | undefined,
  path: string,
): MembershipExpiry {
  if (expires_at === undefined) {
    const seconds = ttl_s ?? defaultTtl;
    return seconds === undefined ? null : ["after", seconds * 1000];
  }
  if (ttl_s !== undefined) throw invalid(path, "takes ttl_s or expires_at, not both");
  return ["at", knownTimeMsOf(expires_at)];
}
