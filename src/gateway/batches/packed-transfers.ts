/** Packs the transfers of a batch into pieces for the shards that decide them. */
import { shardOfVnode } from "../../actors/ledger/routing.ts";
import { type CommandWriter, readCommands } from "../../actors/records/codec.ts";
import type { Command, Transfer } from "../../actors/records/command.ts";
import type { CompoundTransfer } from "../../actors/records/compound-command.ts";
import type { PackedPiece, PackedTransfers } from "../../actors/records/packed-transfers.ts";
import { assert } from "../../errors/assert.ts";
import { costOfCommand } from "../shard-link/costs.ts";
import { workSlices } from "../work-slices.ts";

type Item = Transfer | CompoundTransfer;

/** A piece ends at this cost or size, so that a message has room for pieces of other partners. */
const PIECE_COST = 512;
const PIECE_BYTES = 256 * 1024;

/** The pieces of one shard; the last one is open. */
class ShardPieces {
  readonly closed: PackedPiece[] = [];
  readonly #writer: CommandWriter;
  #places: number[] = [];
  #cost = 0;

  constructor(writer: CommandWriter) {
    this.#writer = writer;
  }

  add(item: Item, place: number): void {
    this.#writer.add(item);
    this.#places.push(place);
    this.#cost += costOfCommand(item);
    if (this.#cost >= PIECE_COST || this.#writer.bytes >= PIECE_BYTES) this.close();
  }

  close(): void {
    const places = this.#places;
    if (places.length === 0) return;
    this.closed.push({ packed: this.#writer.take(), count: places.length, cost: this.#cost, places });
    this.#places = [];
    this.#cost = 0;
  }
}

/** @param writers one for each shard; empty before and after. */
export function packTransfers(items: readonly Item[], writers: readonly CommandWriter[]): PackedTransfers {
  const shards = writers.map((writer) => new ShardPieces(writer));
  for (const [place, item] of items.entries())
    shards[shardOfVnode(item.vnode, shards.length)]?.add(item, place);
  for (const pieces of shards) pieces.close();
  const partner = items[0]?.partner ?? "";
  return { partner, count: items.length, byShard: shards.map(({ closed }) => closed) };
}

/** In slices of the partner. */
export async function unpackTransfers({
  partner,
  count,
  byShard,
}: PackedTransfers): Promise<readonly Item[]> {
  const items = new Array<Item>(count);
  for (const { packed, places } of byShard.flat()) {
    if (workSlices.isOver) await workSlices.next(partner);
    let index = 0;
    readCommands(packed, (command) => {
      const place = places[index++];
      assert(place !== undefined && isItem(command), "a piece has the transfers of its places");
      items[place] = command;
    });
  }
  return items;
}

function isItem(command: Command): command is Item {
  return command.op === "transfer" || command.op === "compound_transfer";
}
