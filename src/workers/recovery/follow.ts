/** Reads a log without owning it. */
import { Chain } from "../../wal/chain.ts";
import { toTrimmedError } from "../../wal/trimmed-log.ts";
import {
  type Batch,
  compareLogIds,
  formatLogId,
  LogError,
  type LogId,
  type LogStream,
  type Witness,
} from "../../wal/wal.ts";

/** Reads are short, because they share the store with the owner's appends. */
const READ_BYTES = 1 << 20;

/** How far to read, inclusive: up to this batch, which must exist; up to this log time; absent: to the end. */
export type ReadLimit = Readonly<{ id?: LogId; timeMs?: number }>;

/**
 * Calls `visit` with the batches after `from` (undefined: from the beginning), in order. Each is checked against the
 * hash chain.
 *
 * @throws LogError `log_corrupt`: an entry is bad. `log_lost_data`: the log ends before `until.id`. TrimmedError: the
 *   next entry was trimmed, perhaps during this read.
 */
export async function followLog(
  stream: LogStream,
  from: Witness | undefined,
  until: ReadLimit,
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
    throw await toTrimmedError(stream, at, error);
  }
  if (until.id === undefined) return;
  const end = at === undefined ? "is empty" : `ends at ${formatLogId(at)}`;
  throw new LogError("log_lost_data", `${stream.name} ${end}, before ${formatLogId(until.id)}`);
}
