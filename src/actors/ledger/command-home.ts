/** Which vnode decides a command, and which owner key its idempotency key belongs to. */
import { assert } from "../../errors/assert.ts";
import { keyScope } from "../idempotency/key-table.ts";
import type { Command } from "../records/command.ts";
import type { CompoundCommand, Origin, Posting, TransferView } from "../records/compound-command.ts";
import { homeOwnerOfTransfer, ownerKeyOf, vnodeOf, vnodeOfAccount } from "./routing.ts";
import { parseTransferId } from "./transfer-id.ts";

/** Commands that one shard decides alone. The others may need other shards (`compound.ts`). */
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

/** A command's owner key. With the partner it determines the command's vnode and the scope of its idempotency key. */
export function homeOwnerOf(command: Command): string {
  switch (command.op) {
    case "act":
      return ownerKeyOf(command.act.subject);
    case "transfer":
      if (command.act !== undefined) return ownerKeyOf(command.act.subject);
      return homeOwnerOfTransfer(command.debit, command.credit, command.key);
    case "compound_transfer": {
      if (command.act !== undefined) return ownerKeyOf(command.act.subject);
      const { debit, credit } = postingAt(command.postings, 0);
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
      // Commands about a partner as a whole use the empty owner key, which no account has.
      return "";
  }
}

/** A transfer's fixed facts. A post may change the credit account but not the debit account, so they never change. */
export function originOf({ postings, act }: Pick<TransferView, "postings" | "act">): Origin {
  const { debit, credit } = postingAt(postings, 0);
  return { owner: homeOwnerOfTransfer(debit, credit, null), act: act ?? null };
}

/**
 * The owner key that decides a revert: that of the account that the revert debits first. For a programme's transfer
 * it is that of the act's subject, because a post may have changed the credit account.
 */
export function revertOwnerOf({ postings, act }: Pick<TransferView, "postings" | "act">): string {
  if (act !== undefined) return ownerKeyOf(act.subject);
  const { debit, credit } = postingAt(postings, -1);
  return homeOwnerOfTransfer(credit, debit, null);
}

function postingAt(postings: readonly Posting[], index: 0 | -1): Posting {
  const posting = postings.at(index);
  assert(posting !== undefined, "a transfer has a posting");
  return posting;
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
 * Whether a recorded command has the same op, partner, idempotency key and key scope as another one. Needed because the
 * key table compares only hashes of scopes, which may collide.
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

/** The owner key that older records used for posts, voids and reverts. No account has such an owner key. */
function legacyTransferOwner(id: string): string {
  return `#${id}`;
}

/** The owner key under which an older record of the same command stored its idempotency key, if it differs. */
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

/** The scope under which an older record of the same command stored its idempotency key, if it differs. */
export function legacyScopeOf(command: Command, key: string): string | undefined {
  const owner = legacyOwnerOf(command);
  return owner === undefined ? undefined : keyScope(command.partner, owner, key);
}

/** The second scope of the command's idempotency key, if it has one: see `Act.aliasOwner`. */
export function aliasScopeOf(command: Command, key: string): string | undefined {
  const owner = aliasOwnerOf(command);
  return owner === undefined ? undefined : keyScope(command.partner, owner, key);
}

/** The scope of a command's idempotency key. Within it, a key identifies one record. */
export function scopeOf(command: Command, key: string): string {
  return keyScope(command.partner, homeOwnerOf(command), key);
}
