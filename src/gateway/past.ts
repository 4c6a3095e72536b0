/** Accounts as they were. */
import type { AccountView } from "../actors/command.ts";
import { InvalidTime } from "../invalid-time.ts";
import { OperatingError } from "../operating-error.ts";
import { flowOwnerOfSubject } from "./owners.ts";
import { known, type Shards } from "./shards.ts";

/** How far the clock of a client may be ahead of log time. */
const AHEAD_MS_MAX = 1000;
const SLOT_MS = 100;

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
  return shards.turns.pages.run(partner, flowOwnerOfSubject(partner, id), undefined, () =>
    shards.archive.accountAt({ partner, account: id, atMs }, known([position])),
  );
}

/**
 * Waits for log time to pass this moment, and on to the end of its slot: so that all who ask about one slot are served by one
 * record, and reads make ten records a second at most.
 */
async function reach(shards: Shards, partner: string, shard: number, atMs: number): Promise<void> {
  const endMs = (Math.floor(atMs / SLOT_MS) + 1) * SLOT_MS;
  for (;;) {
    const { result: nowMs } = await shards.ask(shard, partner, ["time"]);
    if (atMs - nowMs > AHEAD_MS_MAX) throw new InvalidTime("at", "must not be in the future");
    const aheadMs = endMs - nowMs;
    if (aheadMs <= 0) return;
    await new Promise((resolve) => setTimeout(resolve, aheadMs));
  }
}
