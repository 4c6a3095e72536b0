/** The shared memory of the customers of one process: the diary, and a sample of it. */
import { type Answer, isDecision } from "../stress/operation.ts";
import type { Diary } from "../support/diary.ts";
import type { Random } from "../support/random.ts";
import type { Hearing } from "./caller.ts";
import type { Ask, Entry, Told } from "./entry.ts";

/** Sample size of all decided operations, for retries. */
const KNOWN_MAX = 1_000;
/** Accounts are for ever. */
const ACCOUNTS_MAX = 500;

export type Known = Readonly<{ ask: Ask; answer: Answer; digest: string }>;

/** Decided operations, operations that were unknown at first, and reads. */
export type Counts = { accepted: number; refused: number; unknown: number; reads: number };

export class Notebook {
  readonly counts: Counts = { accepted: 0, refused: 0, unknown: 0, reads: 0 };
  readonly #name: string;
  readonly #diary: Diary<Entry>;
  readonly #random: Random;
  readonly #known: Known[] = [];
  readonly #seqs = new Map<string, number>();
  #decided = 0;
  #keys = 0;
  #accounts = 0;

  constructor(name: string, diary: Diary<Entry>, random: Random) {
    this.#name = name;
    this.#diary = diary;
    this.#random = random;
  }

  newKey(): string {
    this.#keys += 1;
    return `${this.#name}-${this.#keys}`;
  }

  /** @returns `undefined` if there are enough. */
  newAccount(): string | undefined {
    if (this.#accounts >= ACCOUNTS_MAX) return undefined;
    this.#accounts += 1;
    return `new-${this.#name}-${this.#accounts}`;
  }

  heard(ask: Ask, { heard, told }: Hearing): void {
    this.#diary.write({ atMs: Date.now(), ask, heard, told });
    this.#see(told);
    const decision = heard.find(({ answer }) => isDecision(answer));
    if (heard.some(({ answer }) => answer.is === "unknown")) this.counts.unknown += 1;
    if (decision === undefined) return;
    if (decision.answer.is === "accepted") this.counts.accepted += 1;
    else this.counts.refused += 1;
    this.#keep({ ask, answer: decision.answer, digest: decision.digest });
  }

  read(told: readonly Told[]): void {
    this.#diary.write({ atMs: Date.now(), told });
    this.#see(told);
    this.counts.reads += 1;
  }

  fault(fault: string): void {
    this.#diary.write({ atMs: Date.now(), told: [], fault });
  }

  /** The newest entry of an account that a customer here has seen. */
  seqOf(account: string): number {
    return this.#seqs.get(account) ?? 0;
  }

  oneKnown(random: Random): Known | undefined {
    return this.#known.length === 0 ? undefined : random.oneOf(this.#known);
  }

  flush(): void {
    this.#diary.flush();
  }

  #see(told: readonly Told[]): void {
    for (const [account, seq] of told) if (seq > this.seqOf(account)) this.#seqs.set(account, seq);
  }

  /** A uniform random sample of fixed size. */
  #keep(known: Known): void {
    this.#decided += 1;
    if (this.#known.length < KNOWN_MAX) this.#known.push(known);
    else {
      const place = this.#random.below(this.#decided);
      if (place < KNOWN_MAX) this.#known[place] = known;
    }
  }
}
