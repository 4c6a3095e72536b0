/** Replaces a shard's process to misbehave in the way that the log's URL names. */
import type { FromShardProcess, ToShardProcess } from "../../../src/workers/carriers/process-carrier.ts";

// Only a signal ends it, even after its IPC channel is closed.
setInterval(() => {}, 60_000);
process.on("message", (message: ToShardProcess) => {
  if (message.type !== "begin" || message.init.walUrl === "never begins") return;
  process.send?.({ type: "begun" } satisfies FromShardProcess, undefined, undefined, () => process.exit(7));
});
