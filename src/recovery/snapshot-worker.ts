import { Worker } from "node:worker_threads";
import type { SnapshotReport, SnapshotTask } from "./take-snapshot.ts";

/** Takes a snapshot in a thread of its own, which gives way to all others. Rejects with why it could not be taken. */
export function takeSnapshotInThread(task: SnapshotTask): Promise<SnapshotReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./snapshot-thread.ts", import.meta.url), {
      workerData: task,
      name: `snapshot ${task.shard}`,
    });
    worker.once("message", resolve);
    worker.once("error", reject);
    // Says nothing new to whoever has its answer.
    worker.once("exit", (code) => reject(new Error(`the snapshot's thread ended with code ${code}`)));
  });
}
