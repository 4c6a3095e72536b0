/** The program of a shard's process: runs one shard, takes control messages from its parent, exits with its parent. */
import { removeSocketFolder } from "../channels/socket-folder.ts";
import { crashOf, type ShardExit } from "../shard/messages.ts";
import type { ShardInit } from "./carrier.ts";
import { createShard, type Shard } from "./create-shard.ts";
import type { FromShardProcess, ToShardProcess } from "./process-carrier.ts";

let shard: Shard | undefined;
/** The folder of the sockets; the children remove it if the parent was killed. */
let sockets: string | undefined;

function send(message: FromShardProcess): void {
  // The callback swallows the error of a closed channel; "disconnect" handles that.
  process.send?.(message, undefined, undefined, () => {});
}

function end(exit: ShardExit): void {
  process.send?.({ type: "ended", exit } satisfies FromShardProcess, undefined, undefined, () =>
    process.exit(0),
  );
}

function crash(error: unknown): void {
  send({ type: "ended", exit: crashOf(error) });
  // Exit immediately: memory may be inconsistent after a bug.
  process.exit(1);
}

function begin(init: ShardInit): void {
  process.title = `daybook shard ${init.shard}`;
  shard = createShard(init, 0, send);
  send({ type: "begun" });
  shard.run().then(end, crash);
}

process.on("uncaughtException", crash);
// Signals reach the whole process group, but the parent drains first and then tells the shards to stop.
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
