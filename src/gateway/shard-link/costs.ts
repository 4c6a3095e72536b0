/**
 * The cost of requests. `cost`: processing time, for fair scheduling. `credits`: queue room, shared among partners.
 */
import type { Command } from "../../actors/records/command.ts";
import { type Query, REQUEST, type Request } from "../../workers/shard/messages.ts";

const CREDIT_BYTES = 2048;
/**
 * A posting of a compound transfer takes about as long as eight simple transfers: it may involve other shards, and
 * its record is larger.
 */
const COMPOUND_POSTING_COST = 8;

/** Cost of deciding a command. A transfer with one posting costs 1. */
export function costOfCommand(command: Command): number {
  if (command.op === "compound_transfer") return COMPOUND_POSTING_COST * command.postings.length;
  if (command.op !== "revert_transfer") return 1;
  return COMPOUND_POSTING_COST * (command.original?.postings.length ?? 1);
}

/** Credits that a request takes: one for each command, and one for each 2 KiB. */
export function creditsOf(commands: number, packed: Uint8Array): number {
  return commands + Math.floor(packed.length / CREDIT_BYTES);
}

/** A piece of a batch. `cost`: of its postings. */
export type Piece = Readonly<{ packed: Uint8Array; count: number; cost: number }>;

export function creditsOfAll(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { packed, count }) => sum + creditsOf(count, packed), 0);
}

/** Whether the outcome is unknown if the shard stops before it answers. */
export function isChange([, kind]: Request): boolean {
  return kind === REQUEST.command || kind === REQUEST.transfers;
}

/** Size of the packed commands; 0 for a read. */
export function bytesOf(request: Request): number {
  const packed = request[2];
  return packed instanceof Uint8Array ? packed.length : 0;
}

/** Rows of a largest page, rounded up to a power of two, so that sums of costs are exact. */
const PAGE_ROWS = 512;
/** What a read costs besides its rows, in rows. */
const READ_ROWS = 16;

/** The part of a largest page, which costs 1, that a page of so many rows is. */
export function costOfRows(rows: number): number {
  return Math.min(1, (rows + READ_ROWS) / PAGE_ROWS);
}

/** The number of items that are looked up. */
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
