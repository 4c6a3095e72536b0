/**
 * Lines on their way to a file. They are copied into one of two blocks of memory at once: strings that wait would be
 * carried from one garbage collection to the next, which costs a busy server more than the lines themselves.
 */
import { write, writeSync } from "node:fs";

const BLOCK_BYTES = 64 * 1024;
/** UTF-8 needs at most this many bytes for a unit of a string. */
const UNIT_BYTES_MAX = 3;
const RETRY_MS = 20;
const CLOSE_TRIES_MAX = 200;

export class LineBuffer {
  readonly #fd: number;
  #filling: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #spare: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #used = 0;
  /** What the file has not taken of the block that is being written. */
  #writing: Buffer | undefined;
  #dropped = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Lines, or blocks of them, that came while both blocks were full: a slow disk costs lines, never memory. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a whole line with its end. */
  write(line: string): void {
    if (this.#makeRoom(line.length * UNIT_BYTES_MAX))
      this.#used += this.#filling.write(line, this.#used, "utf8");
  }

  /** Takes whole lines that another thread has put together. */
  writeBytes(lines: Uint8Array): void {
    if (!this.#makeRoom(lines.length)) return;
    this.#filling.set(lines, this.#used);
    this.#used += lines.length;
  }

  #makeRoom(bytes: number): boolean {
    if (bytes <= BLOCK_BYTES - this.#used) return true;
    this.flush();
    if (bytes <= BLOCK_BYTES - this.#used) return true;
    this.#dropped += 1;
    return false;
  }

  /** Begins to write what is there, unless the block before is still being written. */
  flush(): void {
    if (this.#used === 0 || this.#writing !== undefined) return;
    const full = this.#filling;
    this.#writing = full.subarray(0, this.#used);
    this.#filling = this.#spare;
    this.#spare = full;
    this.#used = 0;
    this.#continue();
  }

  #continue(): void {
    const block = this.#writing;
    if (block === undefined) return;
    write(this.#fd, block, 0, block.length, null, (failure, written) => {
      if (this.#writing !== block) return; // closed meanwhile
      if (failure?.code === "EAGAIN") setTimeout(() => this.#continue(), RETRY_MS).unref();
      else if (failure === null && written < block.length) {
        this.#writing = block.subarray(written);
        this.#continue();
      } else this.#writing = undefined; // a log that cannot be written must not stop a ledger
    });
  }

  /**
   * Writes what is left before it returns; nothing may be written afterwards. A block in the middle of its write is
   * written again, for it cannot be known how much of it has arrived: a line twice is better than none.
   */
  close(): void {
    const left = [this.#writing, this.#filling.subarray(0, this.#used)];
    this.#writing = undefined;
    this.#used = 0;
    for (const block of left) if (block !== undefined) this.#writeNow(block);
  }

  #writeNow(block: Buffer): void {
    let at = 0;
    for (let tries = 0; at < block.length && tries < CLOSE_TRIES_MAX; tries++) {
      try {
        at += writeSync(this.#fd, block, at);
      } catch (failure) {
        if (!(failure instanceof Error && "code" in failure && failure.code === "EAGAIN")) return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      }
    }
  }
}
