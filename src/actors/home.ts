/** Where a command belongs: who decides it, and whose its idempotency key is. */
import type { Command } from "./command.ts";
import type { CompoundCommand, Posting } from "./compound-command.ts";
import { keyScope } from "./key-table.ts";
import { homeOwnerOfTransfer, ownerKeyOf, vnodeOf, vnodeOfAccount } from "./routing.ts";
import { parseTransferId } from "./transfer-id.ts";

/** Decided as a whole by the ledger; what else there is may need other shards (`compound.ts`). */
export type PlainCommand = Exclude<Command, CompoundCommand>;

export function isPlain(command: Command): command is PlainCommand {
  return !COMPOUND.has(command.op);
}

const COMPOUND: ReadonlySet<Command["op"]> = new Set<CompoundCommand["op"]>([
  "compound_transfer",
  "post_transfer",
  "void_transfer",
  "revert_transfer",
  "expire_transfer",
  "reserve",
  "release",
  "portion",
  "tick",
]);

/** The owner key that a command belongs to: with the partner it names the vnode, and the scope of its key. */
export function homeOwnerOf(command: Command): string {
  switch (command.op) {
    case "act":
      return ownerKeyOf(command.act.subject);
    case "transfer":
      if (command.act !== undefined) return ownerKeyOf(command.act.subject);
      return homeOwnerOfTransfer(command.debit, command.credit, command.key);
    case "compound_transfer": {
      if (command.act !== undefined) return ownerKeyOf(command.act.subject);
      const { debit, credit } = command.postings[0] as Posting;
      return homeOwnerOfTransfer(debit, credit, command.key);
    }
    case "post_transfer":
    case "void_transfer":
    case "revert_transfer":
      // No account has such an owner: what is done to a transfer belongs to it alone.
      return `#${command.id}`;
    case "create_account":
    case "update_account":
    case "set_account_status":
      return ownerKeyOf(command.id);
    case "credit":
      return ownerKeyOf(command.credit);
    default:
      // What concerns a partner as a whole has an owner key that no account can have.
      return "";
  }
}

/** The vnode that decides a command. */
export function vnodeOfCommand(command: Command): number {
  switch (command.op) {
    case "transfer":
    case "compound_transfer":
    case "revert_transfer":
      return command.vnode;
    case "post_transfer":
    case "void_transfer":
      return parseTransferId(command.id)?.vnode ?? 0;
    case "act":
      return command.act.vnode ?? vnodeOfAccount(command.partner, command.act.subject);
    default:
      return vnodeOf(command.partner, homeOwnerOf(command));
  }
}

/** Whether the two were asked for by one partner, with one key of one scope. A hash of these may be shared by chance. */
export function haveSameKey(a: Command, b: Command): boolean {
  if (a.op !== b.op || a.partner !== b.partner || a.key !== b.key) return false;
  return homeOwnerOf(a) === homeOwnerOf(b);
}

/** The scope of a command's key: with it, the key names one record. */
export function scopeOf(command: Command, key: string): string {
  return keyScope(command.partner, homeOwnerOf(command), key);
}
