/** The monitors that a record crosses. They are part of its outcome, so that no replay decides them again. */
import type { Command, Recorded } from "../records/command.ts";
import { changesOf } from "../records/record-views.ts";
import type { LedgerState } from "./ledger-state.ts";

/** Adds its crossings to an outcome. To be called when it is decided and before it is applied. */
export function withCrossings<O extends Recorded>(
  { programmes, books }: LedgerState,
  command: Command,
  outcome: O,
): O {
  const { partner } = command;
  const { monitors } = programmes;
  if (!outcome.ok || !monitors.watches(partner)) return outcome;
  const accounts = books.get(partner)?.accounts;
  const changes = changesOf({ command, outcome });
  const crossed = monitors.crossingsBy(partner, changes, (account) => accounts?.get(account));
  return crossed.length === 0 ? outcome : { ...outcome, crossed };
}
