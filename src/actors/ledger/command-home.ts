/** Where a command belongs: who decides it, and whose its idempotency key is. */
import { keyScope } from "../idempotency/key-table.ts";
import type { Command } from "../records/command.ts";
import type { CompoundCommand, Origin, Posting, TransferView } from "../records/compound-command.ts";
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
      return command.owner ?? legacyTransferOwner(command.id);
    case "tick":
      return command.owner ?? "";
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

/** A post may name another credit account, but never another debit account, so this never changes. */
export function originOf({ postings, act }: Pick<TransferView, "postings" | "act">): Origin {
  const { debit, credit } = postings[0] as Posting;
  return { owner: homeOwnerOfTransfer(debit, credit, null), act: act ?? null };
}

/**
 * The owner key that decides a revert: of the account whose money goes back first. Of a programme's transfer it is the act's
 * subject, because a post may name another credit account.
 */
export function wayBackOwnerOf({ postings, act }: Pick<TransferView, "postings" | "act">): string {
  if (act !== undefined) return ownerKeyOf(act.subject);
  const { debit, credit } = postings.at(-1) as Posting;
  return homeOwnerOfTransfer(credit, debit, null);
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
    case "tick":
      return command.vnode ?? vnodeOf(command.partner, homeOwnerOf(command));
    case "act":
      return command.act.vnode ?? vnodeOfAccount(command.partner, command.act.subject);
    default:
      return vnodeOf(command.partner, homeOwnerOf(command));
  }
}

/**
 * Whether a record's command and another one were asked for by one partner, with one key of one scope. A hash of these may
 * be shared by chance.
 */
export function haveSameKey(recorded: Command, command: Command): boolean {
  const { op, partner, key } = recorded;
  if (op !== command.op || partner !== command.partner || key !== command.key) return false;
  return isKeyOf(recorded, homeOwnerOf(command)) || homeOwnerOf(recorded) === legacyOwnerOf(command);
}

/** Whether the command's key is stored under this owner key. */
export function isKeyOf(command: Command, owner: string): boolean {
  return homeOwnerOf(command) === owner || aliasOwnerOf(command) === owner;
}

/** No account has such an owner key. */
function legacyTransferOwner(id: string): string {
  return `#${id}`;
}

/** In older records the key of a post, void or revert belongs to the transfer itself. */
function legacyOwnerOf(command: Command): string | undefined {
  switch (command.op) {
    case "post_transfer":
    case "void_transfer":
    case "revert_transfer":
      return command.owner === undefined ? undefined : legacyTransferOwner(command.id);
    default:
      return undefined;
  }
}

function aliasOwnerOf(command: Command): string | undefined {
  return command.op === "act" || command.op === "transfer" ? command.act?.aliasOwner : undefined;
}

/** The scope that an older record gave the key of such a command. */
export function legacyScopeOf(command: Command, key: string): string | undefined {
  const owner = legacyOwnerOf(command);
  return owner === undefined ? undefined : keyScope(command.partner, owner, key);
}

/** A second scope of the command's key: see `Act.aliasOwner`. */
export function aliasScopeOf(command: Command, key: string): string | undefined {
  const owner = aliasOwnerOf(command);
  return owner === undefined ? undefined : keyScope(command.partner, owner, key);
}

/** The scope of a command's key: with it, the key names one record. */
export function scopeOf(command: Command, key: string): string {
  return keyScope(command.partner, homeOwnerOf(command), key);
}
