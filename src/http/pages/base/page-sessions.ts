/**
 * Sessions of the pages, in memory that all gateways of a server share: a session that begins at one of them is valid at
 * all, and one that is ended is ended everywhere at once. A restart of the server ends all of them.
 *
 * A session is a random token, of which the SHA-256 is stored, and the SHA-256 of the API key that was used to log in.
 * Every request looks that key up again, so a revoked key ends its sessions.
 *
 * The table has sets of slots. All sessions of one user are in one set, so nobody can displace the sessions of others
 * except in the same set. A slot is claimed by compare-and-swap; a thread that is terminated while it writes one leaves
 * no lock, because a claim lapses.
 */
import { hash } from "node:crypto";
import type { Principal } from "../../../gateway/ports.ts";
import { hashOfKey } from "../../auth.ts";
import type { Random } from "../../idempotency.ts";

const SETS = 256;
/** Sessions that one user may have; the next one ends the oldest. */
export const SESSIONS_MAX = 32;
export const SESSION_MS_MAX = 12 * 60 * 60 * 1000;
export const IDLE_MS_MAX = 60 * 60 * 1000;

const HASH_WORDS = 4;
const STATE = 0;
const USED = 1;
const TOKEN = 2;
const KEY = TOKEN + HASH_WORDS;
const SLOT_WORDS = KEY + HASH_WORDS;
const CLAIM_MS = 1_000n;
const TOKEN_BYTES = 32;
const TOKEN_TEXT = /^ps_([0-9a-f]{2})[\w-]{43}$/;

type Words = readonly bigint[];

export function newSessionMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(SETS * SESSIONS_MAX * SLOT_WORDS * BigInt64Array.BYTES_PER_ELEMENT);
}

export class PageSessions {
  readonly #words: BigInt64Array;
  readonly #random: Random;
  readonly #nowMs: () => number;

  /** @param nowMs a monotonic clock that all gateways share, above 0. */
  constructor(memory: SharedArrayBuffer, random: Random, nowMs: () => number) {
    this.#words = new BigInt64Array(memory);
    this.#random = random;
    this.#nowMs = nowMs;
  }

  /** Begins a session of the key with this SHA-256 (hex). @returns its token */
  begin(keyHash: string, principal: Principal): string {
    const set = setOf(principal);
    const token = `ps_${set.toString(16).padStart(2, "0")}${Buffer.from(this.#random(TOKEN_BYTES)).toString("base64url")}`;
    const at = this.#claim(set);
    this.#write(at + TOKEN, wordsOf(hashOfKey(token)));
    this.#write(at + KEY, wordsOf(keyHash));
    Atomics.store(this.#words, at + USED, this.#now);
    // Last: only now can the session be found.
    Atomics.store(this.#words, at + STATE, this.#now + BigInt(SESSION_MS_MAX));
    return token;
  }

  /** SHA-256 (hex) of the key of a live session, and records its use. */
  find(token: string): string | undefined {
    const found = this.#find(token);
    if (found === undefined) return undefined;
    Atomics.store(this.#words, found.at + USED, this.#now);
    return found.keyHash;
  }

  end(token: string): void {
    const found = this.#find(token);
    if (found !== undefined) Atomics.compareExchange(this.#words, found.at + STATE, found.endsMs, 0n);
  }

  get #now(): bigint {
    return BigInt(Math.ceil(this.#nowMs()));
  }

  #find(token: string): Readonly<{ at: number; endsMs: bigint; keyHash: string }> | undefined {
    const set = TOKEN_TEXT.exec(token)?.[1];
    if (set === undefined) return undefined;
    const wanted = wordsOf(hashOfKey(token));
    const first = Number.parseInt(set, 16) * SESSIONS_MAX * SLOT_WORDS;
    for (let at = first; at < first + SESSIONS_MAX * SLOT_WORDS; at += SLOT_WORDS) {
      const endsMs = Atomics.load(this.#words, at + STATE);
      if (!this.#isLive(at, endsMs) || !this.#holds(at + TOKEN, wanted)) continue;
      const keyHash = this.#read(at + KEY);
      // Another gateway may have replaced the session meanwhile.
      const isSame = this.#holds(at + TOKEN, wanted) && Atomics.load(this.#words, at + STATE) === endsMs;
      if (isSame) return { at, endsMs, keyHash };
    }
    return undefined;
  }

  #isLive(at: number, endsMs: bigint): boolean {
    const now = this.#now;
    return endsMs > now && Atomics.load(this.#words, at + USED) + BigInt(IDLE_MS_MAX) > now;
  }

  /** A slot for a new session: a free one, or else the oldest. */
  #claim(set: number): number {
    const first = set * SESSIONS_MAX * SLOT_WORDS;
    for (;;) {
      let oldest = first;
      let oldestMs = this.#endOf(first);
      for (let at = first; at < first + SESSIONS_MAX * SLOT_WORDS; at += SLOT_WORDS) {
        const endsMs = this.#endOf(at);
        if (endsMs < oldestMs) [oldest, oldestMs] = [at, endsMs];
      }
      const state = Atomics.load(this.#words, oldest + STATE);
      const claimed = -(this.#now + CLAIM_MS);
      if (Atomics.compareExchange(this.#words, oldest + STATE, state, claimed) === state) return oldest;
    }
  }

  /** When a slot may be taken first: 0 if it is free, late if it is claimed. */
  #endOf(at: number): bigint {
    const state = Atomics.load(this.#words, at + STATE);
    if (state < 0n) return -state > this.#now ? this.#now + BigInt(2 * SESSION_MS_MAX) : 0n;
    return this.#isLive(at, state) ? state : 0n;
  }

  #holds(at: number, words: Words): boolean {
    return words.every((word, i) => Atomics.load(this.#words, at + i) === word);
  }

  #write(at: number, words: Words): void {
    for (const [i, word] of words.entries()) Atomics.store(this.#words, at + i, word);
  }

  #read(at: number): string {
    const bytes = Buffer.alloc(HASH_WORDS * 8);
    for (let i = 0; i < HASH_WORDS; i++) bytes.writeBigInt64BE(Atomics.load(this.#words, at + i), i * 8);
    return bytes.toString("hex");
  }
}

/** The operator has a set of its own. */
function setOf(principal: Principal): number {
  if (principal.partner === undefined) return 0;
  const user = hash("sha256", `${principal.partner}\0${principal.scope ?? ""}`, "buffer");
  return 1 + (user.readUInt32BE(0) % (SETS - 1));
}

function wordsOf(hex: string): Words {
  const bytes = Buffer.from(hex, "hex");
  return Array.from({ length: HASH_WORDS }, (_, i) => bytes.readBigInt64BE(i * 8));
}
