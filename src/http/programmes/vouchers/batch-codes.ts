/**
 * `/v1/voucher-batches/{id}/codes`: the vouchers of a batch, as JSON pages or as one CSV file.
 *
 * Which vouchers belong to a batch is in its `issue_portion` records alone.
 */
import { z } from "@hono/zod-openapi";
import type { BatchPart } from "../../../actors/programmes/vouchers/acts.ts";
import type { Page } from "../../../archive/queries/query.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { csvCell, csvRow, csvText } from "../../../text/csv.ts";
import { answer, type Call, type HttpAnswer } from "../../call.ts";
import { prefersText } from "../../input/accept.ts";
import { LIST_LIMIT_MAX, timeTextOf } from "../../input/fields.ts";
import { PageQuery, pageAnswer, pageSchema } from "../../input/pagination.ts";
import type { Routes } from "../../routes.ts";
import { readBatch } from "./batches.ts";
import { discountAnswer, discountMembers, ERASED, type VoucherDeps } from "./fields.ts";
import {
  emailIn,
  IssuedVouchers,
  issuedBy,
  type OpensPersons,
  placeOf,
  type RowView,
  START,
} from "./issued-vouchers.ts";

const VARY = { Vary: "Accept" } as const;
const COLUMNS = [
  "code",
  "email",
  "offer_name",
  "discount",
  "amount",
  "asset",
  "expires_at",
  "status",
  "uses_left",
];

const CodeRow = z
  .object({
    code: z.string(),
    email: z.string().nullable().openapi({ description: ERASED }),
    offer_name: z.string(),
    ...discountAnswer,
    expires_at: z.iso.datetime(),
    status: z.enum(["valid", "redeemed", "expired", "cancelled"]),
    uses_left: z.int(),
  })
  .openapi("VoucherBatchCode", {
    example: {
      code: "7QK3MWPA2XHT9C",
      email: "alice@example.com",
      offer_name: "Autumn sale",
      discount: 38.5,
      expires_at: "2027-01-01T00:00:00.000Z",
      status: "valid",
      uses_left: 1,
    },
  });

export function addBatchCodes(routes: Routes, { ledger, persons }: VoucherDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/voucher-batches/{id}/codes",
      access: "partner",
      group: "vouchers",
      summary: "List the vouchers of a batch in the order of their issue",
      description:
        "`Accept: text/csv` gets all of them as one file, from `cursor` on if it is given; `limit` is for JSON only. While " +
        "the batch runs, the list may lack codes: read it from the beginning once the batch is completed.",
      params: z.object({ id: z.string() }),
      query: PageQuery,
      answer: {
        status: 200,
        description:
          "A page of at most `limit` rows; it may have fewer although more follow. `next_cursor` fetches the next one; it " +
          "is null on the last page.",
        content: { "application/json": pageSchema(CodeRow), "text/csv": z.string() },
      },
      problems: ["voucher_batch_not_found"],
    },
    async (request, call, { limit, cursor }) => {
      const id = request.param("id");
      const batch = await readBatch(ledger, call.partner, id);
      const start = cursor === undefined ? START : placeOf(cursor);
      if (prefersText(request.header("accept"), "text/csv"))
        return batchCsv(ledger, persons, call, id, batch, start);
      const page = await vouchersOfBatch(ledger, call.partner, id, batch).page(start, limit);
      return pageAnswer(call, page, (row) => rowJson(row, persons), { headers: VARY });
    },
  );
}

export function vouchersOfBatch(
  ledger: Ledger,
  partner: string,
  id: string,
  batch: BatchPart,
): IssuedVouchers {
  return new IssuedVouchers(ledger, partner, {
    codesIn: (record) => {
      const issue = issuedBy(record);
      return issue?.batch === id ? issue.codes : [];
    },
    isAll: (found) => batch.isDone && found >= batch.issued,
    fromMs: batch.runAtMs,
    first: "oldest",
  });
}

/** All vouchers of a batch from this place on, as a file. */
export async function batchCsv(
  ledger: Ledger,
  persons: OpensPersons,
  call: Call,
  id: string,
  batch: BatchPart,
  start = START,
): Promise<HttpAnswer> {
  const codes = vouchersOfBatch(ledger, call.partner, id, batch);
  // The first page is read before the headers are sent: a later failure can only cut the body off.
  const first = await codes.page(start, LIST_LIMIT_MAX);
  const headers = {
    "Content-Type": "text/csv; charset=utf-8; header=present",
    "Content-Disposition": `attachment; filename="${id.replaceAll(/\W/g, "_")}.csv"`,
    ...VARY,
  };
  return answer(call, 200, csvOf(codes, first, persons), headers);
}

async function* csvOf(
  codes: IssuedVouchers,
  first: Page<RowView>,
  persons: OpensPersons,
): AsyncGenerator<string> {
  yield csvRow(COLUMNS);
  for (let page = first; ; page = await codes.page(placeOf(page.nextCursor), LIST_LIMIT_MAX)) {
    if (page.data.length > 0) yield page.data.map((row) => rowCsv(row, persons)).join("");
    if (page.nextCursor === null) return;
    // Yields to the event loop: a fast reader would starve other requests.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function rowJson(row: RowView, persons: OpensPersons): string {
  const { code, offer, discount, expiresAtMs, status, usesLeft } = row;
  return JSON.stringify({
    code,
    email: emailIn(persons, row),
    offer_name: offer,
    ...discountMembers(discount),
    expires_at: timeTextOf(expiresAtMs),
    status,
    uses_left: usesLeft,
  });
}

function rowCsv(row: RowView, persons: OpensPersons): string {
  const { code, offer, discount, expiresAtMs, status, usesLeft } = row;
  const worth: { discount?: number; amount?: number; asset?: string } = discountMembers(discount);
  return csvRow([
    csvCell(code),
    csvText(emailIn(persons, row) ?? ""),
    csvText(offer),
    csvCell(worth.discount ?? ""),
    csvCell(worth.amount ?? ""),
    csvCell(worth.asset ?? ""),
    csvCell(timeTextOf(expiresAtMs)),
    csvCell(status),
    csvCell(usesLeft),
  ]);
}
