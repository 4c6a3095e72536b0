/** `/console/transfers`: the transfers of a partner, and all that is known of one. */
import { z } from "@hono/zod-openapi";
import { parseTransferId } from "../../../actors/ledger/transfer-id.ts";
import { describeCommand } from "../../../actors/records/record-text.ts";
import type { ArchivedRecord } from "../../../archive/queries/query.ts";
import { callerOf } from "../../call.ts";
import { Cursor, Id } from "../../input/fields.ts";
import { transferNotFound } from "../../input/path-id.ts";
import { emptyNote, facts, nextPage, section, table } from "../base/blocks.ts";
import { money, mono, none, time, timeOrNone } from "../base/format.ts";
import { field, filters } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes, Visit } from "../base/page-routes.ts";
import type { ConsoleDeps } from "./area.ts";
import { positionLink } from "./log-link.ts";
import {
  accountLink,
  partnerLink,
  type ShownTransfer,
  transferLink,
  transferState,
  transferTable,
  withAssets,
} from "./newest-transfers.ts";
import { chosenPartner, knownPartner, partnerField } from "./partner-choice.ts";
import { eventsOfRecords, eventTable, type ShownEvent } from "./transfer-events.ts";

const ROWS = 50;
const STATUSES = ["posted", "pending", "voided", "expired"] as const;

const ListQuery = z.strictObject({
  partner: z.string().optional(),
  status: z.enum(["", ...STATUSES]).optional(),
  account: z.union([z.literal(""), Id]).optional(),
  cursor: Cursor,
});

export function addTransferPages(pages: PageRoutes, deps: ConsoleDeps): void {
  pages.page({ path: "/console/transfers", query: ListQuery }, (visit) => listPage(visit, deps));
  pages.page({ path: "/console/transfers/{partner}/{id}" }, async ({ request }) => {
    const partner = knownPartner(deps.directory, request.param("partner"));
    const id = request.param("id");
    if (parseTransferId(id) === undefined) throw transferNotFound();
    const [row, records] = await Promise.all([
      deps.ledger.transfer(partner, id),
      deps.ledger.transferRecords(partner, id),
    ]);
    if (row === undefined) throw transferNotFound();
    const [shown] = await withAssets(deps, [{ ...row, partner }]);
    if (shown === undefined) throw transferNotFound();
    return transferPage(shown, records, await eventsOfRecords(deps, partner, records));
  });
}

async function listPage({ call, query }: Visit<z.infer<typeof ListQuery>>, deps: ConsoleDeps): Promise<Page> {
  const partner = chosenPartner(deps.directory, query.partner);
  if (partner === undefined)
    return { title: "Transfers", body: emptyNote("There are no partners yet. Create one first.") };
  const { status = "", account = "", cursor } = query;
  const filter = { ...(status !== "" && { status }), ...(account !== "" && { account }) };
  const found = await deps.ledger.transfers(partner, { ...filter, limit: ROWS, cursor }, callerOf(call));
  const rows = await withAssets(
    deps,
    found.data.map((row) => ({ ...row, partner })),
  );
  const path = `/console/transfers?${new URLSearchParams({ partner, status, account }).toString()}`;
  const choices = [{ value: "", label: "Any" }, ...STATUSES.map((each) => ({ value: each, label: each }))];
  return {
    title: "Transfers",
    body: html`${filters(
      "/console/transfers",
      html`${partnerField(deps.directory, partner)}
${field({ name: "status", label: "State", value: status, choices, isOptional: true, isBare: true })}
${field({ name: "account", label: "Account", value: account, type: "search", isOptional: true, isBare: true })}`,
    )}
${transferTable(rows, "No transfer matches.", false)}
${nextPage(path, found.nextCursor, "transfers")}`,
  };
}

function transferPage(
  transfer: ShownTransfer,
  records: readonly ArchivedRecord[],
  events: readonly (readonly ShownEvent[])[],
): Page {
  const { id, partner, asset, postings, postedAmount, memo, metadata } = transfer;
  const key = records[0]?.record.command.key;
  return {
    title: id,
    trail: [{ path: `/console/transfers?partner=${encodeURIComponent(partner)}`, label: "Transfers" }],
    aside: transferState(transfer),
    body: html`<p class="balance">${money(
      postings.reduce((sum, { amount }) => sum + amount, 0),
      asset,
    )}</p>
${postings.length === 1 && postings[0] !== undefined && html`<p>${accountLink(partner, postings[0].debit)} → ${accountLink(partner, postings[0].credit)}</p>`}
${facts([
  ["Partner", partnerLink(partner)],
  ["Created", time(transfer.createdAtMs)],
  ["Posted so far", money(postedAmount, asset)],
  ["Memo", memo ?? none()],
  ["Happened at", transfer.occurredAtMs !== null && time(transfer.occurredAtMs)],
  ["Expires", transfer.status === "pending" && timeOrNone(transfer.expiresAtMs)],
  ["Reverts", transfer.reverts !== null && transferLink(partner, transfer.reverts)],
  ["Reverted by", transfer.revertedBy !== null && transferLink(partner, transfer.revertedBy)],
  ["Idempotency key", key == null ? none() : mono(key)],
  ["Made by", transfer.act && `${transfer.act.programme}: ${transfer.act.act}`],
  ["Metadata", metadata !== null && metadata !== "{}" && html`<code>${metadata}</code>`],
])}
${postings.length > 1 && section("Postings", postingTable(transfer))}
${section("What happened", story(records, events))}`,
  };
}

function postingTable({ partner, postings, asset }: ShownTransfer): Html {
  return table<(typeof postings)[number]>({
    caption: "Postings",
    rows: postings,
    empty: "It has no postings.",
    columns: [
      { label: "From", isHead: true, cell: ({ debit }) => accountLink(partner, debit) },
      { label: "To", cell: ({ credit }) => accountLink(partner, credit) },
      { label: "Amount", isNumber: true, cell: ({ amount }) => money(amount, asset) },
    ],
  });
}

const OPERATIONS: Readonly<Record<string, string>> = {
  transfer: "Posted",
  compound_transfer: "Created",
  credit: "Credit arrived on another shard",
  portion: "Booked on another shard",
  post_transfer: "Posted",
  void_transfer: "Voided",
  expire_transfer: "Expired",
  revert_transfer: "Created as a revert",
  reserve: "Reserved on another shard",
  release: "Reservation released",
};

/** Each record of the transfer, with the events that it made and their deliveries. */
function story(records: readonly ArchivedRecord[], events: readonly (readonly ShownEvent[])[]): Html {
  if (records.length === 0) return emptyNote("The archive has no record of it yet.");
  return html`<ol class="story">${records.map(({ at, timeMs, record }, i) => {
    const made = events[i] ?? [];
    return html`<li><p><strong>${OPERATIONS[record.command.op] ?? record.command.op}</strong> <span class="muted">${time(timeMs)}, log position ${positionLink(at)}</span></p>
<p>${describeCommand(record)}</p>
${made.length > 0 && eventTable(`Events of record ${i + 1}`, made)}</li>`;
  })}</ol>`;
}
