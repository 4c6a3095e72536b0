/**
 * Builds the command of a transfer from a request: a `Transfer`, or a `CompoundTransfer` if that cannot express it.
 * The schema is authoritative. `plainTransfer` is a fast path for the common shape, as a batch has thousands; it
 * accepts only what the schema accepts (a test compares them).
 */
import { homeVnodeOf } from "../../../actors/ledger/routing.ts";
import type { Transfer } from "../../../actors/records/command.ts";
import type { CompoundTransfer } from "../../../actors/records/compound-command.ts";
import { newTransfer } from "../../../actors/records/plain-records.ts";
import { NO_DETAILS, type TransferDetails } from "../../../actors/records/transfer-details.ts";
import { isKey, KEY_RULE } from "../../idempotency.ts";
import { isAmount, isId } from "../../input/fields.ts";
import { fingerprintOf, type RequestSender } from "../../input/fingerprint.ts";
import { check } from "../../input/validation.ts";
import { invalid } from "../../problem.ts";
import { compoundTransfer, transferTerms } from "./compound-request.ts";
import { canonicalText, withDetail } from "./transfer-details.ts";
import {
  SeveralItem,
  SeveralPostings,
  SingleItem,
  SingleTransfer,
  type TransferFields,
} from "./transfer-schema.ts";

function command(
  sender: RequestSender,
  key: string | null,
  debit: string,
  credit: string,
  amount: number,
  details: TransferDetails,
): Transfer {
  const { partner, method, path } = sender;
  const fingerprint =
    key === null ? 0 : fingerprintOf(method, path, canonicalText([debit, credit, amount], details));
  const vnode = homeVnodeOf(partner, debit, credit, key);
  return newTransfer(partner, key, fingerprint, debit, credit, amount, details, vnode);
}

/**
 * The command of a request with two accounts, an amount, and optionally details and (for items) an idempotency key.
 * `undefined`: use the schema. An item's own key takes precedence over the one derived from the header.
 */
export function plainTransfer(
  sender: RequestSender,
  value: unknown,
  headerKey: string | null,
  isItem: boolean,
): Transfer | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  let debit: unknown;
  let credit: unknown;
  let amount: unknown;
  let details: TransferDetails | undefined = NO_DETAILS;
  let key = headerKey;
  for (const name in value) {
    const member: unknown = (value as Record<string, unknown>)[name];
    if (name === "debit_account") debit = member;
    else if (name === "credit_account") credit = member;
    else if (name === "amount") amount = member;
    else if (name === "idempotency_key" && isItem) {
      if (!isKey(member)) return undefined;
      key = member;
    } else {
      details = withDetail(details, name, member);
      if (details === undefined) return undefined;
    }
  }
  if (!isId(debit) || !isId(credit) || !isAmount(amount)) return undefined;
  return command(sender, key, debit, credit, amount, details);
}

function fromFields(
  sender: RequestSender,
  fields: TransferFields,
  key: string | null,
): Transfer | CompoundTransfer {
  const terms = transferTerms(fields);
  const [posting, ...others] = terms.postings;
  if (posting === undefined || others.length > 0 || terms.available || terms.pending) {
    return compoundTransfer(sender, key, terms);
  }
  return command(sender, key, posting.debit, posting.credit, posting.amount, terms);
}

function hasPostings(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "postings");
}

/** The slow path, for everything else; it reports every fault. @throws Problem 400 */
export function transferBySchema(
  sender: RequestSender,
  value: unknown,
  headerKey: string | null,
  isItem: boolean,
): Transfer | CompoundTransfer {
  if (!isItem) {
    const fields = hasPostings(value) ? check(SeveralPostings, value) : check(SingleTransfer, value);
    return fromFields(sender, fields, headerKey);
  }
  const fields = hasPostings(value) ? check(SeveralItem, value) : check(SingleItem, value);
  const own = fields.idempotency_key;
  if (own !== undefined && !isKey(own)) throw invalid("idempotency_key", KEY_RULE);
  return fromFields(sender, fields, own ?? headerKey);
}

/** @param isItem an item of a batch, which may have its own idempotency key. @throws Problem 400 */
export function transferOf(
  sender: RequestSender,
  value: unknown,
  headerKey: string | null,
  isItem: boolean,
): Transfer | CompoundTransfer {
  return (
    plainTransfer(sender, value, headerKey, isItem) ?? transferBySchema(sender, value, headerKey, isItem)
  );
}
