/** Reading a log without owning it. */
import { Chain } from "../wal/chain.ts";
import {
  type Batch,
  compareLogIds,
  formatLogId,
  LogError,
  type LogId,
  type LogStream,
  type Witness,
} from "../wal/wal.ts";

/** Pages are short, since they share the store with the owner's appends. */
const READ_BYTES = 1 << 20;

/**
 * Hands every batch after `from` (from the beginning when undefined) up to and with `until` to `visit`, in order, each
 * checked against the one before.
 *
 * @throws LogError `log_corrupt`: at the first bad entry. `log_lost_data`: the log ends before `until`.
 */
export async function followLog(
  stream: LogStream,
  from: Witness | undefined,
  until: LogId,
  visit: (batch: Batch) => void,
): Promise<void> {
  const chain = new Chain(stream.name, from ?? "beginning");
  let at = from?.id;
  while (at === undefined || compareLogIds(at, until) < 0) {
    const entries = await stream.read(at, READ_BYTES);
    if (entries.length === 0) {
      const end = at === undefined ? "is empty" : `ends at ${formatLogId(at)}`;
      throw new LogError("log_lost_data", `${stream.name} ${end}, before ${formatLogId(until)}`);
    }
    for (const entry of entries) {
      if (compareLogIds(entry.id, until) > 0) return;
      const link = chain.accept(entry);
      if (link.kind === "batch") visit(link.batch);
      at = entry.id;
    }
  }
}
