import type { Command } from "../../actors/records/command.ts";

/** Accounts that a command may debit or change, and the subject that an act's decision depends on. */
export function accountsOf(command: Command): readonly string[] {
  const act = "act" in command ? command.act : undefined;
  const accounts = accountsTakenFrom(command);
  return act === undefined ? accounts : [...accounts, act.subject];
}

function accountsTakenFrom(command: Command): readonly string[] {
  switch (command.op) {
    case "transfer":
      return [command.debit];
    case "compound_transfer":
      return command.postings.map(({ debit }) => debit);
    case "revert_transfer":
      return command.original?.postings.map(({ credit }) => credit) ?? [];
    case "update_account":
    case "set_account_status":
      return [command.id];
    default:
      return [];
  }
}
