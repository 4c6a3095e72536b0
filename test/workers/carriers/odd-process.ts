/** Stands in for a shard's process where that must behave badly: the log's URL says how. */
import type { FromShardProcess, ToShardProcess } from "../../../src/workers/carriers/process-carrier.ts";

// However its parent leaves it, only a signal ends it.
setInterval(() => {}, 60_000);
process.on("message", (message: ToShardProcess) => {
  if (message.type !== "begin" || message.init.walUrl === "never begins") return;
  process.send?.({ type: "begun" } satisfies FromShardProcess, undefined, undefined, () => process.exit(7));
});
