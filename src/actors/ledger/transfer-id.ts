/**
 * Transfer ids: `tr_`, the home vnode (2 characters), the length of the epoch (1 character), the epoch, all in base
 * 36, then 80 random bits, 5 per character. An id routes without a look-up, stays valid when vnodes move to other
 * shards, and does not reveal how many transfers others make. Older ids have a counter instead of random bits.
 */
import { VNODES } from "./routing.ts";

const RADIX = 36;
const TAIL_LENGTH = 16;
/** 16 characters of 5 bits: longer than any counter, so that an older id's counter never matches. */
const TAIL = /^[0-9a-v]{16}$/;
const decoder = new TextDecoder();
const DIGITS = new TextEncoder().encode("0123456789abcdefghijklmnopqrstuv");
/** Number of ids prepared at a time, because a call for random bytes costs as much as a hundred bytes. */
const PREPARED = 256;

/** Secure random bytes. */
type Random = (bytes: number) => Uint8Array;

/** An id with a counter, as in older versions and for ids that no client sees. */
export function countedTransferId(vnode: number, epoch: number, counter: number): string {
  return `${prefixOf(vnode, epoch)}${counter.toString(RADIX).padStart(3, "0")}`;
}

/** Generates the ids of one epoch. */
export class TransferIds {
  readonly #prefixes: readonly string[];
  readonly #random: Random;
  /** The random parts of the prepared ids in one string, because slicing is far cheaper than decoding each. */
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

/** The vnode and epoch in a transfer id; `undefined` if the text is not a transfer id. */
export function parseTransferId(id: string): { vnode: number; epoch: number } | undefined {
  if (!/^tr_[0-9a-z]{7,40}$/.test(id)) return undefined;
  const vnode = Number.parseInt(id.slice(3, 5), RADIX);
  const epochEnd = 6 + Number.parseInt(id.charAt(5), RADIX);
  const epoch = Number.parseInt(id.slice(6, epochEnd), RADIX);
  if (vnode >= VNODES || !Number.isSafeInteger(epoch)) return undefined;
  const tail = id.slice(epochEnd);
  const isValid = TAIL.test(tail) ? prefixOf(vnode, epoch) + tail === id : isCounted(id, vnode, epoch, tail);
  return isValid ? { vnode, epoch } : undefined;
}

function isCounted(id: string, vnode: number, epoch: number, tail: string): boolean {
  const counter = Number.parseInt(tail, RADIX);
  return Number.isSafeInteger(counter) && countedTransferId(vnode, epoch, counter) === id;
}

function prefixOf(vnode: number, epoch: number): string {
  const digits = epoch.toString(RADIX);
  return `tr_${vnode.toString(RADIX).padStart(2, "0")}${digits.length}${digits}`;
}
