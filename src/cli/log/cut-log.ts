/** Deletes the newest batches of a log. Claims stay, so that no id is used twice. */
import { DatabaseSync } from "node:sqlite";
import { addressOf } from "../../wal/open.ts";
import { isReplyError, RedisConnection } from "../../wal/redis/redis-connection.ts";
import { toEntries } from "../../wal/redis/stream-entries.ts";
import { formatLogId, LogError, type LogId } from "../../wal/wal.ts";
import type { LogSettings } from "../settings.ts";

const TIMEOUT_MS = 5_000;
const PAGE_ENTRIES = 128;

/**
 * Deletes the batches above `after`, the newest first, so that no gap is left if it is interrupted. The caller appends a
 * claim behind it, which makes that durable on the replicas of a cluster.
 *
 * @param name of the stream: its key, or its file.
 * @throws LogError `log_misconfigured`: Redis does not allow it, or `log_unavailable`.
 */
export async function cutLog({ location }: LogSettings, name: string, after: LogId): Promise<void> {
  if (location.kind === "sqlite") {
    cutFile(name, after);
    return;
  }
  const connection = new RedisConnection({ address: addressOf(location, name), name, timeoutMs: TIMEOUT_MS });
  try {
    await connection.run(async (client) => {
      for (let end = "+"; ; ) {
        const reply = await client.xrevrangeBuffer(
          name,
          end,
          `(${formatLogId(after)}`,
          "COUNT",
          PAGE_ENTRIES,
        );
        const ids = toEntries(reply).map(({ id }) => id);
        for (const id of ids) if (id.seq > 0) await client.xdel(name, formatLogId(id));
        const oldest = ids.at(-1);
        if (oldest === undefined) return;
        end = `(${formatLogId(oldest)}`;
      }
    });
  } catch (error) {
    if (!isReplyError(error)) throw error;
    throw new LogError(
      "log_misconfigured",
      `${name}: Redis says "${error.message}": give a --wal-url whose user may XDEL`,
      {
        cause: error,
      },
    );
  } finally {
    connection.close();
  }
}

function cutFile(file: string, { epoch, seq }: LogId): void {
  const database = new DatabaseSync(file);
  try {
    database.exec("PRAGMA synchronous = FULL");
    database.prepare("DELETE FROM entry WHERE seq > 0 AND (epoch, seq) > (?, ?)").run(epoch, seq);
  } finally {
    database.close();
  }
}
