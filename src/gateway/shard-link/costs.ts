/** What requests cost: time, by which they are served in turn, and room, of which each partner has a share. */
import type { Command } from "../../actors/records/command.ts";
import { type Query, REQUEST, type Request } from "../../workers/shard/messages.ts";

const CREDIT_BYTES = 2048;
/** A posting of several takes about as long as eight transfers of one: it may need other shards, and its record is larger. */
const POSTING_OF_SEVERAL = 8;

/** What it costs to decide a command; a transfer of one posting is 1. */
export function costOfCommand(command: Command): number {
  if (command.op === "compound_transfer") return POSTING_OF_SEVERAL * command.postings.length;
  if (command.op !== "revert_transfer") return 1;
  return POSTING_OF_SEVERAL * (command.original?.postings.length ?? 1);
}

/** What a request takes of the room at its shard. */
export function creditsOf(commands: number, packed: Uint8Array): number {
  return commands + Math.floor(packed.length / CREDIT_BYTES);
}

/** Nobody knows what became of it when its shard ends. */
export function isChange([, kind]: Request): boolean {
  return kind === REQUEST.command || kind === REQUEST.transfers;
}

/** Of what is packed of a request. */
export function bytesOf(request: Request): number {
  const packed = request[2];
  return packed instanceof Uint8Array ? packed.length : 0;
}

/** As much as is looked up. */
export function costOfQuery(query: Query): number {
  switch (query[0]) {
    case "accounts":
    case "reverts":
      return query[1].length;
    case "account_copies":
      return query[1][0].length + query[1][1].length;
    case "capture":
      return query[2].length;
    default:
      return 1;
  }
}
