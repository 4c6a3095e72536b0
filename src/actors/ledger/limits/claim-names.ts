/** The names that commands claim for ever: see claims.ts. Each kind of name has its own prefix; NUL joins the parts. */
import { claimOfAct } from "../../programmes/programmes.ts";
import type { Act, Seen } from "../../records/act.ts";
import type { Command } from "../../records/command.ts";

/** The name that the command claims when it is accepted; `undefined` for most commands. */
export function claimOf(command: Command): string | undefined {
  if (command.op === "revert_transfer") return revertClaim(command.id);
  const act = actOf(command);
  return act === undefined ? undefined : claimOfAct(command.partner, act);
}

/** The claim of a revert: a transfer can be reverted once. */
export function revertClaim(transfer: string): string {
  return `revert\0${transfer}`;
}

/** The archive's answer about the command's name, if the gateway has asked. */
export function seenOf(command: Command): Seen | undefined {
  return command.op === "revert_transfer" ? command.seen : actOf(command)?.seen;
}

/** The command with the archive's answer added. */
export function withSeen<C extends Command>(command: C, seen: Seen): C {
  if (command.op === "revert_transfer") return { ...command, seen };
  const act = actOf(command);
  return act === undefined ? command : { ...command, act: { ...act, seen } };
}

function actOf(command: Command): Act | undefined {
  return "act" in command ? command.act : undefined;
}
