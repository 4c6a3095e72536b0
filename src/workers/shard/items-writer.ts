/** Packs the results of a batch of transfers while they are decided: a transfer id, or the number of a rejection. */
import type { TransferPosted } from "../../actors/records/command.ts";
import { PackWriter } from "../../actors/records/pack-writer.ts";
import { REJECTIONS } from "../../actors/records/rejection.ts";
import type { Caller, CrossShardResult } from "../cross-shard/pending-reply.ts";
import type { Decided, RemotePositions, TransfersReply, WireItem } from "./messages.ts";

/** Collects the results of a batch's transfers that are decided later, and replies when all are there. */
export class OpenTransfers {
  readonly #reply: (reply: TransfersReply, gate: number) => void;
  readonly #later: [index: number, item: WireItem][] = [];
  /** By shard. The batches of one shard arrive in order, so the last one is the newest. */
  readonly #credits = new Map<number, RemotePositions[number]>();
  #packed: Uint8Array | undefined;
  #missing = 0;
  #gate = 0;

  constructor(reply: (reply: TransfersReply, gate: number) => void) {
    this.#reply = reply;
  }

  /** @returns the function that takes the result of the transfer with this index. */
  expect(index: number): Caller {
    this.#missing += 1;
    return (result, gate) => {
      this.#missing -= 1;
      this.#gate = Math.max(this.#gate, gate);
      this.#later.push([index, this.#itemOf(result)]);
      this.#replyWhenDone();
    };
  }

  /** Sets all other items, which wait for batch `gate`. */
  rest(packed: Uint8Array, gate: number): void {
    this.#packed = packed;
    this.#gate = Math.max(this.#gate, gate);
    this.#replyWhenDone();
  }

  #replyWhenDone(): void {
    if (this.#packed === undefined || this.#missing > 0) return;
    this.#reply([this.#packed, this.#later, [...this.#credits.values()]], this.#gate);
  }

  #itemOf(result: Decided | CrossShardResult): WireItem {
    if ("ok" in result) return result.ok ? (result as TransferPosted).id : REJECTIONS[result.code];
    if (!("credits" in result)) return result;
    for (const credit of result.credits) this.#credits.set(credit[0], credit);
    return (result.outcome as TransferPosted).id;
  }
}

export class ItemsWriter {
  readonly #writer = new PackWriter();
  #start = 0;
  #count = 0;

  begin(): void {
    this.#count = 0;
    this.#start = this.#writer.openArray();
  }

  add(decided: Decided): void {
    this.#count += 1;
    const writer = this.#writer;
    if ("ok" in decided) {
      if (decided.ok) writer.text((decided as TransferPosted).id);
      else writer.number(REJECTIONS[decided.code]);
      return;
    }
    writer.array(decided.length);
    for (const part of decided) {
      if (typeof part === "string") writer.text(part);
      else if (part !== undefined) writer.number(part);
    }
  }

  /** Leaves an item empty, to be decided later. @returns its index */
  leaveOpen(): number {
    this.#writer.nil();
    return this.#count++;
  }

  /** @returns a packed array of `WireItem`. */
  take(): Uint8Array<ArrayBuffer> {
    this.#writer.setArray(this.#start, this.#count);
    return this.#writer.take();
  }
}
