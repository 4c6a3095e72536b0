/** Reads the settings and the state of a Redis on a connection, repeatedly, and remembers what it found. */
import type { Redis } from "ioredis";
import { LogError } from "../wal.ts";
import {
  CONFIG_PARAMETERS,
  describeFullness,
  findConfigurationProblems,
  isLoading,
  isMaster,
  isRewriting,
  parseInfo,
  type RedisValues,
} from "./redis-configuration.ts";
import { isReplyError } from "./redis-connection.ts";

const EVERY_MS = 2_000;

export type RedisAuditOptions = Readonly<{
  /** How often the settings are read again while the stream is in use. */
  auditEveryMs?: number;
  /** Report settings that may lose data instead of refusing them: the operator's explicit choice. */
  allowWeakDurability?: boolean;
  /** Called with all problems whenever they change, and with none once they are fixed. */
  onProblems?: (problems: readonly string[]) => void;
  /** Called with each reply of INFO, by field. */
  onInfo?: (info: RedisValues["info"]) => void;
  /** Called with a reason once Redis is nearly full, and with `undefined` once it no longer is. */
  onFull?: (reason: string | undefined) => void;
}>;

export class RedisAudit {
  readonly #name: string;
  readonly #options: RedisAuditOptions;
  /** In a cluster another server may take over: one that is no master is not the one to ask. */
  readonly #inCluster: boolean;
  #runId: string | undefined;
  #auditedMs = 0;
  #fullReason: string | undefined;
  /** How many changes of the Redis process have been noticed: restarts, and in a cluster changes of the primary. */
  restarts = 0;
  problems: readonly string[] = [];
  /** Why this Redis must not be written to; `undefined` if it may. */
  error: LogError | undefined;
  /** The reply of the last INFO, by field. */
  info: RedisValues["info"] = new Map();

  constructor(name: string, options: RedisAuditOptions, inCluster = false) {
    this.#name = name;
    this.#options = options;
    this.#inCluster = inCluster;
  }

  get isDue(): boolean {
    return performance.now() - this.#auditedMs >= (this.#options.auditEveryMs ?? EVERY_MS);
  }

  /** Reads the settings and the run id, and updates `error`, `problems` and `restarts`. @throws LogError */
  async run(client: Redis): Promise<void> {
    this.#auditedMs = performance.now();
    const values = await readRedisValues(client, this.#name);
    if (isLoading(values.info)) throw this.#unavailable("Redis is loading its data");
    if (this.#inCluster && !isMaster(values.info)) throw this.#unavailable("this Redis is not the primary");
    // A server that found the AOF off has stopped. Its successor must wait until the new AOF is complete.
    if (this.#runId === undefined && isRewriting(values.info) && !this.#inCluster)
      throw this.#unavailable("Redis rewrites its AOF");
    const runId = values.info.get("run_id");
    if (this.#runId !== undefined && runId !== this.#runId) this.restarts += 1;
    this.#runId = runId;
    this.info = values.info;
    this.#options.onInfo?.(values.info);
    this.#judge(values);
  }

  #judge(values: RedisValues): void {
    const problems = findConfigurationProblems(values);
    const { allowWeakDurability = false, onProblems, onFull } = this.#options;
    this.error =
      problems.length === 0 || allowWeakDurability
        ? undefined
        : new LogError(
            "log_misconfigured",
            `${this.#name}: this Redis may lose data: ${problems.join("; ")}`,
          );
    if (problems.join() !== this.problems.join()) onProblems?.(problems);
    const full = describeFullness(values.info);
    if ((full === undefined) !== (this.#fullReason === undefined)) onFull?.(full);
    this.#fullReason = full;
    this.problems = problems;
  }

  #unavailable(reason: string): LogError {
    return new LogError("log_unavailable", `${this.#name}: ${reason}`);
  }
}

/** @param name of the stream or the server, for errors. @throws LogError Redis refuses INFO. */
export async function readRedisValues(client: Redis, name: string): Promise<RedisValues> {
  const info = client.info();
  const parameters = CONFIG_PARAMETERS.map((parameter) => client.config("GET", parameter));
  const [infoReply, ...replies] = await Promise.allSettled([info, ...parameters]);
  if (infoReply.status === "rejected") throw toLogError(name, infoReply.reason);
  const config = new Map<string, string>();
  for (const reply of replies) {
    if (reply.status === "rejected") {
      if (!isReplyError(reply.reason)) throw reply.reason;
      return { info: parseInfo(infoReply.value), config: { refused: reply.reason.message } };
    }
    const [parameter, value] = reply.value;
    if (parameter !== undefined && value !== undefined) config.set(parameter, value);
  }
  return { info: parseInfo(infoReply.value), config };
}

/** Turns error replies to reads into LogErrors. Other errors are returned unchanged. */
export function toLogError(name: string, error: unknown): unknown {
  if (!isReplyError(error)) return error;
  const message = `${name}: Redis says "${error.message}"`;
  if (error.message.startsWith("WRONGTYPE")) {
    return new LogError("log_corrupt", `${message}: the key does not hold a stream`, { cause: error });
  }
  const denied = error.message.startsWith("NOPERM") || error.message.startsWith("NOAUTH");
  return new LogError(denied ? "log_misconfigured" : "log_unavailable", message, { cause: error });
}
