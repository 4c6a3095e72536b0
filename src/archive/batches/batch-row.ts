/** Decodes and checksums rows of the table `batches`. */
import { crc32 } from "node:zlib";
import { HASH_BYTES } from "../../wal/frame.ts";
import type { Row } from "../database.ts";
import type { BatchRow } from "./batch-chain.ts";

export const ROW_COLUMNS = "id, shard, epoch, seq, time_ms, count, checksum, hash, body";

const NUMBER_COLUMNS = ["id", "shard", "epoch", "seq", "time_ms", "count", "checksum"] as const;

export const FAILS_CHECKSUM = "it fails its checksum";

/** `undefined` if a damaged page yields values that the columns cannot have. */
export function batchRowOf(row: Row): BatchRow | undefined {
  const { hash, body } = row;
  if (!(hash instanceof Uint8Array && body instanceof Uint8Array)) return undefined;
  const isCount = (name: string) => Number.isSafeInteger(row[name]) && (row[name] as number) >= 0;
  if (!NUMBER_COLUMNS.every(isCount)) return undefined;
  return {
    number: row["id"] as number,
    shard: row["shard"] as number,
    id: { epoch: row["epoch"] as number, seq: row["seq"] as number },
    timeMs: row["time_ms"] as number,
    count: row["count"] as number,
    checksum: row["checksum"] as number,
    // A hash of the wrong length becomes zeros, which are as wrong.
    hash: hash.length === HASH_BYTES ? hash : new Uint8Array(HASH_BYTES),
    body,
  };
}

/** CRC-32 of the row's numbers and body: a batch under another id is as wrong as another body. */
export function checksumOf({
  number,
  shard,
  id,
  timeMs,
  count,
  body,
}: Omit<BatchRow, "checksum" | "hash">): number {
  const numbers = Float64Array.of(number, shard, id.epoch, id.seq, timeMs, count);
  return crc32(body, crc32(new Uint8Array(numbers.buffer)));
}
