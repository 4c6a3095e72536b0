/**
 * Preloaded into a server (`node --import`), its threads and processes. The shard that opens the account `LEAK`, or
 * replays that, leaks memory from then on, as a bug might, until its heap is full. Nothing else slows down.
 */
import { threadName } from "node:worker_threads";

const leak = process.env["LEAK"];
const kept: number[][] = [];

class LeakingMap<K, V> extends Map<K, V> {
  override set(key: K, value: V): this {
    if (key === leak && kept.length === 0) setInterval(() => kept.push(new Array(50_000).fill(0.5)), 1);
    return super.set(key, value);
  }
}

/** Gateways and the archive know accounts by id as well. */
if (leak !== undefined && !/^(?:gateway|archive)/.test(threadName ?? ""))
  Object.assign(globalThis, { Map: LeakingMap });
