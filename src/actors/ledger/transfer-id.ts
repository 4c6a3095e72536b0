/**
 * A transfer's id: `tr_`, its vnode (two characters), the number of the epoch's characters, epoch, all in base 36, and 80
 * random bits, five to a character. It routes without a look-up, stays what it is when vnodes move, and tells nobody how
 * many transfers others make. Those of before had a counter instead of the random bits; they are read for ever.
 */
import { VNODES } from "./routing.ts";

const RADIX = 36;
const TAIL_LENGTH = 16;
/** Five bits each; longer than any counter, so that a tail of before is never taken for one of these. */
const TAIL = /^[0-9a-v]{16}$/;
const decoder = new TextDecoder();
const DIGITS = new TextEncoder().encode("0123456789abcdefghijklmnopqrstuv");
/** So many ids are prepared at a time: a call for random bytes costs a hundred times what a byte does. */
const PREPARED = 256;

/** Secure random bytes. */
type Random = (bytes: number) => Uint8Array;

/** An id with a counter: as they were before, and where nobody sees them. */
export function countedTransferId(vnode: number, epoch: number, counter: number): string {
  return `${prefixOf(vnode, epoch)}${counter.toString(RADIX).padStart(3, "0")}`;
}

/** Gives out the ids of one epoch. */
export class TransferIds {
  readonly #prefixes: readonly string[];
  readonly #random: Random;
  /** The ends of the ids to come, one behind the other: to cut a text is far cheaper than to make one. */
  #tails = "";
  #at = 0;

  constructor(epoch: number, random: Random) {
    this.#prefixes = Array.from({ length: VNODES }, (_, vnode) => prefixOf(vnode, epoch));
    this.#random = random;
  }

  next(vnode: number): string {
    if (this.#at === this.#tails.length) this.#prepare();
    const at = this.#at;
    this.#at = at + TAIL_LENGTH;
    return (this.#prefixes[vnode] as string) + this.#tails.slice(at, this.#at);
  }

  #prepare(): void {
    const letters = new Uint8Array(this.#random(PREPARED * TAIL_LENGTH));
    for (let i = 0; i < letters.length; i++) letters[i] = DIGITS[(letters[i] as number) & 31] as number;
    this.#tails = decoder.decode(letters);
    this.#at = 0;
  }
}

/** What an id tells; `undefined` for any other text. */
export function parseTransferId(id: string): { vnode: number; epoch: number } | undefined {
  if (!/^tr_[0-9a-z]{7,40}$/.test(id)) return undefined;
  const vnode = Number.parseInt(id.slice(3, 5), RADIX);
  const epochEnd = 6 + Number.parseInt(id.charAt(5), RADIX);
  const epoch = Number.parseInt(id.slice(6, epochEnd), RADIX);
  if (vnode >= VNODES || !Number.isSafeInteger(epoch)) return undefined;
  const tail = id.slice(epochEnd);
  const isOne = TAIL.test(tail) ? prefixOf(vnode, epoch) + tail === id : isCounted(id, vnode, epoch, tail);
  return isOne ? { vnode, epoch } : undefined;
}

function isCounted(id: string, vnode: number, epoch: number, tail: string): boolean {
  const counter = Number.parseInt(tail, RADIX);
  return Number.isSafeInteger(counter) && countedTransferId(vnode, epoch, counter) === id;
}

function prefixOf(vnode: number, epoch: number): string {
  const digits = epoch.toString(RADIX);
  return `tr_${vnode.toString(RADIX).padStart(2, "0")}${digits.length}${digits}`;
}
