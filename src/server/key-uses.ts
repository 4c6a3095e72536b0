/** When keys were last used is a thing that gateways tell each other: a list of keys shows the use at any of them. */
import type { Directory, KeyUse } from "../gateway/directory.ts";

const EVERY_MS = 1_000;

/** Tells once a second which keys have been used. */
export function watchUses(directory: Directory, tell: (uses: readonly KeyUse[]) => void): void {
  let sinceMs = 0;
  setInterval(() => {
    const nowMs = Date.now();
    const uses = directory.usesSince(sinceMs);
    sinceMs = nowMs;
    if (uses.length > 0) tell(uses);
  }, EVERY_MS).unref();
}
