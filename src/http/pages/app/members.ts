/** `/app/members`: members of the loyalty programme, their points, and points by hand. */
import { z } from "@hono/zod-openapi";
import {
  askMember,
  askMembers,
  loyaltyAct,
  type MemberView,
  pointsAccount,
} from "../../../actors/programmes/loyalty/acts.ts";
import { actAlone, type Transfer } from "../../../actors/records/command.ts";
import type { CompoundTransfer } from "../../../actors/records/compound-command.ts";
import type { Entry } from "../../../archive/queries/query.ts";
import { type Call, callerOf } from "../../call.ts";
import { madeId } from "../../idempotency.ts";
import { Description, NewId, ProgrammeName } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { check } from "../../input/validation.ts";
import { invalid, Problem } from "../../problem.ts";
import { membersByName } from "../../programmes/loyalty/members.ts";
import { accrualCommand, redemptionCommand } from "../../programmes/loyalty/movements.ts";
import { acceptedOrThrow } from "../../write-answers.ts";
import { facts, nextPage, section, table } from "../base/blocks.ts";
import {
  type Fields,
  FormKey,
  filledIn,
  formHeader,
  newFormKey,
  problemNote,
  tryForm,
  withNote,
} from "../base/form-attempt.ts";
import { amountText, count, pathOf, time } from "../base/format.ts";
import { errorOf, field, filters, hidden } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import { type AppDeps, ROWS_SHOWN, rowsOf } from "./area.ts";

const PATH = "/app/members";
const NAME_LENGTH_MAX = 50;
const POINTS = "PTS/0";
const ListQuery = z.strictObject({
  name: z.string().max(NAME_LENGTH_MAX).optional(),
  cursor: PageQuery.shape.cursor,
});
const MemberQuery = z.strictObject({
  cursor: PageQuery.shape.cursor,
  done: z.enum(["moved", "created"]).optional(),
});
const DONE = { moved: "The points are booked.", created: "The member is created." } as const;
const NewForm = z.strictObject({
  id: NewId.optional(),
  member_name: ProgrammeName.optional(),
  form: FormKey,
});
const MoveForm = z.strictObject({
  direction: z.enum(["credit", "debit"]),
  points: z.string().regex(/^[1-9]\d{0,15}$/, "must be a whole number above 0"),
  description: Description,
  form: FormKey,
});

export function addMemberPages(pages: PageRoutes, deps: AppDeps): void {
  const { ledger } = deps;
  pages.page({ path: PATH, query: ListQuery }, ({ call, query }) => membersPage(call, deps, query));
  pages.action({ path: PATH }, ({ request, call }) =>
    tryForm(
      request,
      async (fields) => {
        const { form, id, member_name: name = null } = check(NewForm, filledIn(fields));
        const header = formHeader(request, call.partner, form, { id, name });
        const member = id ?? madeId("mem", call.partner, `POST ${PATH}`, header.key, deps.random);
        const act = loyaltyAct("create_member", pointsAccount(member), { name });
        acceptedOrThrow(await ledger.submit(actAlone(header, act)));
        return `${pathOf("app", "members", member)}?done=created`;
      },
      (fields, problem) => membersPage(call, deps, {}, fields, problem),
      { member_exists: "id", account_exists: "id" },
    ),
  );
  pages.page({ path: `${PATH}/{id}`, query: MemberQuery }, async ({ request, call, query }) => {
    const page = await memberPage(call, deps, request.param("id"), { cursor: query.cursor });
    return query.done === undefined ? page : withNote(page, DONE[query.done]);
  });
  pages.action({ path: `${PATH}/{id}` }, ({ request, call }) => {
    const member = request.param("id");
    return tryForm(
      request,
      async (fields) => {
        const { form, direction, points: typed, description } = check(MoveForm, fields);
        const points = Number(typed);
        if (!Number.isSafeInteger(points)) throw invalid("points", "is too large");
        const header = formHeader(request, call.partner, form, { direction, points, description });
        const commandOf = direction === "credit" ? accrualCommand : redemptionCommand;
        const command = commandOf(header, member, { points, description }, undefined);
        acceptedOrThrow(await ledger.submit<Transfer | CompoundTransfer>(command));
        return `${pathOf("app", "members", member)}?done=moved`;
      },
      (fields, problem) => memberPage(call, deps, member, { fields, problem }),
    );
  });
}

