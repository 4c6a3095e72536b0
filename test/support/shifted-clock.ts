/**
 * Preloaded into a server under test (`NODE_OPTIONS=--import`), its threads and processes. Shifts `Date.now` by the
 * number of milliseconds in the file that SHIFTED_CLOCK names. The time since boot is not shifted.
 */
import { readFileSync } from "node:fs";

const file = process.env["SHIFTED_CLOCK"];
const realNow = Date.now;
/** Reading the file at each call would be too slow. */
const READ_EVERY_MS = 20;
let shiftMs = 0;
let readAtMs = Number.NEGATIVE_INFINITY;

function readShift(path: string): void {
  const text = readFileSync(path, "utf8");
  // Empty while it is being written.
  if (text !== "") shiftMs = Number(text);
}

if (file !== undefined)
  Date.now = () => {
    const nowMs = performance.now();
    if (nowMs - readAtMs >= READ_EVERY_MS) {
      readAtMs = nowMs;
      readShift(file);
    }
    return realNow() + shiftMs;
  };
