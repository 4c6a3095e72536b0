/** The lists of a simulated Redis that hold snapshots: one for each slot, and one of the epochs that have written slots. */
import { ReplyError } from "./sim-redis-client.ts";

const CHUNKS_KEPT_MAX = 1 << 20;

export class SnapshotLists {
  /** By slot: its chunks. */
  slots: Uint8Array[][] = [];
  #epochs: string[] = [];

  /** @returns the reply to a command on `key`. @throws ReplyError */
  reply(name: string, [key, ...args]: readonly unknown[]): unknown {
    const part = String(key).slice(String(key).lastIndexOf(":") + 1);
    if (part === "epochs") return this.#listEpochs(name, args);
    const slot = Number(part);
    const chunks = this.slots[slot] ?? [];
    switch (name) {
      case "lrangeBuffer":
        return chunks.slice(Number(args[0]), Number(args[1]) + 1).map((chunk) => Buffer.from(chunk));
      case "lindexBuffer": {
        const last = chunks.at(-1);
        return last === undefined ? null : Buffer.from(last);
      }
      case "rpush":
        if (chunks.length >= CHUNKS_KEPT_MAX) throw new ReplyError("OOM command not allowed");
        this.slots[slot] = [...chunks, new Uint8Array(args[0] as Uint8Array)];
        return chunks.length + 1;
      case "unlink":
        this.slots[slot] = [];
        return 1;
      default:
        throw new Error(`the simulated Redis does not know ${name}`);
    }
  }

  copyFrom(other: SnapshotLists): void {
    copySlots(other.slots, this.slots);
    this.#epochs = [...other.#epochs];
  }

  #listEpochs(name: string, args: readonly unknown[]): unknown {
    if (name === "lrange") return [...this.#epochs];
    if (name !== "rpush") throw new Error(`the simulated Redis does not know ${name} of epochs`);
    return this.#epochs.push(String(args[0]));
  }
}

/** Slots that were never written stay missing. */
export function copySlots(from: readonly Uint8Array[][], to: Uint8Array[][]): void {
  const copies = Object.entries(from);
  to.length = 0;
  for (const [slot, chunks] of copies) to[Number(slot)] = [...chunks];
}
