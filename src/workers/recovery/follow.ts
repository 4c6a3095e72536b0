/** Reading a log without owning it. */
import { Chain } from "../../wal/chain.ts";
import { explainGap } from "../../wal/trimmed.ts";
import {
  type Batch,
  compareLogIds,
  formatLogId,
  LogError,
  type LogId,
  type LogStream,
  type Witness,
} from "../../wal/wal.ts";

/** Pages are short, since they share the store with the owner's appends. */
const READ_BYTES = 1 << 20;

/** How far to read: up to a batch, which must be there; up to a time; or up to the end. Both ends belong to it. */
export type Until = Readonly<{ id?: LogId; timeMs?: number }>;

/**
 * Hands the batches after `from` (from the beginning when undefined) to `visit`, in order, each checked against the one
 * before.
 *
 * @throws LogError `log_corrupt`: at the first bad entry. `log_lost_data`: the log ends before `until.id`. TrimmedError:
 *   what comes next was trimmed, perhaps while this was reading.
 */
export async function followLog(
  stream: LogStream,
  from: Witness | undefined,
  until: Until,
  visit: (batch: Batch) => void,
): Promise<void> {
  const chain = new Chain(stream.name, from ?? "beginning");
  let at = from?.id;
  try {
    for (;;) {
      const entries = await stream.read(at, READ_BYTES);
      for (const entry of entries) {
        if (until.id !== undefined && compareLogIds(entry.id, until.id) > 0) return;
        const link = chain.accept(entry);
        at = entry.id;
        if (link.kind === "claim") continue;
        if (until.timeMs !== undefined && link.batch.timeMs > until.timeMs) return;
        visit(link.batch);
      }
      if (until.id !== undefined && at !== undefined && compareLogIds(at, until.id) >= 0) return;
      if (entries.length === 0) break;
    }
  } catch (error) {
    throw await explainGap(stream, at, error);
  }
  if (until.id === undefined) return;
  const end = at === undefined ? "is empty" : `ends at ${formatLogId(at)}`;
  throw new LogError("log_lost_data", `${stream.name} ${end}, before ${formatLogId(until.id)}`);
}
