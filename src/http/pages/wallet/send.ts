/** `/wallet/send`: money to another wallet, after a page that asks. */
import { z } from "@hono/zod-openapi";
import type { SessionView } from "../../../actors/programmes/wallet/acts.ts";
import { Email } from "../../input/email.ts";
import { Memo } from "../../input/fields.ts";
import { check } from "../../input/validation.ts";
import type { Problem } from "../../problem.ts";
import { WalletId } from "../../programmes/wallet/fields.ts";
import { sendMoney } from "../../programmes/wallet/wallet.ts";
import { acceptedOrThrow } from "../../write-answers.ts";
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
import { assetName, money } from "../base/format.ts";
import { errorOf, field, hidden } from "../base/forms.ts";
import { html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { WalletPageDeps, WalletPages } from "./area.ts";

const TO_LENGTH_MAX = 254;
const SendForm = z.strictObject({
  to: z.string().min(1, "must be a wallet or an e-mail").max(TO_LENGTH_MAX),
  amount: z.string(),
  memo: z.union([z.literal(""), Memo]).default(""),
  form: FormKey,
  /** Sent by the page that asks. */
  confirmed: z.literal("yes").optional(),
});
const SentQuery = z.strictObject({ done: z.literal("sent").optional() });

/** A recipient as a person types it: an e-mail, or the id of a wallet. @throws Problem 400 */
export function recipientOf(to: string, name: "to" | "from") {
  if (to.includes("@"))
    return { email: check(z.strictObject({ [name]: Email }), { [name]: to })[name] as string };
  return { wallet: check(z.strictObject({ [name]: WalletId }), { [name]: to })[name] as string };
}

export function addSendPages(pages: WalletPages, deps: WalletPageDeps): void {
  const form = (session: SessionView, fields: Fields, problem?: Problem) =>
    sendForm(session, newFormKey(deps.random), fields, problem);
  pages.page({ path: "/wallet/send", query: SentQuery }, ({ session, query }) => {
    const page = form(session, {});
    if (query.done === undefined) return page;
    return withNote(page, html`The money is sent. <a href="/wallet">See your balance</a>`);
  });
  pages.action({ path: "/wallet/send" }, ({ request, call, session }) =>
    tryForm(
      request,
      async (fields) => {
        const { form: key, confirmed, to, memo, amount: typed } = check(SendForm, fields);
        const amount = typedAmount(typed, session.asset);
        const { email, wallet } = recipientOf(to, "to");
        if (confirmed === undefined) return confirmPage(session, fields, amount);
        const value = {
          amount,
          ...(memo !== "" && { memo }),
          ...(email === undefined ? { to_wallet_id: wallet } : { to_email: email }),
        };
        const header = formHeader(request, call.partner, key, value);
        const sending = { ledger: deps.ledger, recipients: deps.recipients, request };
        acceptedOrThrow(await sendMoney(sending, session.walletId, header, value));
        return "/wallet/send?done=sent";
      },
      (fields, problem) => form(session, fields, problem),
    ),
  );
}

function sendForm({ asset }: SessionView, form: string, fields: Fields, problem: Problem | undefined): Page {
  const { to, amount, memo } = fields;
  return {
    title: "Send money",
    body: html`${problemNote(problem)}
<form method="post" action="/wallet/send" class="stack">
${field({ name: "to", label: "To", value: to, hint: "An e-mail, or the id of a wallet.", error: errorOf(problem, "to") })}
${field({ name: "amount", label: `Amount in ${assetName(asset)}`, value: amount, inputMode: "decimal", error: errorOf(problem, "amount") })}
${field({ name: "memo", label: "What for", value: memo, isOptional: true, hint: "The recipient reads it.", error: errorOf(problem, "memo") })}
${hidden({ form })}
<button>Continue</button>
</form>`,
  };
}

function confirmPage({ asset }: SessionView, fields: Fields, amount: number): Page {
  const { to = "", memo = "" } = fields;
  return {
    title: "Send this?",
    trail: [{ path: "/wallet/send", label: "Send money" }],
    body: html`<form method="post" action="/wallet/send" class="card stack">
<p class="balance">${money(amount, asset)}</p>
<p>to <strong>${to}</strong>${memo !== "" && html`, for “${memo}”`}. It cannot be taken back.</p>
${hidden({ ...fields, confirmed: "yes" })}
<p class="actions"><button>Send</button> <a class="button outline" href="/wallet/send">Cancel</a></p>
</form>`,
  };
}
