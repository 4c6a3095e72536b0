/**
 * The owner of a request, for fair scheduling within a partner. Most partners are one flow. A partner that hosts
 * others is divided: the tenant of a programme by user, any partner by the callers that share it, such as sellers.
 */
import { homeOwnerOf } from "../../actors/ledger/command-home.ts";
import { ownerKeyOf } from "../../actors/ledger/routing.ts";
import { parseTransferId } from "../../actors/ledger/transfer-id.ts";
import { isOfCaller, isTenant } from "../../actors/programmes/programmes.ts";
import type { Command } from "../../actors/records/command.ts";
import type { Query } from "../../workers/shard/messages.ts";

/** The owner of requests that concern a partner as a whole. */
export const WHOLE = "";

/**
 * The owner of a partner's batches. As a flow of their own they alternate with its single requests, and the limit
 * on batches in flight does not delay those.
 */
export const BATCHES = "#batches";

export function flowOwnerOf(command: Command): string {
  if (isTenant(command.partner)) return homeOwnerOf(command);
  const act = "act" in command ? command.act : undefined;
  return act === undefined ? WHOLE : flowOwnerOfSubject(command.partner, act.subject);
}

/** The owner of a read about one account or another subject. */
export function flowOwnerOfSubject(partner: string, subject: string): string {
  return isOfCaller(partner, subject) ? ownerKeyOf(subject) : WHOLE;
}

/** The owner of a query to a shard. */
export function ownerOfQuery(partner: string, query: Query): string {
  switch (query[0]) {
    case "account":
    case "system_account":
      return flowOwnerOfSubject(partner, query[1]);
    case "accounts":
      return flowOwnerOfSubject(partner, query[1][0] ?? "");
    case "tick":
    case "programme":
      return flowOwnerOfSubject(partner, query[2] ?? "");
    case "first":
      return flowOwnerOfSubject(partner, query[1]);
    case "transfer":
    case "origin":
      return ownerOfTransfer(partner, query[1]);
    default:
      return WHOLE;
  }
}

/** The owner of a read of one transfer. Its id does not name the owner; the vnode in it is shared by few owners. */
export function ownerOfTransfer(partner: string, id: string): string {
  return isTenant(partner) ? `#${parseTransferId(id)?.vnode}` : WHOLE;
}
