/** Measures or estimates the size of a stream without reading all of it. */
import { statSync } from "node:fs";
import { addressOf } from "../../wal/open.ts";
import { isReplyError, RedisConnection } from "../../wal/redis/redis-connection.ts";
import { countEntries } from "../../wal/sqlite/sqlite-stream.ts";
import { LogError } from "../../wal/wal.ts";
import type { LogSettings } from "../settings.ts";
import type { ShardStream } from "./streams.ts";

const TIMEOUT_MS = 5_000;
const SAMPLE_ENTRIES = 32;

/** For Redis, `bytes` is estimated from the newest entries; for sqlite it is the size of the files. */
export type StreamSize = Readonly<{ entries: number; bytes: number; exact: boolean }>;

/** @returns zeros if the stream does not exist. @throws LogError as the stream's methods do. */
export async function measureStream(settings: LogSettings, { stream }: ShardStream): Promise<StreamSize> {
  if (settings.location.kind === "sqlite") {
    const sizes = ["", "-wal"].map(
      (end) => statSync(`${stream.name}${end}`, { throwIfNoEntry: false })?.size ?? 0,
    );
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    return { entries: countEntries(stream.name), bytes, exact: true };
  }
  const connection = new RedisConnection({
    address: addressOf(settings.location, stream.name),
    name: stream.name,
    timeoutMs: TIMEOUT_MS,
  });
  try {
    return await connection.run(async (client) => {
      const entries = await client.xlen(stream.name);
      const sample = await client.xrevrangeBuffer(stream.name, "+", "-", "COUNT", SAMPLE_ENTRIES);
      const sampled = sample.reduce((sum, [, fields]) => sum + (fields[1]?.byteLength ?? 0), 0);
      const bytes = sample.length === 0 ? 0 : Math.round((sampled / sample.length) * entries);
      return { entries, bytes, exact: sample.length === entries };
    });
  } catch (error) {
    if (!isReplyError(error)) throw error;
    const code = error.message.startsWith("WRONGTYPE") ? "log_corrupt" : "log_misconfigured";
    throw new LogError(code, `${stream.name}: Redis says "${error.message}"`, { cause: error });
  } finally {
    connection.close();
  }
}
