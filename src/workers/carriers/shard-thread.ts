/** The task of a worker thread: runs one shard. */
import { type MessagePort, threadId } from "node:worker_threads";
import type { ShardExit, ToShard } from "../shard/messages.ts";
import type { ShardInit } from "./carrier.ts";
import { createShard } from "./create-shard.ts";

/** Resolves when the shard has ended; the thread is then free for the next one. */
export async function runShardThread({
  init,
  control,
}: {
  init: ShardInit;
  control: MessagePort;
}): Promise<ShardExit> {
  const shard = createShard(init, threadId, (message) => control.postMessage(message, []));
  control.on("message", (message: ToShard) => shard.control(message));
  const exit = await shard.run();
  control.close();
  return exit;
}
