/** A transfer as clients see it: built here alone, so that live answers, repeats and reads agree. */
import { z } from "@hono/zod-openapi";
import type { Transfer, TransferPosted } from "../actors/command.ts";
import { isSystemAccount } from "../actors/routing.ts";
import { Balance, timeTextOf } from "./fields.ts";
import { Posting } from "./transfer-request.ts";

/** What a transfer's own record and that of its credit on another shard both say. */
type Asked = Pick<Transfer, "debit" | "credit" | "amount" | "memo" | "metadata" | "occurredAtMs">;

/**
 * JSON text without the closing brace. Account and transfer ids need no escaping, by what ids may consist of; metadata
 * is canonical JSON already.
 */
function members(asked: Asked, id: string, timeMs: number): string {
  const { debit, credit, amount, memo, metadata, occurredAtMs } = asked;
  return (
    `{"id":"${id}","status":"posted",` +
    `"postings":[{"debit_account":"${debit}","credit_account":"${credit}","amount":${amount}}],` +
    `"posted_amount":${amount},"memo":${memo === null ? "null" : JSON.stringify(memo)},` +
    `"metadata":${metadata ?? "{}"},` +
    (occurredAtMs === null ? "" : `"occurred_at":"${timeTextOf(occurredAtMs)}",`) +
    `"created_at":"${timeTextOf(timeMs)}"`
  );
}

export function transferJson(asked: Asked, id: string, timeMs: number): string {
  return `${members(asked, id, timeMs)}}`;
}

function balanceJson(account: string, posted: number, held: number, seq: number): string {
  return `"${account}":{"posted":${posted},"held":${held},"available":${posted - held},"seq":${seq}}`;
}

/** With the balances of the accounts it touched; a system account's slice would say nothing to anybody. */
export function transferWithBalancesJson(command: Transfer, outcome: TransferPosted, timeMs: number): string {
  const { debit, credit } = command;
  const ofDebit = isSystemAccount(debit)
    ? ""
    : balanceJson(debit, outcome.debitPosted, outcome.debitHeld, outcome.debitSeq);
  const ofCredit = isSystemAccount(credit)
    ? ""
    : balanceJson(credit, outcome.creditPosted, outcome.creditHeld, outcome.creditSeq);
  const comma = ofDebit !== "" && ofCredit !== "" ? "," : "";
  return `${members(command, outcome.id, timeMs)},"balances":{${ofDebit}${comma}${ofCredit}}}`;
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

const fields = {
  id: z.string(),
  status: z.enum(["posted", "pending", "voided", "expired"]),
  postings: z.array(Posting),
  posted_amount: z.int(),
  memo: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  expires_at: z.iso.datetime().optional(),
  occurred_at: z.iso.datetime().optional(),
  created_at: z.iso.datetime(),
  reverts: z.string().optional(),
  reverted_by: z.string().optional(),
};

export const TransferSchema = z.object(fields).openapi("Transfer", { example: TRANSFER_EXAMPLE });

export const TransferWithBalances = z
  .object({
    ...fields,
    balances: z.record(
      z.string(),
      z.object({ posted: Balance, held: Balance, available: Balance, seq: z.int() }),
    ),
  })
  .openapi("TransferWithBalances", {
    example: {
      ...TRANSFER_EXAMPLE,
      balances: { "alice/points": { posted: 2500, held: 0, available: 2500, seq: 1 } },
    },
  });
