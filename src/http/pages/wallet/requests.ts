/** `/wallet/requests`: requests for money, to the user and by the user. */
import { z } from "@hono/zod-openapi";
import { PLATFORM_TENANT, type SessionView } from "../../../actors/programmes/wallet/acts.ts";
import { askPaymentRequests } from "../../../actors/programmes/wallet/questions.ts";
import { Memo } from "../../input/fields.ts";
import { check } from "../../input/validation.ts";
import type { Problem } from "../../problem.ts";
import { decideRequest, requestMoney } from "../../programmes/wallet/payment-requests.ts";
import { acceptedOrThrow } from "../../write-answers.ts";
import { section } from "../base/blocks.ts";
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
import { assetName } from "../base/format.ts";
import { errorOf, field, hidden } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { WalletPageDeps, WalletPages } from "./area.ts";
import { ownRequests, requestsToPay } from "./request-list.ts";
import { recipientOf } from "./send.ts";

const SHOWN = 50;
const DONE = {
  asked: "The request is sent.",
  accepted: "The request is paid.",
  declined: "The request is declined.",
  cancelled: "The request is cancelled.",
} as const;
const DECISIONS = { accept: "accepted", decline: "declined", cancel: "cancelled" } as const;
const DoneQuery = z.strictObject({ done: z.enum(["asked", "accepted", "declined", "cancelled"]).optional() });
const AskForm = z.strictObject({
  from: z.string().min(1, "must be a wallet or an e-mail").max(254),
  amount: z.string(),
  memo: z.union([z.literal(""), Memo]).default(""),
  form: FormKey,
});
const DecisionForm = z.strictObject({ form: FormKey });

export function addRequestPages(pages: WalletPages, deps: WalletPageDeps): void {
  const { ledger, recipients } = deps;
  pages.page({ path: "/wallet/requests", query: DoneQuery }, async ({ session, query }) => {
    const page = await requestsPage(session, deps);
    return query.done === undefined ? page : withNote(page, DONE[query.done]);
  });
  pages.action({ path: "/wallet/requests" }, ({ request, call, session }) =>
    tryForm(
      request,
      async (fields) => {
        const { form, from, memo, amount: typed } = check(AskForm, fields);
        const amount = typedAmount(typed, session.asset);
        const { email, wallet } = recipientOf(from, "from");
        const value = {
          amount,
          ...(memo !== "" && { memo }),
          ...(email === undefined ? { payer_wallet_id: wallet } : { payer_email: email }),
        };
        const header = formHeader(request, call.partner, form, value);
        const asked = await requestMoney({ ledger, recipients, request }, session.walletId, header, value);
        acceptedOrThrow(asked.answer);
        return "/wallet/requests?done=asked";
      },
      (fields, problem) => requestsPage(session, deps, fields, problem),
    ),
  );
  for (const [verb, status] of Object.entries(DECISIONS))
    pages.action({ path: `/wallet/requests/{id}/${verb}` }, ({ request, call, session }) =>
      tryForm(
        request,
        async (fields) => {
          const { form } = check(DecisionForm, fields);
          const header = formHeader(request, call.partner, form, {});
          const id = request.param("id");
          const decided = await decideRequest(ledger, header, { id, wallet: session.walletId, status });
          acceptedOrThrow(decided.answer);
          return `/wallet/requests?done=${status}`;
        },
        (_, problem) => requestsPage(session, deps, {}, problem),
      ),
    );
}

async function requestsPage(
  session: SessionView,
  { ledger, random }: WalletPageDeps,
  fields: Fields = {},
  problem?: Problem,
): Promise<Page> {
  const { walletId, asset } = session;
  const [toPay, own] = await Promise.all(
    (["payer", "requester"] as const).map((role) =>
      ledger.list(PLATFORM_TENANT, askPaymentRequests(role, walletId), { limit: SHOWN }),
    ),
  );
  return {
    title: "Requests",
    body: html`${problemNote(problem)}
${section("Asked of you", requestsToPay(toPay?.data ?? [], asset, random))}
${section("Asked by you", ownRequests(own?.data ?? [], asset, random))}
${section("Ask for money", askForm(asset, newFormKey(random), fields, problem))}`,
  };
}

function askForm(asset: string, form: string, fields: Fields, problem: Problem | undefined): Html {
  const { from, amount, memo } = fields;
  return html`<form method="post" action="/wallet/requests" class="stack" id="ask">
${field({ name: "from", label: "From", value: from, hint: "An e-mail, or the id of a wallet.", error: errorOf(problem, "from") })}
${field({ name: "amount", label: `Amount in ${assetName(asset)}`, value: amount, inputMode: "decimal", error: errorOf(problem, "amount") })}
${field({ name: "memo", label: "What for", value: memo, isOptional: true, error: errorOf(problem, "memo") })}
${hidden({ form })}
<button>Ask</button>
</form>`;
}
