/**
 * From what a client sent to a `Transfer`. The schema is the truth; `plainTransfer` is a short cut for the common
 * shape that accepts only what the schema accepts (a test compares them), because a batch asks it a thousand times.
 */
import { z } from "@hono/zod-openapi";
import type { Transfer } from "../actors/command.ts";
import { homeVnodeOf } from "../actors/routing.ts";
import {
  Amount,
  Id,
  isAmount,
  isId,
  isMetadata,
  isText,
  MEMO_LENGTH_MAX,
  Memo,
  Metadata,
  Time,
  timeMsOf,
} from "./fields.ts";
import { canonicalJson, fingerprintOf } from "./fingerprint.ts";
import { keyFault } from "./idempotency.ts";
import { invalid, Problem } from "./problem.ts";
import { check } from "./validation.ts";

const POSTINGS_MAX = 64;
const TIMEOUT_S_MAX = 366 * 24 * 60 * 60;

export const Posting = z
  .strictObject({ debit_account: Id, credit_account: Id, amount: Amount })
  .openapi("Posting");

const anyTransfer = {
  memo: Memo.optional(),
  metadata: Metadata.optional(),
  pending: z.boolean().optional().openapi({ description: "Hold the amount until it is posted or voided." }),
  timeout_s: z
    .int()
    .min(1)
    .max(TIMEOUT_S_MAX)
    .optional()
    .openapi({ description: "When a pending one expires." }),
  occurred_at: Time.optional(),
};

const single = {
  debit_account: Id,
  credit_account: Id,
  amount: z.union(
    [Amount, z.literal("available")],
    'must be an integer from 1 to 9007199254740991, or "available"',
  ),
  max_amount: Amount.optional().openapi({ description: 'Only with `amount: "available"`.' }),
  ...anyTransfer,
};
const several = { postings: z.array(Posting).min(1).max(POSTINGS_MAX), ...anyTransfer };
const itemKey = { idempotency_key: z.string().optional() };

const SingleTransfer = z.strictObject(single);
const SeveralPostings = z.strictObject(several);
const SingleItem = z.strictObject({ ...single, ...itemKey });
const SeveralItem = z.strictObject({ ...several, ...itemKey });

export const TransferRequest = z.union([SingleTransfer, SeveralPostings]).openapi("TransferRequest", {
  example: { debit_account: "@issuance", credit_account: "alice/points", amount: 2500, memo: "order 1017" },
});
export const TransferItem = z.union([SingleItem, SeveralItem]).openapi("TransferItem");

type TransferFields = z.infer<typeof SingleItem> | z.infer<typeof SeveralItem>;

/** Whose request it is; method and path go into the fingerprint. */
export type Asker = Readonly<{ partner: string; method: string; path: string; nowMs: number }>;

function command(
  asker: Asker,
  key: string | null,
  debit: string,
  credit: string,
  amount: number,
  memo: string | null,
  metadata: string | null,
  occurredAtMs: number | null,
): Transfer {
  const fingerprint =
    key === null
      ? 0
      : fingerprintOf(
          asker.method,
          asker.path,
          JSON.stringify([debit, credit, amount, memo, metadata, occurredAtMs]),
        );
  return {
    op: "transfer",
    partner: asker.partner,
    key,
    fingerprint,
    debit,
    credit,
    amount,
    memo,
    metadata,
    occurredAtMs,
    vnode: homeVnodeOf(asker.partner, debit, credit, key),
  };
}

/**
 * The command of a request that has two accounts, an amount and perhaps a memo, metadata and (an item) its own key;
 * `undefined` sends it to the schema. An item's own key goes before the one that the header gives it.
 */
export function plainTransfer(
  asker: Asker,
  value: unknown,
  headerKey: string | null,
  isItem: boolean,
): Transfer | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  let debit: unknown;
  let credit: unknown;
  let amount: unknown;
  let memo: string | null = null;
  let metadata: string | null = null;
  let key = headerKey;
  for (const name in value) {
    const member: unknown = (value as Record<string, unknown>)[name];
    if (name === "debit_account") debit = member;
    else if (name === "credit_account") credit = member;
    else if (name === "amount") amount = member;
    else if (name === "memo") {
      if (!isText(member, MEMO_LENGTH_MAX)) return undefined;
      memo = member;
    } else if (name === "metadata") {
      if (!isMetadata(member)) return undefined;
      metadata = canonicalJson(member);
    } else if (name === "idempotency_key" && isItem) {
      if (typeof member !== "string" || keyFault(member, asker.nowMs) !== undefined) return undefined;
      key = member;
    } else return undefined;
  }
  if (!isId(debit) || !isId(credit) || !isAmount(amount)) return undefined;
  return command(asker, key, debit, credit, amount, memo, metadata, null);
}

/** What the schema allows and this version cannot do yet. */
function refuseUnsupported(fields: TransferFields): void {
  if (fields.timeout_s !== undefined && fields.pending !== true) {
    throw invalid("timeout_s", "needs pending: true");
  }
  if ("amount" in fields && fields.max_amount !== undefined && fields.amount !== "available") {
    throw invalid("max_amount", 'needs amount: "available"');
  }
  if (fields.pending === true) throw new Problem("not_implemented", "Pending transfers are not there yet.");
  if ("postings" in fields && fields.postings.length > 1) {
    throw new Problem("not_implemented", "Transfers of several postings are not there yet.");
  }
  if ("amount" in fields && fields.amount === "available") {
    throw new Problem("not_implemented", 'amount: "available" is not there yet.');
  }
}

function fromFields(asker: Asker, fields: TransferFields, key: string | null): Transfer {
  refuseUnsupported(fields);
  const posting = "postings" in fields ? fields.postings[0] : fields;
  if (posting === undefined || posting.amount === "available") throw new Problem("not_implemented");
  return command(
    asker,
    key,
    posting.debit_account,
    posting.credit_account,
    posting.amount,
    fields.memo ?? null,
    fields.metadata === undefined ? null : canonicalJson(fields.metadata),
    fields.occurred_at === undefined ? null : (timeMsOf(fields.occurred_at) ?? null),
  );
}

function hasPostings(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "postings");
}

/** The long way, for whatever the short cut did not take; it names every fault. @throws Problem 400 or 501 */
export function transferBySchema(
  asker: Asker,
  value: unknown,
  headerKey: string | null,
  isItem: boolean,
): Transfer {
  if (!isItem) {
    const fields = hasPostings(value) ? check(SeveralPostings, value) : check(SingleTransfer, value);
    return fromFields(asker, fields, headerKey);
  }
  const fields = hasPostings(value) ? check(SeveralItem, value) : check(SingleItem, value);
  const own = fields.idempotency_key;
  const fault = own === undefined ? undefined : keyFault(own, asker.nowMs);
  if (fault !== undefined) throw invalid("idempotency_key", fault);
  return fromFields(asker, fields, own ?? headerKey);
}

/** `isItem`: one item of a batch, which may name its own idempotency key. @throws Problem 400 or 501 */
export function transferOf(
  asker: Asker,
  value: unknown,
  headerKey: string | null,
  isItem: boolean,
): Transfer {
  return plainTransfer(asker, value, headerKey, isItem) ?? transferBySchema(asker, value, headerKey, isItem);
}
