/**
 * From what a client sent to a `Transfer`, or to a `CompoundTransfer` where that is not enough. The schema is the truth;
 * `plainTransfer` is a short cut for the common shape that accepts only what the schema accepts (a test compares them),
 * because a batch asks it a thousand times.
 */
import { homeVnodeOf } from "../../../actors/ledger/routing.ts";
import type { Transfer } from "../../../actors/records/command.ts";
import type { CompoundTransfer } from "../../../actors/records/compound-command.ts";
import { isKey, KEY_RULE } from "../../idempotency.ts";
import { isAmount, isId, isMetadata, isText, MEMO_LENGTH_MAX } from "../../input/fields.ts";
import { type Asker, canonicalJson, fingerprintOf } from "../../input/fingerprint.ts";
import { check } from "../../input/validation.ts";
import { invalid } from "../../problem.ts";
import { compoundTransfer, transferAsked } from "./compound-request.ts";
import {
  SeveralItem,
  SeveralPostings,
  SingleItem,
  SingleTransfer,
  type TransferFields,
} from "./transfer-schema.ts";

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
      if (!isKey(member)) return undefined;
      key = member;
    } else return undefined;
  }
  if (!isId(debit) || !isId(credit) || !isAmount(amount)) return undefined;
  return command(asker, key, debit, credit, amount, memo, metadata, null);
}

function fromFields(asker: Asker, fields: TransferFields, key: string | null): Transfer | CompoundTransfer {
  const asked = transferAsked(fields);
  const [posting, ...others] = asked.postings;
  if (posting === undefined || others.length > 0 || asked.available || asked.pending) {
    return compoundTransfer(asker, key, asked);
  }
  const { debit, credit, amount } = posting;
  return command(asker, key, debit, credit, amount, asked.memo, asked.metadata, asked.occurredAtMs);
}

function hasPostings(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "postings");
}

/** The long way, for whatever the short cut did not take; it names every fault. @throws Problem 400 */
export function transferBySchema(
  asker: Asker,
  value: unknown,
  headerKey: string | null,
  isItem: boolean,
): Transfer | CompoundTransfer {
  if (!isItem) {
    const fields = hasPostings(value) ? check(SeveralPostings, value) : check(SingleTransfer, value);
    return fromFields(asker, fields, headerKey);
  }
  const fields = hasPostings(value) ? check(SeveralItem, value) : check(SingleItem, value);
  const own = fields.idempotency_key;
  if (own !== undefined && !isKey(own)) throw invalid("idempotency_key", KEY_RULE);
  return fromFields(asker, fields, own ?? headerKey);
}

/** `isItem`: one item of a batch, which may name its own idempotency key. @throws Problem 400 */
export function transferOf(
  asker: Asker,
  value: unknown,
  headerKey: string | null,
  isItem: boolean,
): Transfer | CompoundTransfer {
  return plainTransfer(asker, value, headerKey, isItem) ?? transferBySchema(asker, value, headerKey, isItem);
}
