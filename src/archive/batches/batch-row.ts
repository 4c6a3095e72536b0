/** Rows of the table `batches` as they are read from the file, and the checksum of each. */
import { crc32 } from "node:zlib";
import { HASH_BYTES } from "../../wal/frame.ts";
import type { Row } from "../database.ts";
import type { BatchRow } from "./batch-chain.ts";

export const ROW_COLUMNS = "id, shard, epoch, seq, time_ms, count, checksum, hash, body";

const FIGURES = ["id", "shard", "epoch", "seq", "time_ms", "count", "checksum"] as const;

export const FAILS_CHECKSUM = "it fails its checksum";

/** `undefined` where a damaged page gives values that no column can have. */
export function batchRowOf(row: Row): BatchRow | undefined {
  const { hash, body } = row;
  if (!(hash instanceof Uint8Array && body instanceof Uint8Array)) return undefined;
  const isFigure = (name: string) => Number.isSafeInteger(row[name]) && (row[name] as number) >= 0;
  if (!FIGURES.every(isFigure)) return undefined;
  return {
    number: row["id"] as number,
    shard: row["shard"] as number,
    id: { epoch: row["epoch"] as number, seq: row["seq"] as number },
    timeMs: row["time_ms"] as number,
    count: row["count"] as number,
    checksum: row["checksum"] as number,
    // Any other length is as wrong as other bytes.
    hash: hash.length === HASH_BYTES ? hash : new Uint8Array(HASH_BYTES),
    body,
  };
}

/** Covers the figures of the row too: a batch under another place would be as wrong as another body. */
export function checksumOf({
  number,
  shard,
  id,
  timeMs,
  count,
  body,
}: Omit<BatchRow, "checksum" | "hash">): number {
  const figures = Float64Array.of(number, shard, id.epoch, id.seq, timeMs, count);
  return crc32(body, crc32(new Uint8Array(figures.buffer)));
}
