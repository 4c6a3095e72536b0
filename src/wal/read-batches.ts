/** Reads batches from a stream and checks their chain. */
import { Chain } from "./chain.ts";
import { toTrimmedError } from "./trimmed-log.ts";
import {
  type Batch,
  compareLogIds,
  type LogId,
  type LogStream,
  type StoredEntry,
  type Witness,
} from "./wal.ts";

/**
 * Passes the batches after `from` to `visit`, up to the entry `end` and the entries read together with it. It stops
 * there because a live owner may append for ever.
 *
 * @param ask reads entries after an id.
 * @returns the newest batch; `undefined` if the log ends before `end`.
 * @throws LogError `log_corrupt`: at the first bad entry.
 */
export async function readUpTo({
  name,
  ask,
  from,
  end,
  visit,
}: Readonly<{
  name: string;
  ask: (after: LogId | undefined) => Promise<readonly StoredEntry[]>;
  from: Witness | undefined;
  end: LogId;
  visit: (batch: Batch) => void;
}>): Promise<Witness | undefined> {
  const chain = new Chain(name, from ?? "beginning");
  for (let after = from?.id; after === undefined || compareLogIds(after, end) < 0; ) {
    const entries = await ask(after);
    if (entries.length === 0) return undefined;
    for (const entry of entries) {
      const link = chain.accept(entry);
      if (link.kind === "batch") visit(link.batch);
    }
    after = entries.at(-1)?.id;
  }
  return chain.tail;
}

/**
 * Batches after `after` (from the first one when undefined), oldest first, without claims, about `bytesMax` bytes.
 *
 * @param mayShow reading stops at the first entry for which it returns false.
 * @throws TrimmedError: the next batch was trimmed. LogError `log_corrupt`: an entry is bad or does not follow.
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
    throw await toTrimmedError(stream, next, error);
  }
}
