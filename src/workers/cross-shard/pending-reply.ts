/** A command that cannot be answered before another shard has spoken, and those who wait for its answer. */
import type { RecordPlace } from "../../actors/ledger/exchange.ts";
import { packCommand } from "../../actors/records/codec.ts";
import type { Command, Outcome } from "../../actors/records/command.ts";
import { type Credits, type Decided, FIRST, REPLAYED, type Refused } from "../shard/messages.ts";

/** Where a record stands, and when it was logged. */
export type TimedPlace = RecordPlace & Readonly<{ timeMs: number }>;

/** Where a message to another shard is durable, and what it has made of its accounts: posted, held, seq of each. */
export type CreditPlace = Readonly<{
  shard: number;
  epoch: number;
  seq: number;
  accounts: readonly number[];
}>;

/** All parts are durable: where its own record stands, and the outcome as a record on one shard would have it. */
export type Crossed = Readonly<{
  at: TimedPlace;
  credits: Credits;
  outcome: Outcome;
  /** The caller had sent it again. */
  repeated: boolean;
}>;

/** Answers a caller; `gate` is the batch of this epoch that the answer has to wait for. */
export type Caller = (result: Decided | Crossed, gate: number) => void;

/** A packed command, within the request that brought it. */
export type PackedCommand = Readonly<{ source: Uint8Array; start: number; end: number }>;

/** A command that no request has brought: what a shard itself puts into its log. */
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

  /** One more who waits for the answer; the first is the one who asked. */
  join(caller: Caller): void {
    this.#callers.push(caller);
  }

  /** It is not done now, and nothing of it is logged. */
  giveBack(refused: Refused): void {
    for (const caller of this.#callers) caller(refused, 0);
  }

  /** What was found out of it otherwise. */
  protected answer(result: Decided | Crossed, gate: number): void {
    for (const caller of this.#callers) caller(result, gate);
  }

  /** Its record says it all. Who sent it again meanwhile is told so like any later repeat. */
  decided(outcome: Outcome, { epoch, seq, index }: RecordPlace): void {
    for (const [i, caller] of this.#callers.entries())
      caller(i === 0 ? outcome : [REPLAYED, epoch, seq, index], seq);
  }

  /** A part of it that happens on another shard is durable; `credit` is absent where that shard says no more than this. */
  abstract settle(peer: number, credit: CreditPlace | undefined): void;

  /** All parts are durable, and known. */
  protected crossed(at: TimedPlace, credits: Credits, outcome: Outcome): void {
    for (const [i, caller] of this.#callers.entries()) caller({ at, credits, outcome, repeated: i > 0 }, 0);
  }

  /**
   * All parts are durable, and to be found in the log.
   *
   * @param isOurs whether the first caller is the one who asked, and this no repeat.
   */
  protected recall({ epoch, seq, index }: RecordPlace, isOurs: boolean): void {
    for (const [i, caller] of this.#callers.entries()) {
      const isFirst = isOurs && i === 0;
      caller(isFirst ? [REPLAYED, epoch, seq, index, FIRST] : [REPLAYED, epoch, seq, index], 0);
    }
  }
}

const NOTHING: PackedCommand = { source: new Uint8Array(0), start: 0, end: 0 };

/** A command sent again whose parts on other shards are not all known to be durable, since this shard has started anew. */
export class Rejoined extends PendingReply {
  readonly #place: RecordPlace;
  #missing: number;

  /** @param missing how many parts it waits for. */
  constructor(command: Command, place: RecordPlace, missing: number) {
    super(command, NOTHING);
    this.#place = place;
    this.#missing = missing;
  }

  settle(): void {
    this.#missing -= 1;
    if (this.#missing === 0) this.recall(this.#place, false);
  }
}
