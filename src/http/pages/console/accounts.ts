/** `/console/accounts`: the accounts of a partner, and an account with its statement. */
import { z } from "@hono/zod-openapi";
import { isSystemAccount } from "../../../actors/ledger/routing.ts";
import type { AccountView } from "../../../actors/records/command.ts";
import type { Entry } from "../../../archive/queries/query.ts";
import { callerOf } from "../../call.ts";
import { Cursor } from "../../input/fields.ts";
import { accountNotFound } from "../../input/path-id.ts";
import { emptyNote, facts, nextPage, note, section, table } from "../base/blocks.ts";
import { amountText, badge, count, money, none, pathOf, time } from "../base/format.ts";
import { field, filters } from "../base/forms.ts";
import { type Fragment, type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes, Visit } from "../base/page-routes.ts";
import type { ConsoleDeps } from "./area.ts";
import { accountLink, partnerLink, transferLink } from "./newest-transfers.ts";
import { chosenPartner, knownPartner, partnerField } from "./partner-choice.ts";
import { systemSection } from "./system-accounts.ts";

const ROWS = 50;
const PREFIX_LENGTH_MAX = 128;

const ListQuery = z.strictObject({
  partner: z.string().optional(),
  prefix: z.string().max(PREFIX_LENGTH_MAX).optional(),
  cursor: Cursor,
});
const StatementQuery = z.strictObject({ cursor: Cursor });

export function addAccountPages(pages: PageRoutes, deps: ConsoleDeps): void {
  pages.page({ path: "/console/accounts", query: ListQuery }, (visit) => listPage(visit, deps));
  pages.page(
    { path: "/console/accounts/{partner}/{id}", query: StatementQuery },
    ({ request, call, query }) => {
      const partner = knownPartner(deps.directory, request.param("partner"));
      const id = request.param("id");
      const range = { limit: ROWS, cursor: query.cursor };
      const read = { partner, id, entries: () => deps.ledger.entries(partner, id, range, callerOf(call)) };
      return isSystemAccount(id) ? systemPage(read, deps) : accountPage(read, deps);
    },
  );
}

async function listPage({ call, query }: Visit<z.infer<typeof ListQuery>>, deps: ConsoleDeps): Promise<Page> {
  const partner = chosenPartner(deps.directory, query.partner);
  if (partner === undefined)
    return { title: "Accounts", body: emptyNote("There are no partners yet. Create one first.") };
  const { prefix = "", cursor } = query;
  const [{ data, nextCursor }, system] = await Promise.all([
    deps.ledger.listAccounts(partner, { prefix, limit: ROWS, cursor }, callerOf(call)),
    cursor === undefined && prefix === "" ? systemSection(partner, deps) : undefined,
  ]);
  const path = `/console/accounts?partner=${encodeURIComponent(partner)}&prefix=${encodeURIComponent(prefix)}`;
  return {
    title: "Accounts",
    body: html`${filters(
      "/console/accounts",
      html`${partnerField(deps.directory, partner)}${field({ name: "prefix", label: "Id begins with", value: prefix, type: "search", isOptional: true, isBare: true })}`,
    )}
${accountTable(partner, data)}
${nextPage(path, nextCursor, "accounts")}
${system}`,
  };
}

function accountTable(partner: string, rows: readonly AccountView[]): Html {
  return table<AccountView>({
    caption: "Accounts",
    rows,
    empty: "No account begins with this.",
    columns: [
      { label: "Account", isHead: true, cell: ({ id }) => accountLink(partner, id) },
      { label: "Balance", isNumber: true, cell: ({ posted, asset }) => money(posted, asset) },
      {
        label: "Held",
        isNumber: true,
        cell: ({ held, asset }) => (held === 0 ? none("–") : amountText(held, asset)),
      },
      {
        label: "Available",
        isNumber: true,
        cell: ({ posted, held, asset }) => amountText(posted - held, asset),
      },
      { label: "State", cell: accountState },
      { label: "Opened", cell: ({ createdAtMs }) => time(createdAtMs) },
    ],
  });
}

function accountState({ status }: AccountView): Html {
  return badge(status, status === "open" ? "good" : status === "frozen" ? "warn" : "plain");
}

