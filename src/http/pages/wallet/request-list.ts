/** Payment requests as lists. */
import type { RequestView } from "../../../actors/programmes/wallet/acts.ts";
import type { Random } from "../../idempotency.ts";
import { emptyNote } from "../base/blocks.ts";
import { newFormKey } from "../base/form-attempt.ts";
import { badge, money, pathOf, shortId, time } from "../base/format.ts";
import { confirmButton } from "../base/forms.ts";
import { type Fragment, type Html, html } from "../base/html.ts";

const TONES = {
  pending: "warn",
  accepted: "good",
  declined: "plain",
  cancelled: "plain",
  expired: "plain",
} as const satisfies Record<RequestView["status"], string>;

/** Requests that the user may pay. */
export function requestsToPay(requests: readonly RequestView[], asset: string, random: Random): Html {
  return requestList(requests, asset, "Nobody has asked you for money.", (request) => {
    const { id, amount, requester } = request;
    const whom = html`${money(amount, asset)} to ${shortId(requester)}`;
    return html`${decision(id, "accept", "Pay", html`Pay ${whom}?`, random)}${decision(id, "decline", "Decline", html`Decline to pay ${whom}?`, random)}`;
  });
}

/** Requests that the user has made. */
export function ownRequests(requests: readonly RequestView[], asset: string, random: Random): Html {
  return requestList(requests, asset, "You have asked nobody for money.", ({ id, amount }) =>
    decision(id, "cancel", "Cancel request", html`Cancel the request for ${money(amount, asset)}?`, random),
  );
}

function requestList(
  requests: readonly RequestView[],
  asset: string,
  empty: string,
  actions: (request: RequestView) => Fragment,
): Html {
  if (requests.length === 0) return emptyNote(empty);
  return html`<ul class="rows">${requests.map((request) => {
    const { status, requester, amount, memo, createdAtMs, expiresAtMs } = request;
    const isPending = status === "pending";
    return html`<li><div><strong>${memo ?? "Payment request"}</strong> ${badge(status, TONES[status])}
<p class="muted">by ${shortId(requester)} · ${isPending ? html`until ${time(expiresAtMs)}` : time(createdAtMs)}</p>
${isPending && html`<div class="actions">${actions(request)}</div>`}</div>
<div class="right"><strong>${money(amount, asset)}</strong></div></li>`;
  })}</ul>`;
}

function decision(
  id: string,
  verb: "accept" | "decline" | "cancel",
  label: string,
  question: Html,
  random: Random,
): Html {
  return confirmButton({
    id: `${verb}-${id}`,
    label,
    question,
    action: pathOf("wallet", "requests", id, verb),
    fields: { form: newFormKey(random) },
    isDanger: false,
  });
}
