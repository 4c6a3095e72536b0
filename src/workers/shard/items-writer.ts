/** The answers to a batch of transfers, packed while they are decided: where an id or a number says enough. */
import type { TransferPosted } from "../../actors/records/command.ts";
import { PackWriter } from "../../actors/records/pack-writer.ts";
import { REJECTIONS } from "../../actors/records/rejection.ts";
import type { Caller, Crossed } from "../cross-shard/pending-reply.ts";
import type { Credits, Decided, TransfersReply, WireItem } from "./messages.ts";

export class OpenTransfers {
  readonly #reply: (reply: TransfersReply, gate: number) => void;
  readonly #later: [index: number, item: WireItem][] = [];
  /** By shard: batches of one shard come in order, so the last one is the newest. */
  readonly #credits = new Map<number, Credits[number]>();
  #packed: Uint8Array | undefined;
  #missing = 0;
  #gate = 0;

  constructor(reply: (reply: TransfersReply, gate: number) => void) {
    this.#reply = reply;
  }

  /** Keeps a place; what comes of the transfer goes into it. */
  expect(index: number): Caller {
    this.#missing += 1;
    return (result, gate) => {
      this.#missing -= 1;
      this.#gate = Math.max(this.#gate, gate);
      this.#later.push([index, this.#itemOf(result)]);
      this.#replyWhenDone();
    };
  }

  /** All other items, which wait for batch `gate`. */
  rest(packed: Uint8Array, gate: number): void {
    this.#packed = packed;
    this.#gate = Math.max(this.#gate, gate);
    this.#replyWhenDone();
  }

  #replyWhenDone(): void {
    if (this.#packed === undefined || this.#missing > 0) return;
    this.#reply([this.#packed, this.#later, [...this.#credits.values()]], this.#gate);
  }

  #itemOf(result: Decided | Crossed): WireItem {
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

  /** The place of an item that is decided later. */
  leaveOpen(): number {
    this.#writer.nil();
    return this.#count++;
  }

  /** An array of `WireItem`. */
  take(): Uint8Array<ArrayBuffer> {
    this.#writer.setArray(this.#start, this.#count);
    return this.#writer.take();
  }
}
