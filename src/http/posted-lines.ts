/**
 * Log lines on their way to the thread that writes them. Two threads that write to one pipe would tear each other's
 * lines; whole lines, many in one message, cost next to nothing.
 */
const BLOCK_BYTES = 32 * 1024;
/** UTF-8 needs at most this many bytes for a unit of a string. */
const UNIT_BYTES_MAX = 3;

export class PostedLines {
  readonly #post: (lines: Uint8Array<ArrayBuffer>) => void;
  readonly #block: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #used = 0;

  /** @param post hands whole lines over, with their memory. */
  constructor(post: (lines: Uint8Array<ArrayBuffer>) => void) {
    this.#post = post;
  }

  /** Takes a whole line with its end. One that no block can hold is left out. */
  write(line: string): void {
    const bytesMax = line.length * UNIT_BYTES_MAX;
    if (bytesMax > BLOCK_BYTES - this.#used) this.flush();
    if (bytesMax > BLOCK_BYTES) return;
    this.#used += this.#block.write(line, this.#used, "utf8");
  }

  flush(): void {
    if (this.#used === 0) return;
    this.#post(new Uint8Array(this.#block.subarray(0, this.#used)));
    this.#used = 0;
  }

  close(): void {
    this.flush();
  }
}
