/** `/wallet/holds`: money of the user that is held, and money that is held for the user. */
import { z } from "@hono/zod-openapi";
import { type HoldView, PLATFORM_TENANT, type SessionView } from "../../../actors/programmes/wallet/acts.ts";
import { askHolds, askPayeeHolds } from "../../../actors/programmes/wallet/questions.ts";
import type { Random } from "../../idempotency.ts";
import { check } from "../../input/validation.ts";
import type { Problem } from "../../problem.ts";
import { voidHold } from "../../programmes/wallet/holds.ts";
import { acceptedOrThrow } from "../../write-answers.ts";
import { emptyNote, note, section } from "../base/blocks.ts";
import { FormKey, formHeader, newFormKey, tryForm, withNote } from "../base/form-attempt.ts";
import { badge, money, pathOf, shortId, time } from "../base/format.ts";
import { confirmButton } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { WalletPageDeps, WalletPages } from "./area.ts";

const SHOWN = 50;
const DoneQuery = z.strictObject({ done: z.literal("released").optional() });
const VoidForm = z.strictObject({ form: FormKey });

export function addHoldPages(pages: WalletPages, deps: WalletPageDeps): void {
  pages.page({ path: "/wallet/holds", query: DoneQuery }, async ({ session, query }) => {
    const page = await holdsPage(session, deps);
    if (query.done === undefined) return page;
    return withNote(page, "The hold is released.");
  });
  pages.action({ path: "/wallet/holds/{id}/void" }, ({ request, call, session }) =>
    tryForm(
      request,
      async (fields) => {
        const header = formHeader(request, call.partner, check(VoidForm, fields).form, {});
        acceptedOrThrow(await voidHold(deps.ledger, session.walletId, header, request.param("id")));
        return "/wallet/holds?done=released";
      },
      (_, problem) => holdsPage(session, deps, problem),
    ),
  );
}

async function holdsPage(
  { walletId, asset }: SessionView,
  { ledger, random }: WalletPageDeps,
  problem?: Problem,
): Promise<Page> {
  const [own, others] = await Promise.all([
    ledger.list(PLATFORM_TENANT, askHolds(walletId), { limit: SHOWN }),
    ledger.list(PLATFORM_TENANT, askPayeeHolds(walletId), { limit: SHOWN }),
  ]);
  return {
    title: "Holds",
    body: html`${problem !== undefined && note("bad", problem.message)}
<p class="muted">A hold keeps money aside until it is captured or released.</p>
${section("Your money", holdList(own.data, asset, walletId, random))}
${others.data.length > 0 && section("Held for you", holdList(others.data, asset, walletId, random))}`,
  };
}

function holdList(holds: readonly HoldView[], asset: string, wallet: string, random: Random): Html {
  if (holds.length === 0) return emptyNote("Nothing is held.");
  return html`<ul class="rows">${holds.map((hold) => {
    const { memo, status, to, amount, captured, expiresAtMs } = hold;
    const isPending = status === "pending";
    // A hold that names a payee is the payee's to release.
    const mayRelease = isPending && (to ?? wallet) === wallet;
    return html`<li><div><strong>${memo ?? "Hold"}</strong> ${badge(status, isPending ? "warn" : "plain")}
<p class="muted">${to !== undefined && html`for ${shortId(to)} · `}${isPending ? "until" : "expiry"} ${time(expiresAtMs)}</p>
${mayRelease && html`<div class="actions">${releaseButton(hold, asset, random)}</div>`}</div>
<div class="right"><strong>${money(amount, asset)}</strong>${captured > 0 && html`<p class="muted">${money(captured, asset)} captured</p>`}</div></li>`;
  })}</ul>`;
}

function releaseButton({ id, amount, captured }: HoldView, asset: string, random: Random): Html {
  return confirmButton({
    id: `release-${id}`,
    label: "Release",
    question: html`Release ${money(amount - captured, asset)}?`,
    action: pathOf("wallet", "holds", id, "void"),
    fields: { form: newFormKey(random) },
    isDanger: false,
  });
}
