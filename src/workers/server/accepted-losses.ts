/** Reports once that an operator has given up batches of the log. */
import { messageOf } from "../../errors/error-message.ts";
import type { Log } from "../../http/log/request-log.ts";
import { moveAcceptedLosses, readAcceptedLosses } from "../../wal/accepted-loss.ts";

/** Call it once the server serves from what is left. */
export function reportAcceptedLosses(dataDir: string, log: Log): void {
  try {
    for (const { shard, keptUpTo, lostUpTo, timeMs } of readAcceptedLosses(dataDir)) {
      const loss = { shard, keptUpTo, lostUpTo, acceptedAt: new Date(timeMs).toISOString() };
      log.error(loss, "batches of the log are lost, as an operator has accepted");
    }
    moveAcceptedLosses(dataDir, Date.now());
  } catch (error) {
    log.error({ reason: messageOf(error) }, "the note of an accepted loss could not be read");
  }
}