async function membersPage(
  call: Call,
  { ledger, random }: AppDeps,
  { name = "", cursor }: z.infer<typeof ListQuery>,
  fields: Fields = {},
  problem?: Problem,
): Promise<Page> {
  const { data, nextCursor } =
    name === ""
      ? await rowsOf(ledger, call, askMembers, cursor)
      : await membersByName(ledger, call.partner, name, { limit: ROWS_SHOWN, cursor });
  return {
    title: "Members",
    aside: html`<a class="button outline small" href="#create">Create a member</a>`,
    body: html`${problemNote(problem)}
${filters(PATH, field({ name: "name", label: "Name begins with", type: "search", value: name, isOptional: true, isBare: true }))}
${memberTable(data, name)}
${nextPage(name === "" ? PATH : `${PATH}?name=${encodeURIComponent(name)}`, nextCursor, "members")}
<div id="create">${section("Create a member", newForm(newFormKey(random), fields, problem))}</div>`,
  };
}

function newForm(form: string, { id, member_name: name }: Fields, problem: Problem | undefined): Html {
  return html`<form method="post" action="${PATH}" class="inline">
${field({ name: "member_name", label: "Name", value: name, isOptional: true, error: errorOf(problem, "member_name") })}
${field({ name: "id", label: "Id", value: id, isOptional: true, hint: "Made for you if it is empty.", error: errorOf(problem, "id") })}
${hidden({ form })}<button>Create member</button></form>`;
}

function memberTable(members: readonly MemberView[], name: string): Html {
  return table<MemberView>({
    caption: "Members",
    rows: members,
    empty: name === "" ? "There are no members yet." : `No member's name begins with ${name}.`,
    columns: [
      {
        label: "Member",
        isHead: true,
        cell: ({ id }) => html`<a href="${pathOf("app", "members", id)}">${id}</a>`,
      },
      { label: "Name", cell: ({ name: shown }) => shown },
      { label: "Points", isNumber: true, cell: ({ balance }) => count(balance) },
      { label: "Earned", isNumber: true, cell: ({ earned }) => count(earned) },
      { label: "Spent", isNumber: true, cell: ({ spent }) => count(spent) },
      { label: "Expired", isNumber: true, cell: ({ expired }) => count(expired) },
      { label: "Since", cell: ({ createdAtMs }) => time(createdAtMs) },
    ],
  });
}

type Shown = Readonly<{ cursor?: string | undefined; fields?: Fields; problem?: Problem }>;

async function memberPage(
  call: Call,
  { ledger, random }: AppDeps,
  id: string,
  { cursor, fields = {}, problem }: Shown,
): Promise<Page> {
  const { partner } = call;
  const [member, statement] = await Promise.all([
    ledger.ask(partner, askMember(id)),
    ledger.entries(partner, pointsAccount(id), { limit: ROWS_SHOWN, cursor }, callerOf(call)),
  ]);
  if (member === null) throw new Problem("member_not_found", `There is no member ${id}.`);
  const { name, balance, pending = 0, earned, spent, expired, createdAtMs } = member;
  const entries = statement?.data ?? [];
  return {
    title: name ?? id,
    trail: [{ path: PATH, label: "Members" }],
    body: html`${problemNote(problem)}
<p class="balance">${count(balance)} <span class="unit">points</span></p>
${facts([
  ["Member", id],
  ["To come", pending > 0 && count(pending)],
  ["Earned", count(earned)],
  ["Spent", count(spent)],
  ["Expired", count(expired)],
  ["Since", time(createdAtMs)],
])}
${section("Credit or debit points", moveForm(id, newFormKey(random), fields, problem))}
${section("Movements", entryTable(entries))}
${nextPage(pathOf("app", "members", id), statement?.nextCursor ?? null, "movements")}`,
  };
}

function moveForm(id: string, form: string, fields: Fields, problem: Problem | undefined): Html {
  const directions = [
    { value: "credit", label: "Credit" },
    { value: "debit", label: "Debit" },
  ];
  return html`<form method="post" action="${pathOf("app", "members", id)}" class="inline">
${field({ name: "direction", label: "Direction", value: fields["direction"], choices: directions })}
${field({ name: "points", label: "Points", value: fields["points"], error: errorOf(problem, "points") })}
${field({ name: "description", label: "What for", value: fields["description"], error: errorOf(problem, "description") })}
${hidden({ form })}<button>Book</button></form>`;
}

function entryTable(entries: readonly Entry[]): Html {
  return table<Entry>({
    caption: "Movements",
    rows: entries,
    empty: "No points have moved yet.",
    columns: [
      { label: "When", isHead: true, cell: ({ timeMs }) => time(timeMs) },
      { label: "What for", cell: ({ memo }) => memo },
      { label: "Points", isNumber: true, cell: ({ amount }) => amountText(amount, POINTS, "always") },
      { label: "Balance", isNumber: true, cell: ({ balanceAfter }) => count(balanceAfter) },
    ],
  });
}
