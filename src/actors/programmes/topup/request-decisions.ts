/** Decisions on credit requests. */
import { assert } from "../../../errors/assert.ts";
import { BALANCE_MAX } from "../../ledger/account.ts";
import { reject } from "../../records/command.ts";
import type { Decision, DecisionContext } from "../programme.ts";
import type { TopupAct, TopupEffect } from "./acts.ts";
import { type CreditRequest, requestView, type Seller, type TopupState } from "./topup-state.ts";

const ACCEPTED = { ok: true, effect: null } as const;

/** A decision on a credit request, by the partner or, as a withdrawal, by the seller. */
export function decideRequest(
  state: TopupState,
  seller: Seller,
  act: TopupAct<"approve" | "reject" | "withdraw_request">,
  { nowMs }: DecisionContext,
): Decision<TopupEffect<"approve">, never> {
  const request = state.requests.get(act.request);
  if (request === undefined) return reject("credit_request_not_found", act.request);
  if (request.decision !== undefined) return reject("already_decided", act.request);
  const isApproved = act.act === "approve";
  if (isApproved && request.requestedBy === act.by) return reject("approver_is_requester", act.request);
  const reason = act.act === "reject" ? act.reason : null;
  const isWithdrawn = act.act === "withdraw_request";
  const decision = { isApproved, by: act.by, atMs: nowMs, reason, isWithdrawn };
  const decided = { ok: true, effect: { decided: requestView({ ...request, decision }) } } as const;
  if (!isApproved) return decided;
  assert(request.amount === act.amount, "a request is approved with its own amount");
  const increase = act.amount > 0 ? decideIncrease(seller, act.amount) : ACCEPTED;
  return increase.ok ? decided : increase;
}

/** An increase of credit must leave the sum of all increases in range. */
export function decideIncrease({ id, credited }: Seller, amount: number): Decision<null, never> {
  return credited + amount > BALANCE_MAX ? reject("balance_out_of_range", id) : ACCEPTED;
}

export function requestOf(state: TopupState, id: string): CreditRequest {
  const request = state.requests.get(id);
  assert(request !== undefined, "a decided request exists");
  return request;
}
