/** Accounts as they were. */
import type { AccountView } from "../actors/command.ts";
import { InvalidTime } from "../invalid-time.ts";
import { OperatingError } from "../operating-error.ts";
import { known, type Shards } from "./shards.ts";

/** How far the clock of a client may be ahead of log time. */
const AHEAD_MS_MAX = 1000;

/** @throws InvalidTime `atMs` is in the future. @throws OperatingError */
export async function accountAt(
  shards: Shards,
  partner: string,
  id: string,
  atMs: number,
): Promise<AccountView | undefined> {
  const shard = shards.ofAccount(partner, id);
  await reach(shards, partner, shard, atMs);
  // What is logged from here on is later: nothing can come to lie before a moment that was shown.
  const { position, result } = await shards.ask(shard, partner, ["tick", atMs, id]);
  if (!result) throw new OperatingError("log_unavailable", "log time has not come to this moment yet");
  return shards.archive.accountAt({ partner, account: id, atMs }, known([position]));
}

/** Waits for a moment that log time will reach soon. */
async function reach(shards: Shards, partner: string, shard: number, atMs: number): Promise<void> {
  for (;;) {
    const { result: nowMs } = await shards.ask(shard, partner, ["time"]);
    const aheadMs = atMs - nowMs;
    if (aheadMs < 0) return;
    if (aheadMs > AHEAD_MS_MAX) throw new InvalidTime("at", "must not be in the future");
    await new Promise((resolve) => setTimeout(resolve, aheadMs + 1));
  }
}
