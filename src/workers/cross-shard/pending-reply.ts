/** A command whose reply has to wait (usually for another shard), and the callers that wait for it. */
import type { RecordPlace, TimedRecordPlace } from "../../actors/ledger/exchange.ts";
import { packCommand } from "../../actors/records/codec.ts";
import type { Command, Outcome } from "../../actors/records/command.ts";
import { type Decided, FIRST, REPLAYED, type Refused, type RemotePositions } from "../shard/messages.ts";

/** Where a message is durable on another shard, and `posted, held, seq` of each of its accounts there. */
export type CreditPlace = Readonly<{
  shard: number;
  epoch: number;
  seq: number;
  accounts: readonly number[];
}>;

/** A command whose parts are all durable: its record's position, and the outcome as a single-shard record has it. */
export type CrossShardResult = Readonly<{
  at: TimedRecordPlace;
  credits: RemotePositions;
  outcome: Outcome;
  /** This caller sent a retry while the command was in progress. */
  repeated: boolean;
}>;

/** Replies to a caller; `gate` is the batch of this epoch that the reply has to wait for, 0 for none. */
export type Caller = (result: Decided | CrossShardResult, gate: number) => void;

/** A packed command inside the request that contains it. */
export type PackedCommand = Readonly<{ source: Uint8Array; start: number; end: number }>;

/** Packs a command that the shard itself puts into its log. */
export function packedAlone(command: Command): PackedCommand {
  const source = packCommand(command);
  return { source, start: 0, end: source.length };
}

export abstract class PendingReply<C extends Command = Command> {
  readonly command: C;
  readonly packed: PackedCommand;
  readonly askedAtMs = performance.now();
  readonly #callers: Caller[] = [];

  constructor(command: C, packed: PackedCommand) {
    this.command = command;
    this.packed = packed;
  }

  /** Adds a caller. The first one sent the command; later ones sent retries. */
  join(caller: Caller): void {
    this.#callers.push(caller);
  }

  /** The command is not executed now, and nothing of it is logged. */
  refuse(refused: Refused): void {
    for (const caller of this.#callers) caller(refused, 0);
  }

  protected answer(result: Decided | CrossShardResult, gate: number): void {
    for (const caller of this.#callers) caller(result, gate);
  }

  /** Replies with the outcome of the command's own record. Retries get the record's position, like any later replay. */
  decided(outcome: Outcome, { epoch, seq, index }: RecordPlace): void {
    for (const [i, caller] of this.#callers.entries())
      caller(i === 0 ? outcome : [REPLAYED, epoch, seq, index], seq);
  }

  /** A message of the command is durable on shard `peer`; `credit` says where, unless only a greeting reported it. */
  abstract settle(peer: number, credit: CreditPlace | undefined): void;

  /** Replies when all parts are durable and their results are known. */
  protected complete(at: TimedRecordPlace, credits: RemotePositions, outcome: Outcome): void {
    for (const [i, caller] of this.#callers.entries()) caller({ at, credits, outcome, repeated: i > 0 }, 0);
  }

  /**
   * Replies with the record's position when all parts are durable but not all results are known here; the gateway reads
   * the result from the log.
   *
   * @param isOurs whether the first caller sent the command itself, not a retry.
   */
  protected answerFromLog({ epoch, seq, index }: RecordPlace, isOurs: boolean): void {
    for (const [i, caller] of this.#callers.entries()) {
      const isFirst = isOurs && i === 0;
      caller(isFirst ? [REPLAYED, epoch, seq, index, FIRST] : [REPLAYED, epoch, seq, index], 0);
    }
  }
}

const NOTHING: PackedCommand = { source: new Uint8Array(0), start: 0, end: 0 };

/** A retry, after a restart of this shard, of a command that still has undelivered messages to other shards. */
export class RetriedCommand extends PendingReply {
  readonly #place: RecordPlace;
  #missing: number;

  /** @param missing number of undelivered messages. */
  constructor(command: Command, place: RecordPlace, missing: number) {
    super(command, NOTHING);
    this.#place = place;
    this.#missing = missing;
  }

  settle(): void {
    this.#missing -= 1;
    if (this.#missing === 0) this.answerFromLog(this.#place, false);
  }
}
