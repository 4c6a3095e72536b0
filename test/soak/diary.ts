/**
 * What a client, or the checker itself, has asked for and was told: a file of one JSON object a line that is only ever
 * added to. The verdict rests on it and on what the server says, and on nothing that the server keeps.
 */
import { appendFileSync, createReadStream, statSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Answer } from "../stress/operation.ts";

export type Posting = Readonly<{ debit_account: string; credit_account: string; amount: number }>;

/** The bodies that clients send; of an item of a batch, the item. */
export type Body = Readonly<{
  postings?: readonly Posting[];
  pending?: boolean;
  timeout_s?: number;
  memo?: string;
  amount?: number;
  final?: boolean;
  id?: string;
  asset?: string;
  limits?: readonly object[];
}>;

/** Something that somebody wants under a key of its own. */
export type Ask = Readonly<{
  key: string;
  kind: "transfer" | "item" | "post" | "void" | "revert" | "account" | "patch";
  method: "POST" | "PATCH";
  path: string;
  body: Body | null;
  /** Of what is done to a transfer: that one's id. */
  about: string | null;
  /** Codes with which it may be refused. */
  may: readonly string[];
  /** To accept it would be a fault. */
  mustFail: boolean;
}>;

/** One answer, or several in a row that said the same. */
export type Heard = Readonly<{
  answer: Answer;
  /** Of the whole text of an answer that decides: who asks again must be told the same, word for word. */
  digest: string;
  times: number;
}>;

/** An account was said to have so much after its entry `seq`. */
export type Told = readonly [account: string, seq: number, posted: number];

export type Entry = Readonly<{
  /** ms since 1970. */
  atMs: number;
  /** Absent where it was only a read. */
  ask?: Ask;
  heard?: readonly Heard[];
  told: readonly Told[];
  /** What should not have been said, in a sentence. */
  fault?: string;
}>;

/** Fewer would cost a system call for each entry. */
const LINES_HELD_MAX = 500;

export class Diary {
  readonly #file: string;
  #lines: string[] = [];

  constructor(file: string) {
    this.#file = file;
    appendFileSync(file, "");
  }

  write(entry: Entry): void {
    this.#lines.push(`${JSON.stringify(entry)}\n`);
    if (this.#lines.length >= LINES_HELD_MAX) this.flush();
  }

  flush(): void {
    appendFileSync(this.#file, this.#lines.join(""));
    this.#lines = [];
  }
}

/** Reads on where it ended last. Nobody may be writing. */
export class DiaryReader {
  readonly #file: string;
  #offset = 0;

  constructor(file: string) {
    this.#file = file;
  }

  async *more(): AsyncGenerator<Entry> {
    const end = statSync(this.#file).size;
    if (end === this.#offset) return;
    const input = createReadStream(this.#file, { start: this.#offset, end: end - 1 });
    for await (const line of createInterface({ input })) yield JSON.parse(line) as Entry;
    this.#offset = end;
  }
}
