/** Thread that takes one snapshot and ends, which frees its memory. */
import { parentPort, workerData } from "node:worker_threads";
import { lowerThreadPriority } from "../carriers/thread-priority.ts";
import type { FromSnapshotThread } from "./snapshot-worker.ts";
import { type SnapshotTask, takeSnapshot } from "./take-snapshot.ts";

const PROGRESS_EVERY_MS = 1_000;

function send(message: FromSnapshotThread): void {
  parentPort?.postMessage(message, []);
}

let reportedMs = performance.now();

function progress(): void {
  const nowMs = performance.now();
  if (nowMs - reportedMs < PROGRESS_EVERY_MS) return;
  reportedMs = nowMs;
  send({ kind: "progress" });
}

// Not the lowest priority: the snapshot must also finish on a machine whose cores are always busy.
lowerThreadPriority(5);
send({ kind: "taken", report: await takeSnapshot(workerData as SnapshotTask, progress) });
