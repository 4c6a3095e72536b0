/** Schemas of transfers in requests: a single posting or several, each as a request or as an item of a batch. */
import { z } from "@hono/zod-openapi";
import { Amount, Id } from "../../input/fields.ts";
import { requestDetails } from "./transfer-details.ts";

const POSTINGS_MAX = 64;
const TIMEOUT_S_MAX = 366 * 24 * 60 * 60;

/** The two examples must differ: an account cannot pay itself. */
const sides = { debit_account: Id.openapi({ example: "@issuance" }), credit_account: Id };
const EXAMPLE = {
  debit_account: "@issuance",
  credit_account: "alice/points",
  amount: 2500,
  memo: "order 1017",
} as const;

export const Posting = z.strictObject({ ...sides, amount: Amount }).openapi("Posting");

/** `occurred_at` comes last in the OpenAPI document. */
const { occurred_at, ...otherDetails } = requestDetails;
const anyTransfer = {
  ...otherDetails,
  pending: z
    .boolean()
    .optional()
    .openapi({ description: "Hold the amount until the transfer is posted, voided or expired." }),
  timeout_s: z.int().min(1).max(TIMEOUT_S_MAX).optional().openapi({
    description: "Time until a pending transfer expires. Absent: never. Only with `pending: true`.",
  }),
  occurred_at,
};

const single = {
  ...sides,
  amount: z
    .union([Amount, z.literal("available")], 'must be an integer from 1 to 9007199254740991, or "available"')
    .openapi({
      description:
        '"available" moves the available balance of the debit account, which must not be a system account; if that is 0: ' +
        "`insufficient_funds`. No balance may leave ±2^52, including reservations of other transfers; else: " +
        "`balance_out_of_range`.",
    }),
  max_amount: Amount.optional().openapi({
    description: 'Only with `amount: "available"`: the maximum amount.',
  }),
  ...anyTransfer,
};
const several = {
  postings: z
    .array(Posting)
    .min(1)
    .max(POSTINGS_MAX)
    .openapi({
      description:
        "Applied all or none, in this order: a posting may spend what an earlier one credited. The sum of amounts is at most " +
        "9007199254740991.",
    }),
  ...anyTransfer,
};
const itemKey = { idempotency_key: z.string().optional() };

export const SingleTransfer = z.strictObject(single);
export const SeveralPostings = z.strictObject(several);
export const SingleItem = z.strictObject({ ...single, ...itemKey });
export const SeveralItem = z.strictObject({ ...several, ...itemKey });

export const TransferRequest = z.union([SingleTransfer, SeveralPostings]).openapi("TransferRequest", {
  example: EXAMPLE,
});
export const TransferItem = z.union([SingleItem, SeveralItem]).openapi("TransferItem", { example: EXAMPLE });

export type TransferFields = z.infer<typeof SingleTransfer> | z.infer<typeof SeveralPostings>;
