/** Builds `CompoundTransfer` commands: pending, with several postings, or of the available balance. */
import { homeVnodeOf, isSystemAccount } from "../../../actors/ledger/routing.ts";
import type { Transfer } from "../../../actors/records/command.ts";
import type { CompoundTransfer, Posting } from "../../../actors/records/compound-command.ts";
import type { TransferDetails } from "../../../actors/records/transfer-details.ts";
import { fingerprintOf, type RequestSender } from "../../input/fingerprint.ts";
import { invalid } from "../../problem.ts";
import { canonicalText, transferDetails } from "./transfer-details.ts";
import type { TransferFields } from "./transfer-schema.ts";

/** A requested transfer in the ledger's terms. A plain transfer is one posting, neither `available` nor `pending`. */
export type TransferTerms = TransferDetails &
  Pick<CompoundTransfer, "postings" | "available" | "pending" | "timeoutMs">;

/** @throws Problem 400 if fields contradict each other */
export function transferTerms(fields: TransferFields): TransferTerms {
  if (fields.timeout_s !== undefined && fields.pending !== true) {
    throw invalid("timeout_s", "is allowed only with pending: true");
  }
  return {
    postings: "postings" in fields ? severalPostings(fields.postings) : [onePosting(fields)],
    available: "amount" in fields && fields.amount === "available",
    pending: fields.pending === true,
    timeoutMs: fields.timeout_s === undefined ? null : fields.timeout_s * 1000,
    ...transferDetails(fields),
  };
}

type OnePosting = Exclude<TransferFields, { postings: unknown }>;
type SeveralPostings = Extract<TransferFields, { postings: unknown }>["postings"];

/** For "available" the amount is the maximum to move. */
function onePosting({ debit_account, credit_account, amount, max_amount }: OnePosting): Posting {
  if (amount !== "available") {
    if (max_amount !== undefined) throw invalid("max_amount", 'is allowed only with amount: "available"');
    return { debit: debit_account, credit: credit_account, amount };
  }
  if (isSystemAccount(debit_account)) {
    throw invalid("debit_account", 'must not be a system account with amount: "available"');
  }
  return { debit: debit_account, credit: credit_account, amount: max_amount ?? Number.MAX_SAFE_INTEGER };
}

function severalPostings(terms: SeveralPostings): Posting[] {
  // The remaining allowance. Unlike a sum it stays a safe integer.
  let allowance = Number.MAX_SAFE_INTEGER;
  return terms.map(({ debit_account, credit_account, amount }) => {
    allowance -= amount;
    if (allowance < 0) throw invalid("postings", `must not sum to more than ${Number.MAX_SAFE_INTEGER}`);
    return { debit: debit_account, credit: credit_account, amount };
  });
}

export function compoundTransfer(
  sender: RequestSender,
  key: string | null,
  terms: TransferTerms,
): CompoundTransfer {
  const [first] = terms.postings;
  if (first === undefined) throw new TypeError("a transfer needs a posting");
  return {
    op: "compound_transfer",
    partner: sender.partner,
    key,
    fingerprint: key === null ? 0 : fingerprintOf(sender.method, sender.path, canonicalTerms(terms)),
    ...terms,
    vnode: homeVnodeOf(sender.partner, first.debit, first.credit, key),
  };
}

/** Fingerprint text. It starts with a nested list, so it never equals the text of a plain transfer. */
function canonicalTerms(terms: TransferTerms): string {
  const { available, pending, timeoutMs } = terms;
  const postings = terms.postings.map(({ debit, credit, amount }) => [debit, credit, amount]);
  return canonicalText([postings, available, pending, timeoutMs], terms);
}

/** The same transfer as a compound one, with the same home vnode. */
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
