/**
 * Voucher codes: two characters that say where the voucher lives, so that a code alone finds it, and twelve that nobody
 * can guess (60 bits).
 */
import { assert } from "../../../errors/assert.ts";
import type { Random } from "../programme.ts";

/** Nothing that looks like something else: no 0, O, 1, I. Codes are read in capitals, so a small l is an L. */
const ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const SECRET_LENGTH = 12;
const CODE = new RegExp(`^[${ALPHABET}]{${2 + SECRET_LENGTH}}$`);

/** @param vnode below 1024: two characters. */
export function makeCode(vnode: number, random: Random): string {
  assert(vnode < ALPHABET.length ** 2, "a vnode fits two characters");
  let code = characterOf(vnode >>> 5) + characterOf(vnode);
  // 256 is a multiple of 32: all characters are equally likely.
  for (const byte of random(SECRET_LENGTH)) code += characterOf(byte);
  return code;
}

/** As codes are kept, whatever letters somebody has typed; `undefined` when it cannot be one. */
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
