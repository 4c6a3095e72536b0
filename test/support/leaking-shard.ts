/**
 * Preloaded into a server (`node --import`), its threads and processes: the shard that opens the account `LEAK`, or replays
 * that, keeps more and more from then on, as a bug might, until its heap is full. Nothing else is slower for it.
 */
import { threadName } from "node:worker_threads";

const leak = process.env["LEAK"];
const set = Map.prototype.set;
const kept: number[][] = [];

/** Gateways and the archive know accounts by id as well. */
if (leak !== undefined && !/^(?:gateway|archive)/.test(threadName ?? "")) {
  Map.prototype.set = function (key: unknown, value: unknown) {
    if (key === leak && kept.length === 0) setInterval(() => kept.push(new Array(50_000).fill(0.5)), 1);
    return set.call(this, key, value);
  };
}
