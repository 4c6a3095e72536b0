/** `/console/search`: finds accounts, transfers, idempotency keys and log positions, whichever the text is. */
import { z } from "@hono/zod-openapi";
import { isSystemAccount, ownerKeyOf } from "../../../actors/ledger/routing.ts";
import { parseTransferId } from "../../../actors/ledger/transfer-id.ts";
import { describeCommand } from "../../../actors/records/record-text.ts";
import { isKey } from "../../idempotency.ts";
import { isId } from "../../input/fields.ts";
import { emptyNote, note, section, table } from "../base/blocks.ts";
import { field, filters } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import type { ConsoleDeps } from "./area.ts";
import { positionLink, positionOf } from "./log-link.ts";
import { accountLink, partnerLink, transferLink } from "./newest-transfers.ts";
import { knownPartner, partnerField, sortedIds } from "./partner-choice.ts";

const TEXT_LENGTH_MAX = 255;
/** Partners that are searched if none is chosen. */
const PARTNERS_MAX = 50;

const SearchQuery = z.strictObject({
  q: z.string().max(TEXT_LENGTH_MAX).optional(),
  partner: z.string().optional(),
  owner: z.string().max(TEXT_LENGTH_MAX).optional(),
});

type Hit = Readonly<{ kind: string; partner: string; link: Html; text: string }>;

export function addSearchPage(pages: PageRoutes, deps: ConsoleDeps): void {
  const { directory } = deps;
  pages.page({ path: "/console/search", query: SearchQuery }, async ({ query }) => {
    const { partner = "", owner = "" } = query;
    const text = (query.q ?? "").trim();
    const partners = partner === "" ? sortedIds(directory) : [knownPartner(directory, partner)];
    const searched = partners.slice(0, PARTNERS_MAX);
    const hits = text === "" ? undefined : await search(text, owner.trim(), searched, deps);
    return {
      title: "Search",
      body: html`${filters(
        "/console/search",
        html`${field({ name: "q", label: "Account, transfer, idempotency key or log position", value: text, type: "search" })}
${partnerField(directory, partner, "All partners")}
${field({ name: "owner", label: "Owner of the key", value: owner, isOptional: true, isBare: true })}`,
      )}
${searched.length < partners.length && note("plain", `Searches the first ${PARTNERS_MAX} partners. Choose one to search it.`)}
${hits === undefined ? help() : hitList(hits)}`,
    };
  });
}

function help(): Html {
  return html`<p class="muted">Texts must be whole. A key belongs to the owner of the debited account: for <code>alice/points</code> that is <code>alice</code>. Leave the owner empty for keys of requests about the partner itself.</p>`;
}

function hitList(hits: readonly Hit[]): Html {
  if (hits.length === 0)
    return emptyNote("Nothing has this id. Texts must be whole, and a key needs its owner.");
  return section(
    hits.length === 1 ? "Found one" : `Found ${hits.length}`,
    table<Hit>({
      caption: "What was found",
      rows: hits,
      empty: "",
      columns: [
        { label: "Kind", isHead: true, cell: ({ kind }) => kind },
        { label: "Partner", cell: ({ partner }) => (partner === "" ? undefined : partnerLink(partner)) },
        { label: "Found", cell: ({ link }) => link },
        { label: "What it is", cell: ({ text }) => text },
      ],
    }),
  );
}

async function search(
  text: string,
  owner: string,
  partners: readonly string[],
  deps: ConsoleDeps,
): Promise<readonly Hit[]> {
  const position = positionOf(text);
  const hits: Hit[] = [];
  if (position !== undefined)
    hits.push({
      kind: "Log position",
      partner: "",
      link: positionLink(position),
      text: "A batch of the log",
    });
  // One after the other: a search must not take the place of requests.
  for (const partner of partners) hits.push(...(await searchPartner(text, owner, partner, deps)));
  return hits;
}

async function searchPartner(
  text: string,
  owner: string,
  partner: string,
  { ledger }: ConsoleDeps,
): Promise<readonly Hit[]> {
  const hits: Hit[] = [];
  const isTransfer = parseTransferId(text) !== undefined;
  const transfer = isTransfer ? await ledger.transfer(partner, text) : undefined;
  if (transfer !== undefined)
    hits.push({ kind: "Transfer", partner, link: transferLink(partner, text), text: transfer.status });
  if (isSystemAccount(text)) {
    if ((await ledger.systemAccount(partner, text)) !== undefined)
      hits.push({ kind: "System account", partner, link: accountLink(partner, text), text: "" });
  } else if (isId(text)) {
    const account = await ledger.account(partner, text);
    if (account !== undefined)
      hits.push({ kind: "Account", partner, link: accountLink(partner, text), text: account.status });
  }
  if (!isKey(text)) return hits;
  const found = await ledger.keyRecord(partner, text, { owner: owner === "" ? "" : ownerKeyOf(owner) });
  if (found === undefined) return hits;
  const { at, record } = found;
  hits.push({ kind: "Idempotency key", partner, link: positionLink(at), text: describeCommand(record) });
  return hits;
}
