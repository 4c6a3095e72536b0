/** Packs the transfers of a batch into pieces for the shards that decide them. */
import { HomeFinder, shardOfVnode } from "../../actors/ledger/routing.ts";
import { type CommandWriter, readCommands } from "../../actors/records/codec.ts";
import type { Command, Transfer } from "../../actors/records/command.ts";
import type { CompoundTransfer } from "../../actors/records/compound-command.ts";
import type {
  PackedPiece,
  PackedTransfers,
  ReadTransfers,
  Transfers,
} from "../../actors/records/packed-transfers.ts";
import { RANGES, type ScannedTransfers } from "../../actors/records/scanned-transfers.ts";
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
    this.#added(place, costOfCommand(item));
  }

  addScanned(scanned: ScannedTransfers, place: number, vnode: number): void {
    this.#writer.addScanned(scanned, place, vnode);
    this.#added(place, 1);
  }

  #added(place: number, cost: number): void {
    this.#places.push(place);
    this.#cost += cost;
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
export function packTransfers(read: ReadTransfers, writers: readonly CommandWriter[]): PackedTransfers {
  const shards = writers.map((writer) => new ShardPieces(writer));
  const { partner, count } =
    "source" in read
      ? addScanned(shards, read)
      : { partner: read[0]?.partner ?? "", count: addAll(shards, read) };
  for (const pieces of shards) pieces.close();
  return { partner, count, byShard: shards.map(({ closed }) => closed) };
}

function addAll(shards: readonly ShardPieces[], items: readonly Item[]): number {
  for (const [place, item] of items.entries())
    shards[shardOfVnode(item.vnode, shards.length)]?.add(item, place);
  return items.length;
}

function addScanned(shards: readonly ShardPieces[], scanned: ScannedTransfers): ScannedTransfers {
  const { partner, source, count, ranges } = scanned;
  const finder = new HomeFinder(partner);
  for (let place = 0; place < count; place++) {
    const at = RANGES * place;
    const [debit, debitEnd] = [ranges[at] as number, ranges[at + 1] as number];
    const vnode = finder.homeOf(source, debit, debitEnd, ranges[at + 2] as number, ranges[at + 3] as number);
    shards[shardOfVnode(vnode, shards.length)]?.addScanned(scanned, place, vnode);
  }
  return scanned;
}

/** The transfers as objects, in order. In slices of the partner. @param writers as in `packTransfers`. */
export async function itemsOf(
  transfers: Transfers,
  writers: readonly CommandWriter[],
): Promise<readonly Item[]> {
  if (!("count" in transfers)) return transfers;
  const { partner, count, byShard } = "byShard" in transfers ? transfers : packTransfers(transfers, writers);
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
