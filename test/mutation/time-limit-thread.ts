/** The thread of time-limit.ts: looks ten times per second whether the deadline has passed. */
import { workerData } from "node:worker_threads";

const deadline = workerData as BigInt64Array<SharedArrayBuffer>;

setInterval(() => {
  const atNs = Atomics.load(deadline, 0);
  if (atNs !== 0n && process.hrtime.bigint() > atNs) process.kill(process.pid, "SIGKILL");
}, 100);
