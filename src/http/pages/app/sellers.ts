/** `/app/sellers`: sellers with their credit, and the credit requests to decide. */
import { z } from "@hono/zod-openapi";
import { askSellers, type SellerView } from "../../../actors/programmes/topup/acts.ts";
import { assert } from "../../../errors/assert.ts";
import type { Call } from "../../call.ts";
import { Name, NewId } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { check } from "../../input/validation.ts";
import type { Problem } from "../../problem.ts";
import { approveRequest, listRequests, rejectRequest } from "../../programmes/topup/credit-requests.ts";
import { createSeller } from "../../programmes/topup/sellers.ts";
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
import { badge, count, time } from "../base/format.ts";
import { errorOf, field, hidden } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import { secretPage } from "../base/secret-page.ts";
import { type AppDeps, rowsOf } from "./area.ts";
import { requestTable } from "./request-table.ts";

const PATH = "/app/sellers";
const REQUESTS_SHOWN = 50;
const DONE = {
  approved: "The credit request is approved.",
  rejected: "The credit request is rejected.",
} as const;
const ListQuery = z.strictObject({
  cursor: PageQuery.shape.cursor,
  done: z.enum(["approved", "rejected"]).optional(),
});
const NewForm = z.strictObject({ id: NewId.optional(), name: Name, form: FormKey });
const DecisionForm = z.strictObject({ form: FormKey });

export function addSellerPages(pages: PageRoutes, deps: AppDeps): void {
  const { ledger } = deps;
  pages.page({ path: PATH, query: ListQuery }, async ({ call, query }) => {
    const page = await sellersPage(call, deps, query.cursor);
    return query.done === undefined ? page : withNote(page, DONE[query.done]);
  });
  pages.action({ path: PATH }, ({ request, call }) =>
    tryForm(
      request,
      async (fields) => {
        const { form, id: chosen, name } = check(NewForm, filledIn(fields));
        const header = formHeader(request, call.partner, form, { id: chosen, name });
        const made = await createSeller(deps, header, { id: chosen, name });
        acceptedOrThrow(made.created);
        assert(made.keyed !== undefined, "a seller that was created gets a key");
        const { replayed } = acceptedOrThrow(made.keyed);
        return keyPage(name, replayed ? null : made.newKey.secret);
      },
      (fields, problem) => sellersPage(call, deps, undefined, fields, problem),
      { seller_exists: "id", account_exists: "id" },
    ),
  );
  for (const verb of ["approve", "reject"] as const)
    pages.action({ path: `/app/credit-requests/{id}/${verb}` }, ({ request, call }) =>
      tryForm(
        request,
        async (fields) => {
          const header = formHeader(request, call.partner, check(DecisionForm, fields).form, {});
          const { answer } =
            verb === "approve"
              ? await approveRequest(request, call, ledger, header)
              : await rejectRequest(request, call, ledger, header, null);
          acceptedOrThrow(answer);
          return `${PATH}?done=${verb === "approve" ? "approved" : "rejected"}`;
        },
        (_, problem) => sellersPage(call, deps, undefined, {}, problem),
      ),
    );
}

async function sellersPage(
  call: Call,
  { ledger, random }: AppDeps,
  cursor: string | undefined,
  fields: Fields = {},
  problem?: Problem,
): Promise<Page> {
  const [sellers, requests] = await Promise.all([
    rowsOf(ledger, call, askSellers, cursor),
    listRequests(ledger, call, { limit: REQUESTS_SHOWN }),
  ]);
  return {
    title: "Sellers",
    body: html`${problemNote(problem)}
${table<SellerView>({
  caption: "Sellers",
  rows: sellers.data,
  empty: "There are no sellers yet. Create the first one below.",
  columns: [
    { label: "Seller", isHead: true, cell: ({ id }) => id },
    { label: "Name", cell: ({ name }) => name },
    { label: "State", cell: ({ status }) => badge(status, status === "active" ? "good" : "bad") },
    { label: "Credit", isNumber: true, cell: ({ credit }) => count(credit) },
    { label: "Held", isNumber: true, cell: ({ held = 0 }) => count(held) },
    { label: "Credited", isNumber: true, cell: ({ totalCredited }) => count(totalCredited) },
    { label: "Sold", isNumber: true, cell: ({ totalSold }) => count(totalSold) },
    { label: "Since", cell: ({ createdAtMs }) => time(createdAtMs) },
  ],
})}
${nextPage(PATH, sellers.nextCursor, "sellers")}
${section("Credit requests", requestTable(requests.data, random))}
${section("Create a seller", newForm(newFormKey(random), fields, problem))}`,
  };
}

function newForm(form: string, { id, name }: Fields, problem: Problem | undefined): Html {
  return html`<form method="post" action="${PATH}" class="inline">
${field({ name: "name", label: "Name", value: name, error: errorOf(problem, "name") })}
${field({ name: "id", label: "Id", value: id, isOptional: true, hint: "Made for you if it is empty.", error: errorOf(problem, "id") })}
${hidden({ form })}<button>Create seller</button></form>`;
}

function keyPage(name: string, secret: string | null): Page {
  return secretPage({
    title: `The key of ${name}`,
    noun: "key",
    secret,
    more: "The seller needs it to sell. Only its hash is stored.",
    trail: [{ path: PATH, label: "Sellers" }],
    next: { path: PATH, label: "To the sellers" },
  });
}
