/** JSON and schemas of transfers. Answers to writes, replays and reads all use them, so they agree. */
import { z } from "@hono/zod-openapi";
import { isSystemAccount } from "../../../actors/ledger/routing.ts";
import type { Transfer, TransferPosted } from "../../../actors/records/command.ts";
import type {
  ExpiredTransfer,
  Move,
  Posting,
  TransferChanged,
  TransferView,
} from "../../../actors/records/compound-command.ts";
import type { TransferRow } from "../../../gateway/ports.ts";
import { Balance, timeTextOf } from "../../input/fields.ts";
import { answerDetails, detailsJson } from "./transfer-details.ts";
import { Posting as PostingSchema } from "./transfer-schema.ts";

/**
 * The JSON text is built by hand. Ids of accounts and transfers contain no characters that need escaping; metadata
 * is canonical JSON already.
 */

function postingJson(debit: string, credit: string, amount: number): string {
  return `{"debit_account":"${debit}","credit_account":"${credit}","amount":${amount}}`;
}

function balanceJson(account: string, posted: number, held: number, seq: number): string {
  return `"${account}":{"posted":${posted},"held":${held},"available":${posted - held},"seq":${seq}}`;
}

/** A posted transfer, with the balances of its accounts; not of system accounts, whose slices are internal. */
export function postedJson(command: Transfer, outcome: TransferPosted, timeMs: number): string {
  const { debit, credit, amount } = command;
  const debitBalance = isSystemAccount(debit)
    ? ""
    : balanceJson(debit, outcome.debitPosted, outcome.debitHeld, outcome.debitSeq);
  const creditBalance = isSystemAccount(credit)
    ? ""
    : balanceJson(credit, outcome.creditPosted, outcome.creditHeld, outcome.creditSeq);
  const comma = debitBalance !== "" && creditBalance !== "" ? "," : "";
  return (
    `{"id":"${outcome.id}","status":"posted","postings":[${postingJson(debit, credit, amount)}],` +
    `"posted_amount":${amount},${detailsJson(command)}"created_at":"${timeTextOf(timeMs)}","balances":{${debitBalance}${comma}${creditBalance}}}`
  );
}

/** Without brackets. */
export function postingsJson(postings: readonly Posting[]): string {
  return postings.map(({ debit, credit, amount }) => postingJson(debit, credit, amount)).join(",");
}

/** The reference of a movement of points. */
function referenceJson({ act }: TransferView): string {
  if (act?.programme !== "loyalty" || !("reference" in act)) return "";
  return `"reference":${JSON.stringify(act.reference)},`;
}

/** The members without braces. A dry run has no id. */
function members(view: TransferView): string {
  const { id, status, postings, postedAmount, createdAtMs, expiresAtMs } = view;
  return (
    (id === "" ? "" : `"id":"${id}",`) +
    `"status":"${status}","postings":[${postingsJson(postings)}],"posted_amount":${postedAmount},` +
    referenceJson(view) +
    detailsJson(view, expiresAtMs === null ? "" : `"expires_at":"${timeTextOf(expiresAtMs)}",`) +
    `"created_at":"${timeTextOf(createdAtMs)}"` +
    (view.reverts === null ? "" : `,"reverts":"${view.reverts}"`)
  );
}

export function transferJson(row: TransferRow): string {
  const revertedBy = row.revertedBy === null ? "" : `,"reverted_by":"${row.revertedBy}"`;
  return `{${members(row)}${revertedBy}}`;
}

/** A transfer as its record of expiry has it: without memo and metadata. */
export function expiredJson({ id, status, postings, postedAmount, createdAtMs }: ExpiredTransfer): string {
  return (
    `{"id":"${id}","status":"${status}","postings":[${postingsJson(postings)}],"posted_amount":${postedAmount},` +
    `"created_at":"${timeTextOf(createdAtMs)}"}`
  );
}

/** Balances of each account after its last move. */
function balancesJson(moves: readonly Move[]): string {
  const last = new Map<string, Move>();
  for (const move of moves) {
    if (isSystemAccount(move.account)) continue;
    const before = last.get(move.account);
    // A move that changes only `held` has the same `seq` as the entry before it.
    if (before === undefined || move.seq >= before.seq) last.set(move.account, move);
  }
  return Array.from(last.values(), ({ account, posted, held, seq }) =>
    balanceJson(account, posted, held, seq),
  ).join(",");
}

export function changedJson({ transfer, moves }: TransferChanged): string {
  return `{${members(transfer)},"balances":{${balancesJson(moves)}}}`;
}

const TRANSFER_EXAMPLE = {
  id: "tr_0a11001",
  status: "posted",
  postings: [{ debit_account: "@issuance", credit_account: "alice/points", amount: 2500 }],
  posted_amount: 2500,
  memo: "order 1017",
  metadata: {},
  created_at: "2026-11-20T10:00:00.000Z",
};

/** `occurred_at` comes later in the OpenAPI document. */
const { occurred_at, ...otherDetails } = answerDetails;
const fields = {
  status: z.enum(["posted", "pending", "voided", "expired"]),
  postings: z.array(PostingSchema),
  reference: z.string().optional().openapi({ description: "Only of movements of loyalty points." }),
  posted_amount: z.int().openapi({ description: "The amount posted so far, summed over all postings." }),
  ...otherDetails,
  expires_at: z.iso
    .datetime()
    .optional()
    .openapi({ description: "Only if it was created pending with `timeout_s`." }),
  occurred_at,
  created_at: z.iso.datetime(),
  reverts: z.string().optional().openapi({ description: "Id of the transfer that this one reverts." }),
};

const id = z.string();
const revertedBy = z
  .string()
  .optional()
  .openapi({ description: "Id of the transfer that reverted this one." });

export const TransferSchema = z
  .object({ id, ...fields, reverted_by: revertedBy })
  .openapi("Transfer", { example: TRANSFER_EXAMPLE });

const balances = z
  .record(z.string(), z.object({ posted: Balance, held: Balance, available: Balance, seq: z.int() }))
  .openapi({ description: "Balances by account, without system accounts." });
const BALANCES_EXAMPLE = { "alice/points": { posted: 2500, held: 0, available: 2500, seq: 1 } };

export const TransferWithBalances = z
  .object({ id, ...fields, balances })
  .openapi("TransferWithBalances", { example: { ...TRANSFER_EXAMPLE, balances: BALANCES_EXAMPLE } });

export const DryRun = z.object({ ...fields, balances }).openapi("DryRun", {
  description: "The result that the request would have. It has no id, because nothing was created.",
});
