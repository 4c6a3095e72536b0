/** `/app/segments`: segments with their numbers of members. */
import { z } from "@hono/zod-openapi";
import type { Call } from "../../call.ts";
import { PageQuery } from "../../input/pagination.ts";
import { check } from "../../input/validation.ts";
import type { Problem } from "../../problem.ts";
import { type SegmentView, Slug } from "../../programmes/segments/access.ts";
import { listSegments, makeSegment } from "../../programmes/segments/segments.ts";
import { acceptedOrThrow } from "../../write-answers.ts";
import { nextPage, section, table } from "../base/blocks.ts";
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
import { count, none, time } from "../base/format.ts";
import { errorOf, field, hidden } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import { type AppDeps, ROWS_SHOWN } from "./area.ts";

const PATH = "/app/segments";
const ListQuery = z.strictObject({ cursor: PageQuery.shape.cursor, done: z.literal("created").optional() });
const NewForm = z.strictObject({
  slug: Slug,
  user_percent: z
    .string()
    .regex(/^(?:[1-9]\d?|100)$/, "must be a whole number from 1 to 100")
    .optional(),
  form: FormKey,
});

export function addSegmentPages(pages: PageRoutes, deps: AppDeps): void {
  pages.page({ path: PATH, query: ListQuery }, async ({ call, query }) => {
    const page = await segmentsPage(call, deps, query.cursor);
    return query.done === undefined ? page : withNote(page, "The segment is created.");
  });
  pages.action({ path: PATH }, ({ request, call }) =>
    tryForm(
      request,
      async (fields) => {
        const { form, slug, user_percent: typed } = check(NewForm, filledIn(fields));
        const percent = typed === undefined ? undefined : Number(typed);
        const header = formHeader(request, call.partner, form, { slug, percent });
        acceptedOrThrow(await makeSegment(deps.ledger, header, slug, percent));
        return `${PATH}?done=created`;
      },
      (fields, problem) => segmentsPage(call, deps, undefined, fields, problem),
      { segment_exists: "slug" },
    ),
  );
}

async function segmentsPage(
  call: Call,
  deps: AppDeps,
  cursor: string | undefined,
  fields: Fields = {},
  problem?: Problem,
): Promise<Page> {
  const { data, nextCursor } = await listSegments(deps, call, { limit: ROWS_SHOWN, cursor });
  return {
    title: "Segments",
    body: html`${problemNote(problem)}
${table<SegmentView>({
  caption: "Segments",
  rows: data.map(({ view }) => view),
  empty: "There are no segments yet. Create the first one below.",
  columns: [
    { label: "Segment", isHead: true, cell: ({ slug }) => slug },
    { label: "Members", isNumber: true, cell: ({ members }) => count(members) },
    {
      label: "Share of users",
      isNumber: true,
      cell: ({ percent }) => (percent === null ? none("by hand") : html`${percent} %`),
    },
    { label: "Created", cell: ({ createdAtMs }) => time(createdAtMs) },
  ],
})}
${nextPage(PATH, nextCursor, "segments")}
${section("Create a segment", newForm(newFormKey(deps.random), fields, problem))}`,
  };
}

function newForm(form: string, { slug, user_percent: percent }: Fields, problem: Problem | undefined): Html {
  return html`<form method="post" action="${PATH}" class="stack">
${field({ name: "slug", label: "Name", value: slug, hint: "Capital letters, digits and _, such as REGULARS. It cannot be changed.", error: errorOf(problem, "slug") })}
${field({ name: "user_percent", label: "Share of users in %", value: percent, isOptional: true, inputMode: "decimal", hint: "So many users are chosen at random. Empty: members are added by hand.", error: errorOf(problem, "user_percent") })}
${hidden({ form })}<button>Create segment</button></form>`;
}
