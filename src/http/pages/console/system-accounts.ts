/** `/console/system-accounts`: all system accounts of a partner. */
import { z } from "@hono/zod-openapi";
import type { Page as Found } from "../../../archive/queries/query.ts";
import type { SystemAccount } from "../../../gateway/ports.ts";
import { Id } from "../../input/fields.ts";
import { emptyNote, nextPage, section, table } from "../base/blocks.ts";
import { amountText, money, none } from "../base/format.ts";
import { filters } from "../base/forms.ts";
import { type Fragment, type Html, html } from "../base/html.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import type { ConsoleDeps } from "./area.ts";
import { accountLink } from "./newest-transfers.ts";
import { chosenPartner, partnerField } from "./partner-choice.ts";

const PATH = "/console/system-accounts";
const ROWS = 50;
/** Beside the list of accounts. */
const ROWS_BESIDE = 10;

const Query = z.strictObject({ partner: z.string().optional(), cursor: Id.optional() });

export function addSystemAccounts(pages: PageRoutes, { ledger, directory }: ConsoleDeps): void {
  pages.page({ path: PATH, query: Query }, async ({ query }) => {
    const partner = chosenPartner(directory, query.partner);
    const trail = [{ path: "/console/accounts", label: "Accounts" }];
    if (partner === undefined)
      return { title: "System accounts", trail, body: emptyNote("There are no partners yet.") };
    const { data, nextCursor } = await ledger.systemAccounts(partner, { limit: ROWS, cursor: query.cursor });
    return {
      title: "System accounts",
      trail: [{ path: `/console/accounts?partner=${encodeURIComponent(partner)}`, label: "Accounts" }],
      body: html`${filters(PATH, partnerField(directory, partner))}
${systemTable(partner, data)}
${nextPage(pathFor(partner), nextCursor, "system accounts")}`,
    };
  });
}

/** The first ones, for the page of all accounts; nothing if the partner has used none. */
export async function systemSection(partner: string, { ledger }: ConsoleDeps): Promise<Fragment> {
  const found: Found<SystemAccount> = await ledger.systemAccounts(partner, { limit: ROWS_BESIDE });
  if (found.data.length === 0) return undefined;
  const all = found.nextCursor !== null && html`<a href="${pathFor(partner)}">All system accounts</a>`;
  return section("System accounts", systemTable(partner, found.data), all);
}

function pathFor(partner: string): string {
  return `${PATH}?partner=${encodeURIComponent(partner)}`;
}

function systemTable(partner: string, accounts: readonly SystemAccount[]): Html {
  const rows = accounts.flatMap(({ id, balances }) =>
    Object.entries(balances).map(([asset, balance]) => ({ id, asset, ...balance })),
  );
  return table<(typeof rows)[number]>({
    caption: "System accounts",
    rows,
    empty: "No system account was used yet.",
    columns: [
      { label: "Account", isHead: true, cell: ({ id }) => accountLink(partner, id) },
      { label: "Balance", isNumber: true, cell: ({ posted, asset }) => money(posted, asset) },
      {
        label: "Held",
        isNumber: true,
        cell: ({ held, asset }) => (held === 0n ? none("–") : amountText(held, asset)),
      },
    ],
  });
}
