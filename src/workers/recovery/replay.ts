/** From a batch of the log to the state that it made. */
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { readRecords } from "../../actors/records/codec.ts";
import { assert } from "../../errors/assert.ts";
import { corrupt } from "../../wal/chain.ts";
import type { Batch } from "../../wal/wal.ts";

/** A million keys that end at one moment must not hold up a batch. */
export const KEYS_SWEPT_PER_BATCH = 10_000;

/**
 * Applies all records of a batch. Their bytes are as somebody wrote them, so one that cannot be read or applied was
 * written by a stranger, or by another version: it would fail at every start, and nothing behind it may be served.
 *
 * @param log its name, for the message.
 * @throws LogError `log_corrupt`: names the batch and the record.
 */
export function replayBatch(ledger: Ledger, log: string, batch: Batch): void {
  const { id, timeMs, count, body } = batch;
  let index = 0;
  try {
    readRecords(body, (command, outcome) => {
      // What is replayed is durable: no read has to wait for it.
      ledger.apply(command, outcome, { epoch: id.epoch, seq: id.seq, index, timeMs }, 0);
      index += 1;
    });
    assert(index === count, "a batch holds as many records as it says");
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    throw corrupt(log, id, `its record ${index} cannot be replayed: ${cause.message}`, cause);
  }
  ledger.keys.sweep(timeMs, KEYS_SWEPT_PER_BATCH);
}
