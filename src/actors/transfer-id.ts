/**
 * A transfer's id: `tr_`, its vnode (two characters), the number of the epoch's characters, epoch and counter, in base
 * 36. It routes without a look-up and stays what it is when vnodes move.
 */
import { VNODES } from "./routing.ts";

const RADIX = 36;
/** Counters are put together of a high part, which changes rarely, and three characters out of a table. */
const LOW_COUNT = RADIX ** 3;
const LOWS = Array.from({ length: LOW_COUNT }, (_, low) => low.toString(RADIX).padStart(3, "0"));

export function transferId(vnode: number, epoch: number, counter: number): string {
  return `${prefixOf(vnode, epoch)}${highOf(counter)}${LOWS[counter % LOW_COUNT]}`;
}

/** Gives out the ids of one epoch. A short text that is put together of few parts costs a tenth of `transferId`. */
export class TransferIds {
  readonly #prefixes: readonly string[];
  #counter = 0;
  #high = "";

  constructor(epoch: number) {
    this.#prefixes = Array.from({ length: VNODES }, (_, vnode) => prefixOf(vnode, epoch));
  }

  next(vnode: number): string {
    const low = ++this.#counter % LOW_COUNT;
    if (low === 0) this.#high = highOf(this.#counter);
    return `${this.#prefixes[vnode]}${this.#high}${LOWS[low]}`;
  }
}

/** The parts of a transfer id; `undefined` for any other text. */
export function parseTransferId(id: string): { vnode: number; epoch: number; counter: number } | undefined {
  if (!/^tr_[0-9a-z]{7,24}$/.test(id)) return undefined;
  const vnode = Number.parseInt(id.slice(3, 5), RADIX);
  const epochEnd = 6 + Number.parseInt(id.charAt(5), RADIX);
  const epoch = Number.parseInt(id.slice(6, epochEnd), RADIX);
  const counter = Number.parseInt(id.slice(epochEnd), RADIX);
  if (vnode >= VNODES || !Number.isSafeInteger(epoch) || !Number.isSafeInteger(counter)) return undefined;
  return transferId(vnode, epoch, counter) === id ? { vnode, epoch, counter } : undefined;
}

function prefixOf(vnode: number, epoch: number): string {
  const digits = epoch.toString(RADIX);
  return `tr_${vnode.toString(RADIX).padStart(2, "0")}${digits.length}${digits}`;
}

function highOf(counter: number): string {
  const high = Math.floor(counter / LOW_COUNT);
  return high === 0 ? "" : high.toString(RADIX);
}
