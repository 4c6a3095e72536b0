/** The memory of a process that sends load: an append-only file of JSON lines, for a checker in another process. */
import { appendFileSync, createReadStream, statSync } from "node:fs";
import { createInterface } from "node:readline";

/** Fewer would cost a system call for each entry, more would pause the load for longer. */
const LINES_HELD_MAX = 500;

export class Diary<T> {
  readonly #file: string;
  #lines: string[] = [];

  constructor(file: string) {
    this.#file = file;
    appendFileSync(file, "");
  }

  write(entry: T): void {
    this.#lines.push(`${JSON.stringify(entry)}\n`);
    if (this.#lines.length >= LINES_HELD_MAX) this.flush();
  }

  flush(): void {
    appendFileSync(this.#file, this.#lines.join(""));
    this.#lines = [];
  }
}

/** Continues where it stopped last. The file must be complete. */
export class DiaryReader<T> {
  readonly #file: string;
  #offset = 0;

  constructor(file: string) {
    this.#file = file;
  }

  async *more(): AsyncGenerator<T> {
    const end = statSync(this.#file).size;
    if (end === this.#offset) return;
    const input = createReadStream(this.#file, { start: this.#offset, end: end - 1 });
    for await (const line of createInterface({ input })) yield JSON.parse(line) as T;
    this.#offset = end;
  }
}
