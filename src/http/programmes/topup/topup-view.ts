/** Top-ups as the API shows them: from their transfers, and from their shard while they are undecided. */
import { z } from "@hono/zod-openapi";
import {
  askSales,
  isSaleAct,
  isTopupAct,
  type OperatorResult,
  type SaleView,
  sellerOf,
} from "../../../actors/programmes/topup/acts.ts";
import type { Act } from "../../../actors/records/act.ts";
import type { TransferView } from "../../../actors/records/compound-command.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { Amount, timeTextOf } from "../../input/fields.ts";

export const TOPUP_STATUSES = ["pending", "unknown", "completed", "failed", "reverted"] as const;

export const topupFields = {
  id: z.string().openapi({ description: "The transfer's id; the partner can revert a completed one." }),
  seller: z.string(),
  phone: z.string(),
  amount: Amount,
  reference: z.string().nullable(),
  status: z.enum(TOPUP_STATUSES).openapi({
    description:
      "`pending`: the operator has not answered. `unknown`: it has not said what became of the top-up. The amount of both is held.",
  }),
  reason: z.string().nullable().openapi({ description: "Why it failed." }),
  decided_by: z.string().nullable().openapi({
    description:
      "The id of the API key that confirmed or failed it; null if the operator did, or nobody had to.",
  }),
  operator_answer: z.enum(["completed", "failed"]).nullable().openapi({
    description:
      "What the operator has said against the decision of `decided_by`. Nothing was moved because of it.",
  }),
  created_at: z.iso.datetime(),
};
export const TOPUP_EXAMPLE = {
  id: "tr_0a11001",
  seller: "kiosk",
  phone: "+989121234567",
  amount: 5000,
  reference: "receipt-1017",
  status: "completed",
  reason: null,
  decided_by: null,
  operator_answer: null,
  created_at: "2026-11-20T10:00:00.000Z",
};
export const TopupSchema = z.object(topupFields).openapi("Topup", { example: TOPUP_EXAMPLE });

export type Topup = Readonly<{
  id: string;
  seller: string;
  phone: string;
  amount: number;
  reference: string | null;
  status: (typeof TOPUP_STATUSES)[number];
  reason: string | null;
  decidedBy: string | null;
  operatorAnswer: OperatorResult | null;
  createdAtMs: number;
}>;

export const UNDECIDED = { reason: null, decidedBy: null, operatorAnswer: null } as const;

/** The top-up of a transfer, as its records say; `undefined` if the transfer is no sale. */
export function topupOf(
  transfer: TransferView & Readonly<{ revertedBy?: string | null }>,
): Topup | undefined {
  const { id, act, postings, createdAtMs } = transfer;
  if (!isSaleAct(act)) return undefined;
  const { subject, phone, reference } = act;
  const amount = postings[0]?.amount ?? 0;
  const terms = { id, seller: sellerOf(subject), phone, amount, reference, createdAtMs };
  return { ...terms, status: statusOf(transfer), ...endingOf(transfer.ending), operatorAnswer: null };
}

function statusOf({
  status,
  revertedBy,
}: Pick<TransferView, "status"> & Readonly<{ revertedBy?: string | null }>): Topup["status"] {
  if (status === "pending") return "pending";
  if (status !== "posted") return "failed";
  return revertedBy == null ? "completed" : "reverted";
}

function endingOf(ending: Act | undefined): Pick<Topup, "reason" | "decidedBy"> {
  if (!isTopupAct(ending)) return { reason: null, decidedBy: null };
  const { act } = ending;
  if (act === "fail_sale") return { reason: ending.reason, decidedBy: ending.by };
  return { reason: null, decidedBy: act === "complete_sale" ? ending.by : null };
}

/** A sale that is not over, as its shard shows it. */
export function topupOfSale({ conflict, ...sale }: SaleView): Topup {
  return { ...sale, operatorAnswer: conflict };
}

/** Whether the shard may know more of it than its records say. */
function mayBeOpen({ status, decidedBy }: Topup): boolean {
  return status === "pending" || decidedBy !== null;
}

/** Adds what only the shards know: which are unknown, and which the operator contradicts. */
export async function withOpenSales(
  ledger: Ledger,
  partner: string,
  topups: readonly Topup[],
): Promise<readonly Topup[]> {
  const ids = topups.filter(mayBeOpen).map(({ id }) => id);
  if (ids.length === 0) return topups;
  const open = new Map((await ledger.askAll(partner, askSales(ids))).flat().map((sale) => [sale.id, sale]));
  return topups.map((topup) => {
    const sale = open.get(topup.id);
    if (sale === undefined) return topup;
    return topup.status === "pending" ? topupOfSale(sale) : { ...topup, operatorAnswer: sale.conflict };
  });
}

/** Concatenated, because it is the most frequent answer; ids and phones need no escaping. @param more members */
export function topupJson(topup: Topup, more = ""): string {
  const { id, seller, phone, amount, reference, status, reason, decidedBy, operatorAnswer } = topup;
  return (
    `{"id":"${id}","seller":"${seller}","phone":"${phone}","amount":${amount},` +
    `"reference":${JSON.stringify(reference)},"status":"${status}","reason":${JSON.stringify(reason)},` +
    `"decided_by":${JSON.stringify(decidedBy)},"operator_answer":${JSON.stringify(operatorAnswer)},` +
    `"created_at":"${timeTextOf(topup.createdAtMs)}"${more}}`
  );
}
