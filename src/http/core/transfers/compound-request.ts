/** From what a client sent to a `CompoundTransfer`: whatever is pending, of several postings, or of what there is. */
import { homeVnodeOf, isSystemAccount } from "../../../actors/ledger/routing.ts";
import type { Transfer } from "../../../actors/records/command.ts";
import type { CompoundTransfer, Posting } from "../../../actors/records/compound-command.ts";
import { timeMsOrNull } from "../../input/fields.ts";
import { type Asker, canonicalJson, fingerprintOf } from "../../input/fingerprint.ts";
import { invalid } from "../../problem.ts";
import type { TransferFields } from "./transfer-schema.ts";

/** What was asked, in the ledger's terms. A plain transfer is one posting that is neither available nor pending. */
export type TransferAsked = Pick<
  CompoundTransfer,
  "postings" | "available" | "pending" | "timeoutMs" | "memo" | "metadata" | "occurredAtMs"
>;

/** @throws Problem 400 where fields that are good by themselves contradict each other */
export function transferAsked(fields: TransferFields): TransferAsked {
  if (fields.timeout_s !== undefined && fields.pending !== true) {
    throw invalid("timeout_s", "needs pending: true");
  }
  return {
    postings: "postings" in fields ? severalPostings(fields.postings) : [onePosting(fields)],
    available: "amount" in fields && fields.amount === "available",
    pending: fields.pending === true,
    timeoutMs: fields.timeout_s === undefined ? null : fields.timeout_s * 1000,
    memo: fields.memo ?? null,
    metadata: fields.metadata === undefined ? null : canonicalJson(fields.metadata),
    occurredAtMs: timeMsOrNull(fields.occurred_at),
  };
}

type OnePosting = Exclude<TransferFields, { postings: unknown }>;
type SeveralPostings = Extract<TransferFields, { postings: unknown }>["postings"];

/** "available" stands as the most that it may come to. */
function onePosting({ debit_account, credit_account, amount, max_amount }: OnePosting): Posting {
  if (amount !== "available") {
    if (max_amount !== undefined) throw invalid("max_amount", 'needs amount: "available"');
    return { debit: debit_account, credit: credit_account, amount };
  }
  if (isSystemAccount(debit_account)) {
    throw invalid("debit_account", 'must not be a system account with amount: "available"');
  }
  return { debit: debit_account, credit: credit_account, amount: max_amount ?? Number.MAX_SAFE_INTEGER };
}

function severalPostings(asked: SeveralPostings): Posting[] {
  // What is left of the most that a transfer may move: unlike their sum, it is exact to the end.
  let room = Number.MAX_SAFE_INTEGER;
  return asked.map(({ debit_account, credit_account, amount }) => {
    room -= amount;
    if (room < 0) throw invalid("postings", `must not sum to more than ${Number.MAX_SAFE_INTEGER}`);
    return { debit: debit_account, credit: credit_account, amount };
  });
}

export function compoundTransfer(asker: Asker, key: string | null, asked: TransferAsked): CompoundTransfer {
  const [first] = asked.postings;
  if (first === undefined) throw new TypeError("a transfer without a posting");
  return {
    op: "compound_transfer",
    partner: asker.partner,
    key,
    fingerprint: key === null ? 0 : fingerprintOf(asker.method, asker.path, canonicalText(asked)),
    ...asked,
    vnode: homeVnodeOf(asker.partner, first.debit, first.credit, key),
  };
}

/** Begins with a list in a list, as the text of a plain transfer never does. */
function canonicalText(asked: TransferAsked): string {
  const { available, pending, timeoutMs, memo, metadata, occurredAtMs } = asked;
  const postings = asked.postings.map(({ debit, credit, amount }) => [debit, credit, amount]);
  return JSON.stringify([postings, available, pending, timeoutMs, memo, metadata, occurredAtMs]);
}

/** The same transfer as a compound one, decided in the same place. */
export function asCompound(transfer: Transfer | CompoundTransfer): CompoundTransfer {
  if (transfer.op === "compound_transfer") return transfer;
  const { debit, credit, amount, ...same } = transfer;
  return {
    ...same,
    op: "compound_transfer",
    postings: [{ debit, credit, amount }],
    available: false,
    pending: false,
    timeoutMs: null,
  };
}
