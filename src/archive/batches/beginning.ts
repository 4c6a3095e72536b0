/**
 * In whose lists a transfer begins with which record. The list of an account's transfers shows each once, by the home's
 * first record of it, whose time is the transfer's `created_at`: so both sides see it from the start, on every shard.
 *
 * A plain transfer begins with the entries that its record makes, so the index needs nothing more of it: except of an
 * account on another shard, whose own entry is of another record, and later.
 */
import type { LogRecord } from "../../actors/records/command.ts";
import type { Posting } from "../../actors/records/compound-command.ts";

/** Accounts in whose lists a transfer begins with this record, beside those whose plain entry says so. */
export function listedBy({ command, outcome }: LogRecord): readonly string[] {
  if (!outcome.ok) return [];
  switch (command.op) {
    case "transfer":
      return "to" in outcome ? [command.credit] : [];
    case "compound_transfer":
    case "revert_transfer":
      return "transfer" in outcome ? accountsOf(outcome.transfer.postings) : [];
    case "post_transfer":
      // Who is credited in place of the one that was named first: before, nobody knew.
      return command.credit !== undefined && "part" in outcome && outcome.part === 0 ? [command.credit] : [];
    default:
      return [];
  }
}

function accountsOf(postings: readonly Posting[]): readonly string[] {
  return [...new Set(postings.flatMap(({ debit, credit }) => [debit, credit]))];
}
