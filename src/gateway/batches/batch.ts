/** Submits a batch of transfers: sends its pieces to their shards and merges the answers. */

import { haveSameKey } from "../../actors/ledger/command-home.ts";
import { readCommands } from "../../actors/records/codec.ts";
import type { Command } from "../../actors/records/command.ts";
import type { PackedPiece, PackedTransfers } from "../../actors/records/packed-transfers.ts";
import { rejectionOf } from "../../actors/records/rejection.ts";
import type { RecordPosition } from "../../archive/queries/query.ts";
import { assert } from "../../errors/assert.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import { compareLogIds, type LogId } from "../../wal/wal.ts";
import { ASK_ARCHIVE, REFUSED, type TransfersReply, type WireItem } from "../../workers/shard/messages.ts";
import { withArchive } from "../claims.ts";
import type { ItemAnswer } from "../ports.ts";
import { firstRecords } from "../queries/recall.ts";
import { costOfCommand } from "../shard-link/costs.ts";
import type { ShardReply } from "../shard-link/pending.ts";
import { itemCodeOf } from "../shard-link/refusals.ts";
import { answersOf, locationOf } from "../shard-link/replies.ts";
import { positionText, type Shards } from "../shard-link/shards.ts";

/** How many first records of repeated items one archive query looks up. */
const RECORDS_MAX = 256;

type SentPiece = PackedPiece & Readonly<{ shard: number; reply: Promise<ShardReply> }>;
type Answered = Readonly<{ items: readonly ItemAnswer[]; positions: readonly string[] }>;

/**
 * If a shard cannot answer, only its items fail. If no piece was answered, the whole batch fails. It is refused as a whole
 * if it exceeds the partner's share of one shard's queue: a client that sends too much gets no half-done batches. The
 * unpacked items are not kept while the shards decide: there are thousands of them, and the packed pieces hold the same.
 *
 * @throws OperatingError (as a rejection)
 */
export async function submitBatch(
  shards: Shards,
  { partner, count, byShard }: PackedTransfers,
): Promise<Answered> {
  for (const [shard, shardPieces] of byShard.entries())
    if (shardPieces.length > 0) shards.link(shard).checkShare(partner, shardPieces);
  const pieces = byShard.flatMap((shardPieces, shard) => sendPieces(shards, shard, partner, shardPieces));
  return mergeAnswers(shards, partner, pieces, count);
}

async function mergeAnswers(
  shards: Shards,
  partner: string,
  pieces: readonly SentPiece[],
  count: number,
): Promise<Answered> {
  const answers = new Array<ItemAnswer>(count);
  const newest = new Map<number, LogId>();
  const failures = await Promise.all(
    pieces.map(async (piece) => {
      const { shard, places, reply } = piece;
      try {
        const shardReply = await reply;
        const note = (at: LogId, atShard = shard) => noteNewest(newest, atShard, at);
        await takeReply(shards, partner, piece, shardReply, answers, note);
        return undefined;
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        for (const itemIndex of places) answers[itemIndex] = { code: error.code };
        return error;
      }
    }),
  );
  const failed = failures.find((failure) => failure !== undefined);
  if (failed !== undefined && !failures.includes(undefined)) throw failed;
  return { items: answers, positions: [...newest].map(([shard, at]) => positionText(shard, at)) };
}

function sendPieces(
  shards: Shards,
  shard: number,
  partner: string,
  pieces: readonly PackedPiece[],
): readonly SentPiece[] {
  if (pieces.length === 0) return [];
  let reply: readonly Promise<ShardReply>[];
  try {
    reply = shards.link(shard).executeAll(partner, pieces);
  } catch (error) {
    reply = pieces.map(() => Promise.reject(error));
  }
  return pieces.map((piece, i) => ({ ...piece, shard, reply: reply[i] as Promise<ShardReply> }));
}

type Note = (at: LogId, shard?: number) => void;

/** Further tries of items for which the shard has asked the archive; as for single commands. */
const TRIES_MAX = 5;