type Read = Readonly<{
  partner: string;
  id: string;
  entries: () => ReturnType<ConsoleDeps["ledger"]["entries"]>;
}>;

async function accountPage({ partner, id, entries }: Read, { ledger }: ConsoleDeps): Promise<Page> {
  const [account, statement, checked] = await Promise.all([
    ledger.account(partner, id),
    entries(),
    ledger.reconciliation(partner, id),
  ]);
  if (account === undefined || statement === undefined || checked === undefined) throw accountNotFound(id);
  const { asset, posted, held, floor, ceiling, programme, metadata } = account;
  const isReconciled = checked.entriesSum === checked.account.posted;
  return {
    title: id,
    trail: [{ path: `/console/accounts?partner=${encodeURIComponent(partner)}`, label: "Accounts" }],
    aside: accountState(account),
    body: html`${!isReconciled && note("bad", "The entries of this account do not add up to its balance.")}
<p class="balance">${money(posted, asset)}</p>
<p class="muted">${held === 0 ? "All of it is available." : html`${money(posted - held, asset)} available, ${money(held, asset)} held.`}</p>
${facts([
  ["Partner", partnerLink(partner)],
  [
    "Entries",
    html`${count(checked.entriesCount)}${isReconciled && html`, <span class="credit">they add up to the balance</span>`}`,
  ],
  ["Least balance", floor === null ? none() : money(floor, asset)],
  ["Greatest balance", ceiling === null ? none() : money(ceiling, asset)],
  ["Opened", time(account.createdAtMs)],
  ["Managed by", programme],
  ["Metadata", metadata !== null && metadata !== "{}" && html`<code>${metadata}</code>`],
])}
${section("Statement", entryTable(partner, statement.data, asset, true))}
${nextPage(pathOf("console", "accounts", partner, id), statement.nextCursor, "entries")}`,
  };
}

async function systemPage({ partner, id, entries }: Read, { ledger }: ConsoleDeps): Promise<Page> {
  const [account, statement] = await Promise.all([ledger.systemAccount(partner, id), entries()]);
  if (account === undefined || statement === undefined) throw accountNotFound(id);
  const balances = Object.entries(account.balances);
  const [[only] = [""]] = balances;
  return {
    title: id,
    trail: [{ path: `/console/accounts?partner=${encodeURIComponent(partner)}`, label: "Accounts" }],
    aside: badge("system account"),
    body: html`${balances.map(([asset, { posted }]) => html`<p class="balance">${money(posted, asset)}</p>`)}
${facts([["Partner", partnerLink(partner)]])}
${section("Statement", entryTable(partner, statement.data, balances.length === 1 ? only : "", false))}
${nextPage(pathOf("console", "accounts", partner, id), statement.nextCursor, "entries")}`,
  };
}

/** @param hasBalances a system account has one balance on each shard, which are internal. */
function entryTable(partner: string, rows: readonly Entry[], asset: string, hasBalances: boolean): Html {
  return table<Entry>({
    caption: "Entries, newest first",
    rows,
    empty: "Nothing was booked on this account yet.",
    columns: [
      { label: "Booked", isHead: true, cell: ({ timeMs }) => time(timeMs) },
      { label: "Other account", cell: ({ counterparty }) => accountLink(partner, counterparty) },
      { label: "Memo", cell: ({ memo }) => memoOf(memo) },
      {
        label: "Amount",
        isNumber: true,
        cell: ({ amount }) =>
          html`<span${amount > 0 && html` class="credit"`}>${amountText(amount, asset, "always")}</span>`,
      },
      ...(hasBalances
        ? [
            {
              label: "Balance",
              isNumber: true,
              cell: ({ balanceAfter }: Entry) => amountText(balanceAfter, asset),
            },
          ]
        : []),
      { label: "Transfer", cell: ({ transferId }) => transferLink(partner, transferId) },
    ],
  });
}

const MEMO_SHOWN = 60;

function memoOf(memo: string | null): Fragment {
  if (memo === null) return undefined;
  return memo.length <= MEMO_SHOWN ? memo : `${memo.slice(0, MEMO_SHOWN)}…`;
}
