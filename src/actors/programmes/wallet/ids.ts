/** Ids and tokens that contain their vnode, so that a request routes without a lookup. */
import { VNODES, vnodeOfAccount } from "../../ledger/routing.ts";
import type { Random } from "../programme.ts";

const RADIX = 36;
const ID_BYTES = 12;
/** One id in 1,024 falls on the wanted vnode. The chance that none of this many does is e^-97. */
const DRAWS_MAX = 100_000;

/** `<prefix>_` and 96 random bits. */
export function drawId(prefix: string, random: Random): string {
  return `${prefix}_${hexOf(random(ID_BYTES))}`;
}

/** Like `drawId`, with the vnode (two characters) before the random bits. */
export function drawRoutedId(prefix: string, vnode: number, random: Random): string {
  return `${prefix}_${vnodeText(vnode)}${hexOf(random(ID_BYTES))}`;
}

/** The vnode in a routed id or token with this prefix; `undefined` for any other text. */
export function vnodeOfId(prefix: string, id: string): number | undefined {
  if (!id.startsWith(`${prefix}_`)) return undefined;
  const text = id.slice(prefix.length + 1, prefix.length + 3);
  const vnode = Number.parseInt(text, RADIX);
  // `parseInt` accepts a sign, and fewer digits: compare with the canonical text.
  return vnode >= 0 && vnode < VNODES && vnodeText(vnode) === text ? vnode : undefined;
}

/**
 * Draws an id whose account is on the given vnode, by trying suffixes of one random id: about 50 µs.
 *
 * @throws Error if none of `DRAWS_MAX` suffixes fits.
 */
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
  throw new Error(`no account id found for vnode ${vnode}`);
}

export function vnodeText(vnode: number): string {
  return vnode.toString(RADIX).padStart(2, "0");
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
