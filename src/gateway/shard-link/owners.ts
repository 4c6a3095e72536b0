/**
 * Within a partner, whose turn a request takes. Most partners are served as a whole. One that hosts many others is not: the
 * platform tenant its wallet users, and any partner its sellers.
 */
import { homeOwnerOf } from "../../actors/ledger/command-home.ts";
import { ownerKeyOf } from "../../actors/ledger/routing.ts";
import { parseTransferId } from "../../actors/ledger/transfer-id.ts";
import { creditAccount } from "../../actors/programmes/topup/acts.ts";
import { PLATFORM_TENANT } from "../../actors/programmes/wallet/acts.ts";
import type { Command } from "../../actors/records/command.ts";
import type { Query } from "../../workers/shard/messages.ts";

/** The owner of what concerns a partner as a whole. */
export const WHOLE = "";

/**
 * The owner of a partner's batches: they are in turn with its single requests, and what is bounded of batches alone holds up
 * none of those.
 */
export const BATCHES = "#batches";

const SELLERS = creditAccount("");

/** Whose turn it takes to decide a command, within its partner. */
export function flowOwnerOf(command: Command): string {
  if (command.partner === PLATFORM_TENANT) return homeOwnerOf(command);
  const act = "act" in command ? command.act : undefined;
  return act?.programme === "topup" ? ownerKeyOf(act.subject) : WHOLE;
}

/** The same of a read about one account, or another subject. */
export function flowOwnerOfSubject(partner: string, subject: string): string {
  return partner === PLATFORM_TENANT || subject.startsWith(SELLERS) ? ownerKeyOf(subject) : WHOLE;
}

/** The same of a question to a shard. */
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

/** The same of a transfer that is known by its id alone: its vnode is that of its wallet, and of few others. */
export function ownerOfTransfer(partner: string, id: string): string {
  return partner === PLATFORM_TENANT ? `#${parseTransferId(id)?.vnode}` : WHOLE;
}
