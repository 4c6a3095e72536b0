/** The state of a shard as a badge. */
import type { ShardStatus } from "../../../gateway/ports.ts";
import { badge } from "../base/format.ts";
import type { Html } from "../base/html.ts";

export function shardState(status: ShardStatus["status"]): Html {
  if (status === "ready") return badge(status, "good");
  return badge(status, status === "failed" || status === "hung" ? "bad" : "warn");
}
