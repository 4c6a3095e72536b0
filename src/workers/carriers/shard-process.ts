/**
 * What a shard's process runs: one shard, from its claim to its end. It obeys the process that started it, and does not
 * outlive it.
 */
import { removeSocketFolder } from "../channels/socket-folder.ts";
import { crashOf, type ShardExit } from "../shard/messages.ts";
import type { ShardInit } from "./carrier.ts";
import { createShard, type Shard } from "./create-shard.ts";
import type { FromShardProcess, ToShardProcess } from "./process-carrier.ts";

let shard: Shard | undefined;
/** The folder of the sockets, which nobody else removes when the parent was killed. */
let sockets: string | undefined;

function send(message: FromShardProcess): void {
  // Nobody hears it when the channel is closed; "disconnect" says so.
  process.send?.(message, undefined, undefined, () => {});
}

function end(exit: ShardExit): void {
  process.send?.({ type: "ended", exit } satisfies FromShardProcess, undefined, undefined, () =>
    process.exit(0),
  );
}

function crash(error: unknown): void {
  send({ type: "ended", exit: crashOf(error) });
  // At once: nothing may happen any more to what a bug has left in memory.
  process.exit(1);
}

function begin(init: ShardInit): void {
  process.title = `daybook shard ${init.shard}`;
  shard = createShard(init, 0, send);
  send({ type: "begun" });
  shard.run().then(end, crash);
}

process.on("uncaughtException", crash);
// They reach the whole group, but the parent has to drain first: it says when to end.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("disconnect", () => {
  if (sockets !== undefined) removeSocketFolder(sockets);
  process.exit(1);
});
process.on("message", (message: ToShardProcess) => {
  if (message.type === "begin") {
    sockets = message.sockets;
    begin(message.init);
  } else shard?.control(message);
});
