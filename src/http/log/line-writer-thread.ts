/** The thread that writes the log. It does nothing else, so a write that blocks on a disk delays nothing. */
import { workerData } from "node:worker_threads";
import { claimWriter, drainRings } from "./line-ring.ts";

export type LineWriterInit = Readonly<{
  fd: number;
  rings: readonly SharedArrayBuffer[];
  signal: SharedArrayBuffer;
}>;

run(workerData as LineWriterInit);

function run({ fd, rings, signal }: LineWriterInit): void {
  if (!claimWriter(signal)) return;
  const word = new Int32Array(signal);
  for (;;) {
    const seen = Atomics.load(word, 0);
    if (!drainRings(fd, rings)) Atomics.wait(word, 0, seen);
  }
}
