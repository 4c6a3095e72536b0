/** Takes one snapshot in a thread of its own, and ends: the memory that it took goes with it. */
import { parentPort, workerData } from "node:worker_threads";
import { giveWay } from "../carriers/give-way.ts";
import type { FromSnapshotThread } from "./snapshot-worker.ts";
import { type SnapshotTask, takeSnapshot } from "./take-snapshot.ts";

const PROGRESS_EVERY_MS = 1_000;

function send(message: FromSnapshotThread): void {
  parentPort?.postMessage(message, []);
}

let toldMs = performance.now();

function progress(): void {
  const nowMs = performance.now();
  if (nowMs - toldMs < PROGRESS_EVERY_MS) return;
  toldMs = nowMs;
  send({ kind: "progress" });
}

// Where all cores are busy for long it must still come to its end, before the log has grown much.
giveWay(5);
send({ kind: "taken", report: await takeSnapshot(workerData as SnapshotTask, progress) });
