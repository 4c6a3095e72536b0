/** A batch of transfers, on its way to the shards that decide them: cut into pieces, and its answers put together again. */
import { haveSameKey } from "../../actors/ledger/command-home.ts";
import { readCommands } from "../../actors/records/codec.ts";
import type { Command, Outcome, Transfer } from "../../actors/records/command.ts";
import type { PackedPiece, PackedTransfers } from "../../actors/records/packed-transfers.ts";
import { rejectionOf } from "../../actors/records/rejection.ts";
import type { Location } from "../../archive/queries/query.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import { compareLogIds, type LogId } from "../../wal/wal.ts";
import { REFUSED, type TransfersReply, type WireItem } from "../../workers/shard/messages.ts";
import { firstRecords } from "../queries/recall.ts";
import { itemCodeOf } from "../shard-link/refusals.ts";
import { answersOf, locationOf } from "../shard-link/replies.ts";
import type { Reached } from "../shard-link/shard-link.ts";
import { positionText, type Shards } from "../shard-link/shards.ts";

export type ItemAnswer = Readonly<{ id: string } | { code: string }>;

/** First records of repeated items that the archive looks up at once. */
const RECORDS_MAX = 256;

type SentPiece = PackedPiece & Readonly<{ shard: number; reaching: Promise<Reached> }>;
type Answered = Readonly<{ items: readonly ItemAnswer[]; positions: readonly string[] }>;

/**
 * Items on a shard that cannot answer fail alone; when none could be answered the whole batch fails. The items themselves are
 * not kept while the shards decide: there are thousands of them, and the packed pieces say the same.
 *
 * @throws OperatingError (as a rejection)
 */
export function submitBatch(shards: Shards, { partner, count, byShard }: PackedTransfers): Promise<Answered> {
  const pieces = byShard.flatMap((there, shard) => sent(shards, shard, partner, there));
  return answersTo(shards, pieces, count);
}

async function answersTo(shards: Shards, pieces: readonly SentPiece[], count: number): Promise<Answered> {
  const answers = new Array<ItemAnswer>(count);
  const newest = new Map<number, LogId>();
  const failures = await Promise.all(
    pieces.map(async (piece) => {
      const { shard, places, reaching } = piece;
      try {
        const reached = await reaching;
        const { answers: wire, credits } = answersOf(reached.result as TransfersReply);
        await fillIn(shards, piece, wire, answers);
        note(newest, shard, reached.at);
        for (const [there, epoch, seq] of credits) note(newest, there, { epoch, seq });
        return undefined;
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        for (const place of places) answers[place] = { code: error.code };
        return error;
      }
    }),
  );
  const failed = failures.find((failure) => failure !== undefined);
  if (failed !== undefined && !failures.includes(undefined)) throw failed;
  return { items: answers, positions: [...newest].map(([shard, at]) => positionText(shard, at)) };
}

function sent(
  shards: Shards,
  shard: number,
  partner: string,
  pieces: readonly PackedPiece[],
): readonly SentPiece[] {
  if (pieces.length === 0) return [];
  let reaching: readonly Promise<Reached>[];
  try {
    reaching = shards.link(shard).executeAll(partner, pieces);
  } catch (error) {
    reaching = pieces.map(() => Promise.reject(error));
  }
  return pieces.map((piece, i) => ({ ...piece, shard, reaching: reaching[i] as Promise<Reached> }));
}

/** An item that repeats an earlier one: its number in the piece, and where the first one is logged. */
type Replayed = Readonly<{ no: number; at: Location }>;

/** A shard's answers, put where their items stand. */
async function fillIn(
  shards: Shards,
  piece: SentPiece,
  wire: readonly WireItem[],
  answers: ItemAnswer[],
): Promise<void> {
  const { shard, places } = piece;
  const replayed: Replayed[] = [];
  for (let no = 0; no < wire.length; no++) {
    const answer = wire[no] as WireItem;
    const place = places[no] as number;
    if (typeof answer === "string") answers[place] = { id: answer };
    else if (typeof answer === "number") answers[place] = { code: rejectionOf(answer) };
    else if (answer[0] === REFUSED) answers[place] = { code: itemCodeOf(answer) };
    else {
      answers[place] = { code: "outcome_unknown" };
      replayed.push({ no, at: locationOf(shard, answer) });
    }
  }
  if (replayed.length > 0) await recallItems(shards, piece, replayed, answers);
}

/** What was answered to each of them before, unless its key stood for something else. */
async function recallItems(
  shards: Shards,
  { places, packed }: SentPiece,
  replayed: readonly Replayed[],
  answers: ItemAnswer[],
): Promise<void> {
  const items: Command[] = [];
  readCommands(packed, (command) => items.push(command));
  for (let from = 0; from < replayed.length; from += RECORDS_MAX) {
    const some = replayed.slice(from, from + RECORDS_MAX);
    const records = await firstRecords(
      shards,
      some.map(({ at }) => at),
    ).catch(() => []);
    for (const [i, found] of records.entries()) {
      const { no } = some[i] as Replayed;
      const place = places[no] as number;
      if ("damaged" in found) {
        answers[place] = { code: "archive_damaged" };
        continue;
      }
      const { command, outcome } = found.record as Readonly<{ command: Command; outcome: Outcome<Transfer> }>;
      if (!haveSameKey(command, items[no] as Command)) answers[place] = { code: "idempotency_key_reused" };
      else answers[place] = outcome.ok ? { id: outcome.id } : { code: outcome.code };
    }
  }
}

function note(newest: Map<number, LogId>, shard: number, at: LogId): void {
  const known = newest.get(shard);
  if (known === undefined || compareLogIds(known, at) < 0) newest.set(shard, at);
}