/** Writes the answers of a piece, and decides the items whose claimed names only the archive knows. */
async function takeReply(
  shards: Shards,
  partner: string,
  piece: SentPiece,
  shardReply: ShardReply,
  answers: ItemAnswer[],
  note: Note,
  tries = 0,
): Promise<void> {
  const { answers: wire, credits } = answersOf(shardReply.result as TransfersReply);
  const uncertain = await writeAnswers(shards, piece, wire, answers);
  note(shardReply.at);
  for (const [creditShard, epoch, seq] of credits) note({ epoch, seq }, creditShard);
  if (uncertain.length === 0) return;
  const { shard, places, packed } = piece;
  const items: Command[] = [];
  readCommands(packed, (command) => items.push(command));
  for (let from = 0; from < uncertain.length; from += RECORDS_MAX) {
    const chunk = uncertain.slice(from, from + RECORDS_MAX);
    const commands = chunk.map(({ index }) => items[index] as Command);
    const again = { shard, count: chunk.length, places: chunk.map(({ index }) => places[index] as number) };
    try {
      if (tries === TRIES_MAX)
        throw new OperatingError(
          "overloaded",
          "the archive is too far behind to check whether the name is taken",
        );
      // The last one has waited for the latest position.
      const { upTo } = chunk.at(-1) as Uncertain;
      const sure = packSeen(shards, shard, await withArchive(shards, { shard, ...upTo }, commands));
      const [reply] = sendPieces(shards, shard, partner, [{ ...sure, ...again }]);
      assert(reply !== undefined, "one piece was sent");
      await takeReply(shards, partner, reply, await reply.reply, answers, note, tries + 1);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      for (const itemIndex of again.places) answers[itemIndex] = { code: error.code };
    }
  }
}

function packSeen(
  shards: Shards,
  shard: number,
  commands: readonly Command[],
): Pick<PackedPiece, "packed" | "cost"> {
  const writer = shards.writer(shard);
  let cost = 0;
  for (const command of commands) {
    writer.add(command);
    cost += costOfCommand(command);
  }
  return { packed: writer.take(), cost };
}

/** An item whose name the shard has forgotten: its index in the piece, and up to where the archive must have read. */
type Uncertain = Readonly<{ index: number; upTo: LogId }>;

/** A repeated item: its index in the piece, and where its first record is in the log. */
type Replayed = Readonly<{ index: number; at: RecordPosition }>;

async function writeAnswers(
  shards: Shards,
  piece: SentPiece,
  wire: readonly WireItem[],
  answers: ItemAnswer[],
): Promise<readonly Uncertain[]> {
  const { shard, places } = piece;
  const replayed: Replayed[] = [];
  const uncertain: Uncertain[] = [];
  for (let index = 0; index < wire.length; index++) {
    const answer = wire[index] as WireItem;
    const itemIndex = places[index] as number;
    if (typeof answer === "string") answers[itemIndex] = { id: answer };
    else if (typeof answer === "number") answers[itemIndex] = { code: rejectionOf(answer) };
    else if (answer[0] === REFUSED && answer[1] === ASK_ARCHIVE)
      uncertain.push({ index, upTo: { epoch: answer[2], seq: answer[3] } });
    else if (answer[0] === REFUSED) answers[itemIndex] = { code: itemCodeOf(answer) };
    else {
      answers[itemIndex] = { code: "outcome_unknown" };
      replayed.push({ index, at: locationOf(shard, answer) });
    }
  }
  if (replayed.length > 0) await recallItems(shards, piece, replayed, answers);
  return uncertain;
}

/**
 * Writes the first answer of each repeated item, or `idempotency_key_reused` if the key stood for another request.
 */
async function recallItems(
  shards: Shards,
  { places, packed }: SentPiece,
  replayed: readonly Replayed[],
  answers: ItemAnswer[],
): Promise<void> {
  const items: Command[] = [];
  readCommands(packed, (command) => items.push(command));
  for (let from = 0; from < replayed.length; from += RECORDS_MAX) {
    const chunk = replayed.slice(from, from + RECORDS_MAX);
    const records = await firstRecords(
      shards,
      chunk.map(({ at }) => at),
    ).catch(() => []);
    for (const [i, found] of records.entries()) {
      const { index } = chunk[i] as Replayed;
      const itemIndex = places[index] as number;
      if ("damaged" in found) {
        answers[itemIndex] = { code: "archive_damaged" };
        continue;
      }
      const { command, outcome } = found.record;
      if (!haveSameKey(command, items[index] as Command))
        answers[itemIndex] = { code: "idempotency_key_reused" };
      else if (!outcome.ok) answers[itemIndex] = { code: outcome.code };
      else {
        assert("id" in outcome, "an item with the key of a transfer is a transfer");
        answers[itemIndex] = { id: outcome.id };
      }
    }
  }
}

function noteNewest(newest: Map<number, LogId>, shard: number, at: LogId): void {
  const known = newest.get(shard);
  if (known === undefined || compareLogIds(known, at) < 0) newest.set(shard, at);
}
