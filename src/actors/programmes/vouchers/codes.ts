/**
 * Voucher codes: two characters encode the vnode, so that a code alone routes to its shard; twelve are random (60
 * bits).
 */
import { assert } from "../../../errors/assert.ts";
import type { Random } from "../programme.ts";

/** Without the look-alikes 0, O, 1 and I. Codes are converted to upper case, so a lower-case l is read as L. */
const ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const SECRET_LENGTH = 12;
const CODE = new RegExp(`^[${ALPHABET}]{${2 + SECRET_LENGTH}}$`);

/** @param vnode below 1,024, so that it fits two characters. */
export function makeCode(vnode: number, random: Random): string {
  assert(vnode < ALPHABET.length ** 2, "a vnode fits two characters");
  let code = characterOf(vnode >>> 5) + characterOf(vnode);
  // 256 is a multiple of 32: all characters are equally likely.
  for (const byte of random(SECRET_LENGTH)) code += characterOf(byte);
  return code;
}

/** The code in its stored form (upper case); `undefined` if the text cannot be a code. */
export function codeOf(text: string): string | undefined {
  const code = text.toUpperCase();
  return CODE.test(code) ? code : undefined;
}

export function vnodeOfCode(code: string): number {
  return ALPHABET.indexOf(code.charAt(0)) * ALPHABET.length + ALPHABET.indexOf(code.charAt(1));
}

function characterOf(bits: number): string {
  return ALPHABET.charAt(bits & 31);
}
