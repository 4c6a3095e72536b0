/**
 * Says which records put a transfer on which accounts' lists. An account's list shows each transfer once, at the
 * position of the first record of the transfer's home shard, whose time is the transfer's `created_at`.
 *
 * The accounts of a plain transfer are indexed by their entries in that record. Only an account on another shard
 * needs an additional index entry, since its own entry is in a later record of that shard.
 */
import type { LogRecord } from "../../actors/records/command.ts";
import type { Posting } from "../../actors/records/compound-command.ts";

/** Accounts on whose lists this record puts a transfer, except those listed by their entry of a plain transfer. */
export function accountsListing({ command, outcome }: LogRecord): readonly string[] {
  if (!outcome.ok) return [];
  switch (command.op) {
    case "transfer":
      return "to" in outcome ? [command.credit] : [];
    case "compound_transfer":
    case "revert_transfer":
      return "transfer" in outcome ? accountsOf(outcome.transfer.postings) : [];
    case "post_transfer":
      // A capture to another account than the hold named: that account is new to the transfer.
      return command.credit !== undefined && "part" in outcome && outcome.part === 0 ? [command.credit] : [];
    default:
      return [];
  }
}

function accountsOf(postings: readonly Posting[]): readonly string[] {
  return [...new Set(postings.flatMap(({ debit, credit }) => [debit, credit]))];
}
