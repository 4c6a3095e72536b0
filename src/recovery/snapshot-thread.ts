/** Takes one snapshot in a thread of its own, and ends: the memory that it took goes with it. */
import { parentPort, workerData } from "node:worker_threads";
import { giveWay } from "../give-way.ts";
import { type SnapshotTask, takeSnapshot } from "./take-snapshot.ts";

// Where all cores are busy for long it must still come to its end, before the log has grown much.
giveWay(5);
parentPort?.postMessage(await takeSnapshot(workerData as SnapshotTask), []);
