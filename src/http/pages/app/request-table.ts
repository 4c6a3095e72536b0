/** Credit requests as a table, with the decisions that are still to be made. */
import type { RequestView } from "../../../actors/programmes/topup/acts.ts";
import type { Random } from "../../idempotency.ts";
import { table } from "../base/blocks.ts";
import { newFormKey } from "../base/form-attempt.ts";
import { badge, count, pathOf, time } from "../base/format.ts";
import { confirmButton } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";

const TONES = { pending: "warn", approved: "good", rejected: "bad", withdrawn: "plain" } as const;

export function requestTable(requests: readonly RequestView[], random: Random): Html {
  return table<RequestView>({
    caption: "Credit requests",
    rows: requests,
    empty: "No credit request waits.",
    columns: [
      { label: "Seller", isHead: true, cell: ({ seller }) => seller },
      { label: "Amount", isNumber: true, cell: ({ amount }) => count(amount) },
      {
        label: "Note",
        cell: ({ note, reason }) =>
          html`${note}${reason !== null && html` <span class="muted">Rejected: ${reason}</span>`}`,
      },
      { label: "State", cell: ({ status }) => badge(status, TONES[status]) },
      { label: "Asked", cell: ({ createdAtMs }) => time(createdAtMs) },
      { label: "Decide", cell: (request) => request.status === "pending" && decisions(request, random) },
    ],
  });
}

function decisions({ id, seller, amount }: RequestView, random: Random): Html {
  const what = html`the change of ${seller}'s credit by ${count(amount)}`;
  const button = (verb: "approve" | "reject", label: string) =>
    confirmButton({
      id: `${verb}-${id}`,
      label,
      question: html`${label} ${what}?`,
      action: pathOf("app", "credit-requests", id, verb),
      fields: { form: newFormKey(random) },
      isDanger: verb === "reject",
    });
  return html`<div class="actions">${button("approve", "Approve")}${button("reject", "Reject")}</div>`;
}
