/** An account as it was. */
import type { AccountView } from "../actors/command.ts";
import { OperatingError } from "../operating-error.ts";
import { known, type Shards } from "./shards.ts";

export async function accountAt(
  shards: Shards,
  partner: string,
  id: string,
  atMs: number,
): Promise<AccountView | undefined> {
  // What is logged from here on is later: nothing can come to lie before a moment that was shown.
  await until(atMs);
  const shard = shards.ofAccount(partner, id);
  const { position, result } = await shards.ask(shard, partner, ["tick", atMs, id]);
  if (!result) throw new OperatingError("log_unavailable", "log time has not come to this moment yet");
  return shards.archive.accountAt({ partner, account: id, atMs }, known([position]));
}

/** A moment that is a little ahead of this clock is waited for. */
async function until(atMs: number): Promise<void> {
  const aheadMs = atMs - Date.now();
  if (aheadMs >= 0) await new Promise((resolve) => setTimeout(resolve, aheadMs + 1));
}
