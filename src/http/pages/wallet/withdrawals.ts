/** `/wallet/withdrawals`: payouts by a bank. */
import { z } from "@hono/zod-openapi";
import {
  PLATFORM_TENANT,
  type SessionView,
  type WithdrawalView,
} from "../../../actors/programmes/wallet/acts.ts";
import { askWithdrawals } from "../../../actors/programmes/wallet/questions.ts";
import { Description } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { check } from "../../input/validation.ts";
import type { Problem } from "../../problem.ts";
import { withdraw } from "../../programmes/wallet/withdrawals.ts";
import { acceptedOrThrow } from "../../write-answers.ts";
import { emptyNote, nextPage, section } from "../base/blocks.ts";
import {
  type Fields,
  FormKey,
  formHeader,
  newFormKey,
  problemNote,
  tryForm,
  typedAmount,
  withNote,
} from "../base/form-attempt.ts";
import { assetName, badge, money, time } from "../base/format.ts";
import { errorOf, field, hidden } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { WalletPageDeps, WalletPages } from "./area.ts";

const PATH = "/wallet/withdrawals";
const SHOWN = 20;
const TONES = { pending: "warn", confirmed: "good", failed: "bad" } as const;
const ListQuery = z.strictObject({ ...PageQuery.shape, done: z.literal("asked").optional() });
const WithdrawForm = z.strictObject({ amount: z.string(), details: Description, form: FormKey });

export function addWithdrawalPages(pages: WalletPages, deps: WalletPageDeps): void {
  pages.page({ path: PATH, query: ListQuery }, async ({ session, query }) => {
    const page = await withdrawalsPage(session, deps, query.cursor);
    if (query.done === undefined) return page;
    const said = "The amount is held until the bank has paid it out.";
    return withNote(page, said);
  });
  pages.action({ path: PATH }, ({ request, call, session }) =>
    tryForm(
      request,
      async (fields) => {
        const { form, amount: typed, details } = check(WithdrawForm, fields);
        const value = { amount: typedAmount(typed, session.asset), details };
        const header = formHeader(request, call.partner, form, value);
        acceptedOrThrow(await withdraw(deps.ledger, session.walletId, header, value));
        return `${PATH}?done=asked`;
      },
      (fields, problem) => withdrawalsPage(session, deps, undefined, fields, problem),
    ),
  );
}

async function withdrawalsPage(
  { walletId, asset }: SessionView,
  { ledger, random }: WalletPageDeps,
  cursor?: string,
  fields: Fields = {},
  problem?: Problem,
): Promise<Page> {
  const page = { limit: SHOWN, cursor };
  const { data, nextCursor } = await ledger.list(PLATFORM_TENANT, askWithdrawals(walletId), page);
  const { amount, details } = fields;
  return {
    title: "Withdraw",
    body: html`${problemNote(problem)}
<form method="post" action="${PATH}" class="stack">
${field({ name: "amount", label: `Amount in ${assetName(asset)}`, value: amount, inputMode: "decimal", error: errorOf(problem, "amount") })}
${field({ name: "details", label: "Where to", value: details, hint: "Your bank account, as the bank needs it.", error: errorOf(problem, "details") })}
${hidden({ form: newFormKey(random) })}
<button>Withdraw</button>
</form>
${section("Withdrawals", withdrawalList(data, asset))}
${nextPage(PATH, nextCursor, "withdrawals")}`,
  };
}

function withdrawalList(withdrawals: readonly WithdrawalView[], asset: string): Html {
  if (withdrawals.length === 0) return emptyNote("You have withdrawn nothing yet.");
  return html`<ul class="rows">${withdrawals.map(
    ({ details, status, amount, createdAtMs, reason }) =>
      html`<li><div><strong>${details}</strong> ${badge(status, TONES[status])}
<p class="muted">${time(createdAtMs)}${reason !== undefined && html` · ${reason}`}</p></div>
<div class="right"><strong>${money(amount, asset)}</strong></div></li>`,
  )}</ul>`;
}
