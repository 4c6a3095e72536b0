/** `/v1/segments/{slug}/users`: lists the users of a segment, and adds or removes many at once. */
import { z } from "@hono/zod-openapi";
import { shardOfVnode, vnodeOfAccount } from "../../../actors/ledger/routing.ts";
import {
  addUsers,
  askHolders,
  askSegment,
  type HolderView,
  type MembershipExpiry,
  removeUsers,
  type SegmentsAct,
  segmentSubject,
  userSubject,
} from "../../../actors/programmes/segments/acts.ts";
import { type ActAlone, type ActDone, actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { type Call, callerOf, type HttpAnswer, writeAnswer } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Id, NewId } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { readChange, recordKey } from "../../read-change.ts";
import { addListRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { BATCH_BYTES_MAX } from "../../server/body.ts";
import { type Done, decidedAnswer, effectOf, isDone } from "../../write-answers.ts";
import {
  expiryField,
  isCurrent,
  SegmentParams,
  type SegmentsDeps,
  segmentNotFound,
  segmentView,
  slugOf,
  Ttl,
} from "./access.ts";

const USERS_MAX = 10_000;
/** Users that one act adds or removes. */
const PORTION_MAX = 250;

const NewHolders = z
  .strictObject({ ids: z.array(NewId).min(1).max(USERS_MAX), ttl_s: Ttl.optional() })
  .openapi("NewSegmentUsers", { example: { ids: ["1000", "1002"], ttl_s: 86_400 } });
const AddedHolders = z.object({ added: z.int() }).openapi("AddedSegmentUsers", { example: { added: 2 } });
const FormerHolders = z
  .strictObject({ ids: z.array(Id).min(1).max(USERS_MAX) })
  .openapi("FormerSegmentUsers", { example: { ids: ["1000", "1002"] } });
const RemovedHolders = z
  .object({ removed: z.int() })
  .openapi("RemovedSegmentUsers", { example: { removed: 2 } });
const HolderSchema = z
  .object({ id: Id, expires_at: z.iso.datetime().optional(), source: z.enum(["manual", "auto"]) })
  .openapi("SegmentUser", { example: { id: "1000", source: "manual" } });

const HOLDERS = "/v1/segments/{slug}/users";

export function addHolders(routes: Routes, deps: SegmentsDeps): void {
  addList(routes, deps);
  addMany(routes, deps);
  addRemoval(routes, deps);
}

function holderJson({ id, endsAtMs, source }: HolderView): string {
  return JSON.stringify({ id, ...expiryField(endsAtMs), source });
}

function addList(routes: Routes, deps: SegmentsDeps): void {
  const { ledger } = deps;
  addListRoute(
    routes,
    {
      path: HOLDERS,
      access: "partner",
      group: "segments",
      summary: "List the users of a segment, newest users first",
      params: SegmentParams,
      query: PageQuery,
      row: HolderSchema,
      problems: ["segment_not_found"],
    },
    async (request, call, query) => {
      const slug = slugOf(request);
      if ((await segmentView(deps, call, slug, isCurrent)) === undefined) throw segmentNotFound(slug);
      return ledger.list(call.partner, askHolders(slug), query, callerOf(call));
    },
    holderJson,
  );
}

function addMany(routes: Routes, { ledger }: SegmentsDeps): void {
  routes.add(
    {
      method: "post",
      operationId: "addSegmentUsers",
      path: HOLDERS,
      access: "partner",
      group: "segments",
      summary: "Add up to 10,000 users to a segment",
      description:
        "Creates users who do not exist. Users who are in the segment already do not count as added.",
      params: SegmentParams,
      body: { schema: NewHolders },
      answer: answerOf(200, "The number of users added.", AddedHolders),
      problems: ["segment_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const slug = slugOf(request);
      const { value, header } = await readChange(request, call, NewHolders, { bytesMax: BATCH_BYTES_MAX });
      const expiry: MembershipExpiry = value.ttl_s === undefined ? null : ["after", value.ttl_s * 1000];
      const actOf = (users: readonly string[], vnode: number) => addUsers(slug, users, expiry, vnode);
      const portions = await submitPortions(ledger, header, slug, value.ids, actOf);
      return portionsAnswer(call, portions, ({ act, outcome }) => effectOf(act, outcome).added, "added");
    },
  );
}

function addRemoval(routes: Routes, { ledger }: SegmentsDeps): void {
  routes.add(
    {
      method: "post",
      operationId: "removeSegmentUsers",
      path: `${HOLDERS}/remove`,
      access: "partner",
      group: "segments",
      summary: "Remove up to 10,000 users from a segment",
      description:
        "As by hand: a percentage does not add them again. Users who are unknown, or not in the segment, do not count as " +
        "removed.",
      params: SegmentParams,
      body: { schema: FormerHolders },
      answer: answerOf(200, "The number of users removed.", RemovedHolders),
      problems: ["segment_not_found", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const slug = slugOf(request);
      const { value, header } = await readChange(request, call, FormerHolders, {
        bytesMax: BATCH_BYTES_MAX,
      });
      const actOf = (users: readonly string[], vnode: number) => removeUsers(slug, users, vnode);
      const portions = await submitPortions(ledger, header, slug, value.ids, actOf);
      return portionsAnswer(call, portions, ({ act, outcome }) => effectOf(act, outcome).removed, "removed");
    },
  );
}

type Portion<A extends SegmentsAct> = Readonly<{ act: A; answer: Answer<ActAlone> }>;

/** The answer with the number of users whom the portions have changed, or the first refusal of a portion. */
function portionsAnswer<A extends SegmentsAct>(
  call: Call,
  portions: readonly Portion<A>[],
  changedBy: (portion: Readonly<{ act: A; outcome: ActDone }>) => readonly string[],
  name: "added" | "removed",
): HttpAnswer {
  const done: Done[] = [];
  let count = 0;
  for (const { act, answer } of portions) {
    if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
    done.push(answer);
    count += changedBy({ act, outcome: answer.outcome }).length;
  }
  return writeAnswer(call, 200, JSON.stringify({ [name]: count }), {
    position: done.map(({ position }) => position).join(","),
    replayed: done.every(({ replayed }) => replayed),
  });
}

/**
 * Submits an act about many users in portions. Each portion belongs to one shard, and each shard gets one portion at a time, so that it serves
 * other requests in between. Portions and their keys depend on the request alone, so a retry repeats them.
 */
async function submitPortions<A extends SegmentsAct>(
  ledger: Ledger,
  request: CommandHeader,
  slug: string,
  users: readonly string[],
  actOf: (portion: readonly string[], vnode: number) => A,
): Promise<readonly Portion<A>[]> {
  const header = await recordKey(ledger, request, { owner: segmentSubject(slug) });
  const { partner } = header;
  const shards = (await ledger.askAll(partner, askSegment(slug))).length;
  const vnodeOf = (user: string) => vnodeOfAccount(partner, userSubject(user));
  const byShard = Map.groupBy(new Set(users), (user) => shardOfVnode(vnodeOf(user), shards));
  const submitTo = async ([shard, shardUsers]: readonly [number, readonly string[]]) => {
    const portions: Portion<A>[] = [];
    for (let at = 0; at < shardUsers.length; at += PORTION_MAX) {
      const portion = shardUsers.slice(at, at + PORTION_MAX);
      const key = header.key === null ? null : `${header.key}#${shard}.${at}`;
      const act = actOf(portion, vnodeOf(portion[0] ?? ""));
      portions.push({ act, answer: await ledger.submit(actAlone({ ...header, key }, act)) });
    }
    return portions;
  };
  return (await Promise.all([...byShard].map(submitTo))).flat();
}
