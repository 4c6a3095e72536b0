/** What the thread runs that writes the log. It does nothing else: a write that waits for a disk holds up nobody. */
import { workerData } from "node:worker_threads";
import { drainRings, takeOver } from "./line-ring.ts";

export type LineWriterInit = Readonly<{
  fd: number;
  rings: readonly SharedArrayBuffer[];
  signal: SharedArrayBuffer;
}>;

run(workerData as LineWriterInit);

function run({ fd, rings, signal }: LineWriterInit): void {
  if (!takeOver(signal)) return;
  const word = new Int32Array(signal);
  for (;;) {
    const seen = Atomics.load(word, 0);
    if (!drainRings(fd, rings)) Atomics.wait(word, 0, seen);
  }
}
