/** Deletes the newest batches of a log. Claims stay, so that no id is used twice. */
import { DatabaseSync } from "node:sqlite";
import type { Redis } from "ioredis";
import { addressOf } from "../../wal/open.ts";
import { isReplyError, RedisConnection } from "../../wal/redis/redis-connection.ts";
import { toEntries } from "../../wal/redis/stream-entries.ts";
import { formatLogId, type LogId } from "../../wal/wal.ts";
import { OperatorError } from "../errors.ts";
import type { LogSettings } from "../settings.ts";

type RedisLocation = Exclude<LogSettings["location"], { kind: "sqlite" }>;

const TIMEOUT_MS = 5_000;
const PAGE_ENTRIES = 128;
/** No entry has this id. */
const NO_ENTRY = "0-0";

/**
 * Checks that the login of Redis may delete batches, before anything is changed: that of the server may not.
 *
 * @param name of the stream.
 * @throws OperatorError it may not. LogError `log_unavailable`.
 */
export async function checkMayCut({ location }: LogSettings, name: string): Promise<void> {
  if (location.kind === "sqlite") return;
  await onRedis(location, name, (client) => client.xdel(name, NO_ENTRY));
}

/**
 * Deletes the batches above `after`, the newest first, so that no gap is left if it is interrupted. In a cluster the
 * replicas may lack that until they confirm a later write.
 *
 * @param name of the stream: its key, or its file.
 * @throws OperatorError Redis does not allow it. LogError `log_unavailable`.
 */
export async function cutLog({ location }: LogSettings, name: string, after: LogId): Promise<void> {
  if (location.kind === "sqlite") {
    cutFile(name, after);
    return;
  }
  await onRedis(location, name, async (client) => {
    for (let end = "+"; ; ) {
      const reply = await client.xrevrangeBuffer(name, end, `(${formatLogId(after)}`, "COUNT", PAGE_ENTRIES);
      const ids = toEntries(reply).map(({ id }) => id);
      for (const id of ids) if (id.seq > 0) await client.xdel(name, formatLogId(id));
      const oldest = ids.at(-1);
      if (oldest === undefined) return;
      end = `(${formatLogId(oldest)}`;
    }
  });
}

async function onRedis(
  location: RedisLocation,
  name: string,
  commands: (client: Redis) => Promise<unknown>,
): Promise<void> {
  const connection = new RedisConnection({ address: addressOf(location, name), name, timeoutMs: TIMEOUT_MS });
  try {
    await connection.run(commands);
  } catch (error) {
    if (!isReplyError(error)) throw error;
    throw new OperatorError(
      `${name} must be cut, which the Redis user ${userOf(location)} may not: run the command as a user that may XDEL, such as "operator": WAL_URL=redis…://operator:password@… (Redis says "${error.message}")`,
      { cause: error },
    );
  } finally {
    connection.close();
  }
}

function userOf(location: RedisLocation): string {
  const login = location.kind === "redis" ? location.address : location.members[0];
  return `"${login?.username ?? "default"}"`;
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
