/** The answer to a batch of transfers of which some cross to other shards: it leaves when the last of them has come. */
import type { TransferPosted } from "../actors/command.ts";
import { REJECTIONS } from "../actors/rejection.ts";
import type { Credits, Decided, TransfersReply, WireItem } from "./messages.ts";
import type { Caller, Crossed } from "./parked.ts";

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
