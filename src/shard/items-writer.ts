/** The answers to a batch of transfers, packed while they are decided: where an id or a number says enough. */
import type { TransferPosted } from "../actors/command.ts";
import { PackWriter } from "../actors/pack-writer.ts";
import { REJECTIONS } from "../actors/rejection.ts";
import type { Decided } from "./messages.ts";

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
