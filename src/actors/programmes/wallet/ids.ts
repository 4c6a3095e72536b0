/** Ids and tokens that say where they belong, so that nothing has to be looked up to find it. */
import { VNODES, vnodeOfAccount } from "../../ledger/routing.ts";
import type { Random } from "../programme.ts";

const RADIX = 36;
const ID_BYTES = 12;
/** One in 1,024 is at home where it should be; that this many are not has a chance of e^-97. */
const DRAWS_MAX = 100_000;

/** `<prefix>_` and 96 random bits. */
export function drawId(prefix: string, random: Random): string {
  return `${prefix}_${hexOf(random(ID_BYTES))}`;
}

/** The same, with its vnode in front of the bits. */
export function drawRoutedId(prefix: string, vnode: number, random: Random): string {
  return `${prefix}_${vnodeText(vnode)}${hexOf(random(ID_BYTES))}`;
}

/** The vnode in an id of this prefix, or a token; `undefined` for any other text. */
export function vnodeOfId(prefix: string, id: string): number | undefined {
  if (!id.startsWith(`${prefix}_`)) return undefined;
  const text = id.slice(prefix.length + 1, prefix.length + 3);
  const vnode = Number.parseInt(text, RADIX);
  // A sign is no digit.
  return vnode >= 0 && vnode < VNODES && vnodeText(vnode) === text ? vnode : undefined;
}

/** An id of an account that lives on this vnode, drawn again and again until one does: some 50 µs. */
export function drawIdAt(
  vnode: number,
  partner: string,
  accountOf: (id: string) => string,
  prefix: string,
  random: Random,
): string {
  const drawn = drawId(prefix, random);
  for (let draw = 0; draw < DRAWS_MAX; draw++) {
    const id = `${drawn}${draw.toString(RADIX)}`;
    if (vnodeOfAccount(partner, accountOf(id)) === vnode) return id;
  }
  throw new Error("no id is at home there");
}

export function vnodeText(vnode: number): string {
  return vnode.toString(RADIX).padStart(2, "0");
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
