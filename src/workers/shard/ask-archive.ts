import type { CompoundState } from "../../actors/ledger/transfers/compound-state.ts";
import type { Command } from "../../actors/records/command.ts";
import { ASK_ARCHIVE, type AskArchive, REFUSED } from "./messages.ts";

/** Set if the command cannot be decided before the archive is asked whether its name is taken; see claims.ts. */
export function askArchive(state: CompoundState, command: Command): AskArchive | undefined {
  const upTo = state.uncertainUpTo(command);
  return upTo && [REFUSED, ASK_ARCHIVE, upTo.epoch, upTo.seq];
}
