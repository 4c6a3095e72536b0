import { Worker } from "node:worker_threads";
import { ASK_EVERY_MS, describeSilence, Watchdog, type WatchLimits } from "../carriers/watchdog.ts";
import type { SnapshotReport, SnapshotTask } from "./take-snapshot.ts";

export type FromSnapshotThread =
  | Readonly<{ kind: "progress" }>
  | Readonly<{ kind: "taken"; report: SnapshotReport }>;

/** Longest time between two signs of progress. The thread has low priority, so on a busy machine it may wait long. */
const SILENT_MS_MAX = 120_000;
const WATCH_LIMITS: WatchLimits = { silentMs: SILENT_MS_MAX, hungMs: SILENT_MS_MAX, startMs: SILENT_MS_MAX };

/**
 * Takes a snapshot in a thread of low priority. A thread without progress is terminated.
 *
 * @throws Error (as a rejection) why the snapshot could not be taken.
 */
export function takeSnapshotInThread(
  task: SnapshotTask,
  program = new URL("./snapshot-thread.ts", import.meta.url),
  limits: WatchLimits = WATCH_LIMITS,
): Promise<SnapshotReport> {
  const { promise, resolve, reject } = Promise.withResolvers<SnapshotReport>();
  const worker = new Worker(program, { workerData: task, name: `snapshot ${task.shard}` });
  const watchdog = new Watchdog(limits, performance.now());
  const timer = setInterval(() => {
    if (watchdog.look(performance.now()) !== "hung") return;
    reject(new Error(`the snapshot's thread made no progress: ${describeSilence(watchdog.silentMs)}`));
    void worker.terminate();
  }, ASK_EVERY_MS);
  worker.on("message", (message: FromSnapshotThread) => {
    watchdog.answered();
    if (message.kind === "taken") resolve(message.report);
  });
  worker.once("error", reject);
  worker.once("exit", (code) => {
    clearInterval(timer);
    // No effect if the promise is settled already.
    reject(new Error(`the snapshot's thread ended with code ${code}`));
  });
  return promise;
}
