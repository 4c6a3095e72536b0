/** Packs the transfers of a batch into pieces for the shards that decide them. */
import { shardOfVnode } from "../../actors/ledger/routing.ts";
import { type CommandWriter, readCommands } from "../../actors/records/codec.ts";
import type { Transfer } from "../../actors/records/command.ts";
import type { CompoundTransfer } from "../../actors/records/compound-command.ts";
import type { PackedPiece, PackedTransfers } from "../../actors/records/packed-transfers.ts";
import { costOfCommand } from "../shard-link/costs.ts";
import { workSlices } from "../work-slices.ts";

type Item = Transfer | CompoundTransfer;

/** A piece ends at this cost or size, so that a message has room for pieces of other partners. */
const PIECE_COST = 512;
const PIECE_BYTES = 256 * 1024;

/** @param writers one for each shard; empty before and after. */
export function packTransfers(items: readonly Item[], writers: readonly CommandWriter[]): PackedTransfers {
  const open = writers.map(() => ({ places: [] as number[], cost: 0, pieces: [] as PackedPiece[] }));
  const close = (shard: number): void => {
    const shardBatch = open[shard] as (typeof open)[number];
    const { places, cost } = shardBatch;
    const packed = (writers[shard] as CommandWriter).take();
    shardBatch.pieces.push({ packed, count: places.length, cost, places });
    shardBatch.places = [];
    shardBatch.cost = 0;
  };
  for (let index = 0; index < items.length; index++) {
    const item = items[index] as Item;
    const shard = shardOfVnode(item.vnode, writers.length);
    const shardBatch = open[shard] as (typeof open)[number];
    const writer = writers[shard] as CommandWriter;
    writer.add(item);
    shardBatch.places.push(index);
    shardBatch.cost += costOfCommand(item);
    if (shardBatch.cost >= PIECE_COST || writer.bytes >= PIECE_BYTES) close(shard);
  }
  for (const [shard, { places }] of open.entries()) if (places.length > 0) close(shard);
  const partner = items[0]?.partner ?? "";
  return { partner, count: items.length, byShard: open.map(({ pieces }) => pieces) };
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
      items[places[index++] as number] = command as Item;
    });
  }
  return items;
}
