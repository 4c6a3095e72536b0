/** Output of the command line: colours and progress only on a terminal, plain lines everywhere else. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { styleText } from "node:util";

export type Colour = Parameters<typeof styleText>[0];

const BAR_CHARACTERS = 24;
const DRAW_EVERY_MS = 100;

/** Colours the text if stdout is a terminal and NO_COLOR is not set. */
export function paint(colour: Colour, text: string): string {
  return styleText(colour, text, { stream: process.stdout });
}

/** Writes lines to stdout, or to `destination`, which it then ends. A slow reader slows the source down. */
export async function printLines(
  lines: AsyncIterable<string> | Iterable<string>,
  destination?: NodeJS.WritableStream,
): Promise<void> {
  const end = destination !== undefined;
  await pipeline(Readable.from(withLineEnds(lines)), destination ?? process.stdout, { end });
}

export async function printJson(value: unknown): Promise<void> {
  await printLines([JSON.stringify(value, undefined, 2)]);
}

/** Prints a remark to stderr. */
export function note(text: string): void {
  process.stderr.write(`daybook: ${text}\n`);
}

export function formatTime(timeMs: number): string {
  // Outside of the range of Date, print the number.
  return Math.abs(timeMs) <= 8.64e15 ? new Date(timeMs).toISOString() : String(timeMs);
}

export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** A progress bar on one line of stderr. Does nothing if stderr is not a terminal. */
export class ProgressBar {
  readonly #shown = process.stderr.isTTY;
  #drawnMs = Number.NEGATIVE_INFINITY;

  draw(label: string, done: number, total: number, force = false): void {
    const nowMs = performance.now();
    if (!this.#shown || (!force && nowMs - this.#drawnMs < DRAW_EVERY_MS)) return;
    this.#drawnMs = nowMs;
    process.stderr.write(`\r\u001b[K${label} ${formatBar(done, total)}`);
  }

  clear(): void {
    if (this.#shown) process.stderr.write("\r\u001b[K");
  }
}

/** Such as `[######------] 50 %  5,000 of 10,000`. */
export function formatBar(done: number, total: number): string {
  const share = total > 0 ? Math.min(done / total, 1) : 1;
  const filled = Math.round(share * BAR_CHARACTERS);
  const bar = `${"#".repeat(filled)}${"-".repeat(BAR_CHARACTERS - filled)}`;
  return `[${bar}] ${Math.floor(share * 100)} %  ${formatCount(done)} of ${formatCount(total)}`;
}

async function* withLineEnds(lines: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}
