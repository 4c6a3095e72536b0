/** A batch of transfers, on its way to the shards that decide them: cut into pieces, and its answers put together again. */

import type { Command, Outcome, Transfer } from "../actors/command.ts";
import type { CompoundTransfer } from "../actors/compound-command.ts";
import { haveSameKey } from "../actors/home.ts";
import { rejectionOf } from "../actors/rejection.ts";
import type { Location } from "../archive/query.ts";
import { OperatingError } from "../operating-error.ts";
import { REFUSED, type TransfersReply, type WireItem } from "../shard/messages.ts";
import { compareLogIds, type LogId } from "../wal/wal.ts";
import { costOfCommand } from "./costs.ts";
import { firstRecords } from "./recall.ts";
import { itemCodeOf } from "./refusals.ts";
import { answersOf, locationOf } from "./replies.ts";
import type { Piece, Reached } from "./shard-link.ts";
import { positionText, type Shards } from "./shards.ts";

type Item = Transfer | CompoundTransfer;

export type ItemAnswer = Readonly<{ id: string } | { code: string }>;

/** A piece ends at so many postings, or bytes: so the next message has room for pieces of others. */
const PIECE_COST = 512;
const PIECE_BYTES = 256 * 1024;
/** First records of repeated items that the archive looks up at once. */
const RECORDS_MAX = 256;

/** A piece with the places of its items in the batch. */
type PlacedPiece = Piece & Readonly<{ places: readonly number[] }>;

/**
 * Items on a shard that cannot answer fail alone; when none could be answered the whole batch fails.
 *
 * @throws OperatingError
 */
export async function submitBatch(
  shards: Shards,
  items: readonly Item[],
): Promise<Readonly<{ items: readonly ItemAnswer[]; positions: readonly string[] }>> {
  const answers = new Array<ItemAnswer>(items.length);
  const newest = new Map<number, LogId>();
  const failures = await Promise.all(
    piecesByShard(shards, items).flatMap((pieces, shard) =>
      sent(shards, shard, items[0]?.partner ?? "", pieces).map(async (reaching, i) => {
        const { places } = pieces[i] as PlacedPiece;
        try {
          const reached = await reaching;
          const { answers: wire, credits } = answersOf(reached.result as TransfersReply);
          await fillIn(shards, shard, places, wire, items, answers);
          note(newest, shard, reached.at);
          for (const [there, epoch, seq] of credits) note(newest, there, { epoch, seq });
          return undefined;
        } catch (error) {
          if (!(error instanceof OperatingError)) throw error;
          for (const place of places) answers[place] = { code: error.code };
          return error;
        }
      }),
    ),
  );
  const failed = failures.find((failure) => failure !== undefined);
  if (failed !== undefined && !failures.includes(undefined)) throw failed;
  return { items: answers, positions: [...newest].map(([shard, at]) => positionText(shard, at)) };
}

/** By shard; a shard that decides none of them has none. */
function piecesByShard(shards: Shards, items: readonly Item[]): readonly (readonly PlacedPiece[])[] {
  const open = shards.links.map(() => ({ places: [] as number[], cost: 0, pieces: [] as PlacedPiece[] }));
  const close = (shard: number): void => {
    const there = open[shard] as (typeof open)[number];
    const { places, cost } = there;
    there.pieces.push({ packed: shards.writer(shard).take(), count: places.length, cost, places });
    there.places = [];
    there.cost = 0;
  };
  for (let place = 0; place < items.length; place++) {
    const item = items[place] as Item;
    const shard = shards.ofVnode(item.vnode);
    const there = open[shard] as (typeof open)[number];
    const writer = shards.writer(shard);
    writer.add(item);
    there.places.push(place);
    there.cost += costOfCommand(item);
    if (there.cost >= PIECE_COST || writer.bytes >= PIECE_BYTES) close(shard);
  }
  for (const [shard, { places }] of open.entries()) if (places.length > 0) close(shard);
  return open.map(({ pieces }) => pieces);
}

function sent(
  shards: Shards,
  shard: number,
  partner: string,
  pieces: readonly PlacedPiece[],
): readonly Promise<Reached>[] {
  if (pieces.length === 0) return [];
  try {
    return shards.link(shard).executeAll(partner, pieces);
  } catch (error) {
    return pieces.map(() => Promise.reject(error));
  }
}

/** A shard's answers, put where their items stand. */
async function fillIn(
  shards: Shards,
  shard: number,
  places: readonly number[],
  wire: readonly WireItem[],
  items: readonly Item[],
  answers: ItemAnswer[],
): Promise<void> {
  const replayed: { place: number; at: Location }[] = [];
  for (let i = 0; i < wire.length; i++) {
    const answer = wire[i] as WireItem;
    const place = places[i] as number;
    if (typeof answer === "string") answers[place] = { id: answer };
    else if (typeof answer === "number") answers[place] = { code: rejectionOf(answer) };
    else if (answer[0] === REFUSED) answers[place] = { code: itemCodeOf(answer) };
    else replayed.push({ place, at: locationOf(shard, answer) });
  }
  for (const { place } of replayed) answers[place] = { code: "outcome_unknown" };
  for (let from = 0; from < replayed.length; from += RECORDS_MAX) {
    const some = replayed.slice(from, from + RECORDS_MAX);
    const records = await firstRecords(
      shards,
      some.map(({ at }) => at),
    ).catch(() => []);
    for (const [i, found] of records.entries()) {
      const place = some[i]?.place as number;
      if ("damaged" in found) {
        answers[place] = { code: "archive_damaged" };
        continue;
      }
      const { command, outcome } = found.record as Readonly<{ command: Command; outcome: Outcome<Transfer> }>;
      if (!haveSameKey(command, items[place] as Item)) answers[place] = { code: "idempotency_key_reused" };
      else answers[place] = outcome.ok ? { id: outcome.id } : { code: outcome.code };
    }
  }
}

function note(newest: Map<number, LogId>, shard: number, at: LogId): void {
  const known = newest.get(shard);
  if (known === undefined || compareLogIds(known, at) < 0) newest.set(shard, at);
}
