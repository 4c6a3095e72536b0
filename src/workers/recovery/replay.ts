/** Replays a batch of the log. */
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { readRecords } from "../../actors/records/codec.ts";
import { assert } from "../../errors/assert.ts";
import { corruptError } from "../../wal/chain.ts";
import type { Batch } from "../../wal/wal.ts";

/** Bounds the work for each batch, even if a million keys expire at one moment. */
export const KEYS_SWEPT_PER_BATCH = 10_000;

/**
 * Applies all records of a batch. The CRC is right, so a record that cannot be applied was written by another version
 * or another program: it would fail at every start, and records after it must not be served.
 *
 * @param log name of the log, for the message.
 * @throws LogError `log_corrupt`: names the batch and the record.
 */
export function replayBatch(ledger: Ledger, log: string, batch: Batch): void {
  const { id, timeMs, count, body } = batch;
  let index = 0;
  try {
    readRecords(body, (command, outcome) => {
      // Batch 0: replayed records are durable, so no read has to wait for them.
      ledger.apply(command, outcome, { epoch: id.epoch, seq: id.seq, index, timeMs }, 0);
      index += 1;
    });
    assert(index === count, "a batch holds as many records as it says");
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    throw corruptError(log, id, `its record ${index} cannot be replayed: ${cause.message}`, cause);
  }
  ledger.keys.sweep(timeMs, KEYS_SWEPT_PER_BATCH);
}
