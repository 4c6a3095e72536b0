import { Chain } from "./chain.ts";
import { explainGap } from "./trimmed.ts";
import type { Batch, LogId, LogStream } from "./wal.ts";

/**
 * Batches after `after` (from the first one when undefined), oldest first, claims left out, about `bytesMax` bytes.
 *
 * @param mayShow where it says no, the reading ends.
 * @throws TrimmedError: what comes next was trimmed. LogError `log_corrupt`: it does not follow.
 */
export async function readBatches(
  stream: LogStream,
  after: LogId | undefined,
  bytesMax: number,
  mayShow: (id: LogId) => boolean,
): Promise<readonly Batch[]> {
  const batches: Batch[] = [];
  const chain = new Chain(stream.name, after === undefined ? "beginning" : { id: after });
  let next = after;
  try {
    while (batches.length === 0) {
      const entries = await stream.read(next, bytesMax);
      if (entries.length === 0) break;
      for (const entry of entries) {
        if (!mayShow(entry.id)) return batches;
        const link = chain.accept(entry);
        if (link.kind === "batch") batches.push(link.batch);
      }
      next = entries.at(-1)?.id;
    }
    return batches;
  } catch (error) {
    throw await explainGap(stream, next, error);
  }
}
