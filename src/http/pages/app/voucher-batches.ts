/** `/app/voucher-batches`: a voucher for every customer, and the codes of a batch, as a table and as a file. */
import { z } from "@hono/zod-openapi";
import { askCount, type BatchPart } from "../../../actors/programmes/vouchers/acts.ts";
import type { Call } from "../../call.ts";
import { PageQuery } from "../../input/pagination.ts";
import { check } from "../../input/validation.ts";
import type { Problem } from "../../problem.ts";
import { batchCsv, vouchersOfBatch } from "../../programmes/vouchers/batch-codes.ts";
import { batchStatus, createBatch, readBatch } from "../../programmes/vouchers/batches.ts";
import { emailIn, placeOf, START } from "../../programmes/vouchers/issued-vouchers.ts";
import { acceptedOrThrow, effectOf } from "../../write-answers.ts";
import { facts, nextPage, note, section } from "../base/blocks.ts";
import { type Fields, formHeader, newFormKey, problemNote, tryForm, withNote } from "../base/form-attempt.ts";
import { badge, count, time } from "../base/format.ts";
import { field, filters, hidden } from "../base/forms.ts";
import { html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import { type AppDeps, ROWS_SHOWN } from "./area.ts";
import { issueForm, offersToChoose, termFields, termsOf, voucherTable } from "./voucher-parts.ts";
import { ISSUE_FIELDS } from "./vouchers.ts";

const PATH = "/app/voucher-batches";
const ID_LENGTH_MAX = 100;
const TRAIL = [{ path: "/app/vouchers", label: "Vouchers" }];
const TONES = { scheduled: "plain", running: "warn", completed: "good" } as const;
const Query = z.strictObject({
  id: z.string().max(ID_LENGTH_MAX).default(""),
  cursor: PageQuery.shape.cursor,
  done: z.literal("started").optional(),
});
const FileQuery = z.strictObject({ id: z.string().max(ID_LENGTH_MAX) });
const BatchForm = z.strictObject({
  ...termFields,
  /** Sent by the page that asks. */
  confirmed: z.literal("yes").optional(),
});

export function addVoucherBatchPages(pages: PageRoutes, deps: AppDeps): void {
  pages.page({ path: PATH, query: Query }, async ({ call, query }) => {
    if (query.id === "") return batchesPage(call, deps);
    const page = await batchPage(call, deps, query.id, query.cursor);
    return query.done === undefined ? page : withNote(page, "The vouchers are being issued.");
  });
  pages.action({ path: PATH }, ({ request, call }) =>
    tryForm(
      request,
      async (fields) => {
        const { form, confirmed, ...typed } = check(BatchForm, fields);
        const terms = termsOf(typed);
        if (confirmed === undefined) return confirmPage(call, deps, fields);
        const header = formHeader(request, call.partner, form, terms);
        const order = { ...terms, emails: "all", runAtMs: null } as const;
        const { act, decided } = await createBatch(deps, header, order);
        const { id } = effectOf(act, acceptedOrThrow(decided).outcome);
        return `${PATH}?id=${encodeURIComponent(id)}&done=started`;
      },
      (fields, problem) => batchesPage(call, deps, fields, problem),
      ISSUE_FIELDS,
    ),
  );
  pages.file({ path: `${PATH}.csv`, query: FileQuery }, async ({ call, query: { id } }) => {
    const batch = await readBatch(deps.ledger, call.partner, id);
    return batchCsv(deps.ledger, deps.persons, call, id, batch);
  });
}

async function batchesPage(
  call: Call,
  { ledger, random }: AppDeps,
  fields: Fields = {},
  problem?: Problem,
): Promise<Page> {
  const offers = await offersToChoose(ledger, call.partner);
  return {
    title: "Batches",
    trail: TRAIL,
    body: html`${problemNote(problem)}
<p class="muted">A batch issues a voucher to each of many customers.</p>
${filters(PATH, field({ name: "id", label: "Id of a batch", type: "search", isBare: true }))}
${section("Issue a voucher to every customer", issueForm(PATH, newFormKey(random), offers, fields, problem, { button: "Continue" }))}`,
  };
}

async function confirmPage(call: Call, { ledger }: AppDeps, fields: Fields): Promise<Page> {
  const { offer_name: offer, expires_at: day } = fields;
  const counts = await ledger.askAll(call.partner, askCount());
  // Customers who were erased are in it.
  const most = counts.reduce((sum, each) => sum + each, 0);
  return {
    title: "Issue these vouchers?",
    trail: [...TRAIL, { path: PATH, label: "Batches" }],
    body: html`<form method="post" action="${PATH}" class="card stack">
<p class="balance">${offer}</p>
<p>for every customer, ${count(most)} at most, valid until ${day}.</p>
${hidden({ ...fields, confirmed: "yes" })}
<p class="actions"><button>Issue vouchers</button> <a class="button outline" href="${PATH}">Cancel</a></p>
</form>`,
  };
}

async function batchPage(
  call: Call,
  { ledger, persons }: AppDeps,
  id: string,
  cursor: string | undefined,
): Promise<Page> {
  const batch: BatchPart = await readBatch(ledger, call.partner, id);
  const place = cursor === undefined ? START : placeOf(cursor);
  const { data, nextCursor } = await vouchersOfBatch(ledger, call.partner, id, batch).page(place, ROWS_SHOWN);
  const rows = data.map((row) => ({ ...row, email: emailIn(persons, row) }));
  const status = batchStatus(batch);
  const query = `id=${encodeURIComponent(id)}`;
  return {
    title: id,
    trail: [...TRAIL, { path: PATH, label: "Batches" }],
    aside: html`<a class="button outline small" href="${PATH}.csv?${query}">Download CSV</a>`,
    body: html`${!batch.isDone && note("plain", html`Codes are still being added. <a href="${PATH}?${query}">Read again</a>`)}
${facts([
  ["State", badge(status, TONES[status])],
  ["Customers", count(batch.requested)],
  ["Issued", count(batch.issued)],
  ["Begun", time(batch.runAtMs)],
])}
${section("Codes", voucherTable(rows, "No voucher is issued yet."))}
${nextPage(`${PATH}?${query}`, nextCursor, "codes")}`,
  };
}
