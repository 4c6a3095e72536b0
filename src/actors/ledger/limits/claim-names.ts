/** Which command takes which name for ever: see claims.ts. Names of different kinds never meet; NUL joins their parts. */
import { claimOfAct } from "../../programmes/programmes.ts";
import type { Act, Seen } from "../../records/act.ts";
import type { Command } from "../../records/command.ts";

/** The name that the command takes once it is accepted; `undefined` for most. */
export function claimOf(command: Command): string | undefined {
  if (command.op === "revert_transfer") return revertClaim(command.id);
  const act = actOf(command);
  return act === undefined ? undefined : claimOfAct(command.partner, act);
}

/** A transfer is reverted once. */
export function revertClaim(transfer: string): string {
  return `revert\0${transfer}`;
}

/** What the archive has said of the name, if it was asked. */
export function seenOf(command: Command): Seen | undefined {
  return command.op === "revert_transfer" ? command.seen : actOf(command)?.seen;
}

/** The command with what the archive has said. */
export function withSeen<C extends Command>(command: C, seen: Seen): C {
  if (command.op === "revert_transfer") return { ...command, seen };
  const act = actOf(command);
  return act === undefined ? command : { ...command, act: { ...act, seen } };
}

function actOf(command: Command): Act | undefined {
  return "act" in command ? command.act : undefined;
}
