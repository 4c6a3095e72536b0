/** Queries a Redis for the doctor. Writes nothing: rights are checked with ACL DRYRUN, or tried on a key that does not exist. */
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import {
  CONFIG_PARAMETERS,
  isLoading,
  parseInfo,
  type RedisValues,
} from "../../wal/redis/redis-configuration.ts";
import { isReplyError, type RedisAddress, RedisConnection } from "../../wal/redis/redis-connection.ts";
import { LogError } from "../../wal/wal.ts";
import { type Finding, ok, problem } from "./finding.ts";
import {
  CLUSTER_COMMANDS,
  DANGEROUS_COMMANDS,
  EXTRA_PARAMETERS,
  examineAlone,
  examineCare,
  examineClock,
  examineDurability,
  examineMember,
  examineRights,
  examineServer,
  NEEDED_COMMANDS,
  type Right,
  type Rights,
  SNAPSHOT_COMMANDS,
} from "./redis-findings.ts";

const TIMEOUT_MS = 5_000;

/** @param name its address, as shown in the findings. @param inCluster it is one member of the log's cluster. */
export async function examineRedis(
  address: RedisAddress,
  name: string,
  inCluster = false,
): Promise<readonly Finding[]> {
  const connection = new RedisConnection({ address, name, timeoutMs: TIMEOUT_MS });
  try {
    return await connection.run((client) => examine(client, { address, name, inCluster }));
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return [
      problem(
        error.message,
        error.code === "log_unavailable"
          ? "start it, or correct WAL_URL"
          : "correct the user and the password in WAL_URL",
      ),
    ];
  } finally {
    connection.close();
  }
}

type Examined = Readonly<{ address: RedisAddress; name: string; inCluster: boolean }>;

async function examine(client: Redis, { address, name, inCluster }: Examined): Promise<readonly Finding[]> {
  const info = await orRefusal(client.info());
  if (typeof info !== "string")
    return [problem(`${name}: INFO is refused: ${info.refused}`, "allow it with the ACL rule +info")];
  const values: RedisValues = { info: parseInfo(info), config: await readConfiguration(client) };
  if (isLoading(values.info)) return [problem(`${name} is loading its data`, "wait, then run this again")];
  return [
    ok(`${name} answers`),
    ...examineServer(values),
    ...examineDurability(values, inCluster),
    ...(inCluster ? examineMember(values) : examineAlone(values)),
    ...examineCare(values),
    ...examineRights(await readRights(client, address.username ?? "default", inCluster), inCluster),
    ...examineClock(values, Date.now()),
  ];
}

async function readConfiguration(client: Redis): Promise<RedisValues["config"]> {
  const config = new Map<string, string>();
  for (const parameter of [...CONFIG_PARAMETERS, ...EXTRA_PARAMETERS]) {
    const reply = await orRefusal(client.config("GET", parameter));
    if (!Array.isArray(reply)) return reply;
    const [name, value] = reply;
    if (name !== undefined && value !== undefined) config.set(name, value);
  }
  return config;
}

async function readRights(client: Redis, user: string, inCluster: boolean): Promise<Rights> {
  const commands = new Map<string, Right>();
  const shard = `daybook:{doctor-${randomUUID()}}`;
  for (const name of [...NEEDED_COMMANDS, ...DANGEROUS_COMMANDS])
    commands.set(name, await checkRight(client, user, `${shard}:wal`, name));
  for (const name of SNAPSHOT_COMMANDS)
    commands.set(name, await checkRight(client, user, `${shard}:snapshot:0`, name));
  if (inCluster)
    for (const name of CLUSTER_COMMANDS)
      commands.set(name, await checkRight(client, user, `${shard}:barrier`, name));
  return { user, commands };
}

const ARGUMENTS: Readonly<
  Record<
    (
      | typeof NEEDED_COMMANDS
      | typeof DANGEROUS_COMMANDS
      | typeof SNAPSHOT_COMMANDS
      | typeof CLUSTER_COMMANDS
    )[number],
    (key: string) => string[]
  >
> = {
  XADD: (key) => [key, "NOMKSTREAM", "1-1", "b", ""],
  XTRIM: (key) => [key, "MAXLEN", "1"],
  DEL: (key) => [key],
  RENAME: (key) => [key, `${key}-renamed`],
  FLUSHALL: () => [],
  RPUSH: (key) => [key, ""],
  LRANGE: (key) => [key, "0", "0"],
  LINDEX: (key) => [key, "0"],
  UNLINK: (key) => [key],
  SET: (key) => [key, "0"],
  WAIT: () => ["0", "1"],
};

/** They would change something, so they are never sent. */
const CHANGING: ReadonlySet<string> = new Set(["FLUSHALL", "RPUSH", "SET"]);

/**
 * Checks a right with ACL DRYRUN. If that is refused, sends the command itself for a key that does not exist, which changes
 * nothing.
 */
async function checkRight(
  client: Redis,
  user: string,
  key: string,
  name: keyof typeof ARGUMENTS,
): Promise<Right> {
  const args = ARGUMENTS[name](key);
  const answer = await orRefusal(client.call("ACL", "DRYRUN", user, name, ...args));
  if (!isRefusal(answer)) return answer === "OK" ? "allowed" : "refused";
  if (CHANGING.has(name)) return "unknown";
  const tried = await orRefusal(client.call(name, ...args));
  return isRefusal(tried) && tried.refused.startsWith("NOPERM") ? "refused" : "allowed";
}

type Refusal = Readonly<{ refused: string }>;

async function orRefusal<T>(reply: Promise<T>): Promise<T | Refusal> {
  try {
    return await reply;
  } catch (error) {
    if (isReplyError(error)) return { refused: error.message };
    throw error;
  }
}

function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && "refused" in value;
}
