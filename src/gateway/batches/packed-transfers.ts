/** Transfers of a batch, packed and cut into pieces for the shards that decide them. */
import { shardOfVnode } from "../../actors/ledger/routing.ts";
import { type CommandWriter, readCommands } from "../../actors/records/codec.ts";
import type { Transfer } from "../../actors/records/command.ts";
import type { CompoundTransfer } from "../../actors/records/compound-command.ts";
import type { PackedPiece, PackedTransfers } from "../../actors/records/packed-transfers.ts";
import { costOfCommand } from "../shard-link/costs.ts";

type Item = Transfer | CompoundTransfer;

/** A piece ends at so many postings, or bytes: so the next message has room for pieces of others. */
const PIECE_COST = 512;
const PIECE_BYTES = 256 * 1024;

/** @param writers one for each shard; they are empty before and after. */
export function packTransfers(items: readonly Item[], writers: readonly CommandWriter[]): PackedTransfers {
  const open = writers.map(() => ({ places: [] as number[], cost: 0, pieces: [] as PackedPiece[] }));
  const close = (shard: number): void => {
    const there = open[shard] as (typeof open)[number];
    const { places, cost } = there;
    const packed = (writers[shard] as CommandWriter).take();
    there.pieces.push({ packed, count: places.length, cost, places });
    there.places = [];
    there.cost = 0;
  };
  for (let place = 0; place < items.length; place++) {
    const item = items[place] as Item;
    const shard = shardOfVnode(item.vnode, writers.length);
    const there = open[shard] as (typeof open)[number];
    const writer = writers[shard] as CommandWriter;
    writer.add(item);
    there.places.push(place);
    there.cost += costOfCommand(item);
    if (there.cost >= PIECE_COST || writer.bytes >= PIECE_BYTES) close(shard);
  }
  for (const [shard, { places }] of open.entries()) if (places.length > 0) close(shard);
  const partner = items[0]?.partner ?? "";
  return { partner, count: items.length, byShard: open.map(({ pieces }) => pieces) };
}

export function unpackTransfers({ count, byShard }: PackedTransfers): readonly Item[] {
  const items = new Array<Item>(count);
  for (const { packed, places } of byShard.flat()) {
    let no = 0;
    readCommands(packed, (command) => {
      items[places[no++] as number] = command as Item;
    });
  }
  return items;
}
