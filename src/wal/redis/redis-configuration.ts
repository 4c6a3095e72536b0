/** Checks that the settings of a Redis make its acknowledged writes durable. Pure: values in, problems out. */

export type RedisValues = Readonly<{
  /** The reply of INFO, by field. */
  info: ReadonlyMap<string, string>;
  /** The replies of CONFIG GET, by parameter; or the error with which Redis refused. */
  config: ReadonlyMap<string, string> | Readonly<{ refused: string }>;
}>;

/** The parameters that `findConfigurationProblems` looks at. */
export const CONFIG_PARAMETERS = ["appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy"] as const;

/**
 * One line per problem: the setting, the required value, and the reason. Empty if there is none.
 *
 * @param mayBeReplica it is a member of a cluster, whose replicas must have the same settings.
 */
export function findConfigurationProblems(
  { info, config }: RedisValues,
  mayBeReplica = false,
): readonly string[] {
  const problems: string[] = [];
  const role = info.get("role");
  if (role !== "master" && !mayBeReplica)
    problems.push(`it is a ${role ?? "server of unknown role"}, not a master`);
  if (info.get("aof_enabled") !== "1")
    problems.push("appendonly is no, must be yes: a restart loses everything");
  const written = info.get("aof_last_write_status");
  if (written !== undefined && written !== "ok") {
    problems.push(`aof_last_write_status is ${written}: it cannot write its AOF`);
  }
  if ("refused" in config) {
    problems.push(
      `CONFIG GET is refused (${config.refused}): allow it with the ACL rule +config|get, so that durability can be checked`,
    );
    return problems;
  }
  const require = (parameter: (typeof CONFIG_PARAMETERS)[number], wanted: string, why: string): void => {
    const found = config.get(parameter);
    if (found !== wanted) problems.push(`${parameter} is ${found ?? "unknown"}, must be ${wanted}: ${why}`);
  };
  require("appendfsync", "always", "it answers before the disk has the data");
  require("no-appendfsync-on-rewrite", "no", "during a rewrite it answers before the disk has the data");
  require("maxmemory-policy", "noeviction", "it may drop the log when memory is short");
  return problems;
}

/** Share of `maxmemory` from which Redis counts as full. The rest is headroom for writes until space is freed. */
const FULL_SHARE = 0.9;

/** Says how full Redis is once it is nearly full, i.e. new commands should be refused; else `undefined`. */
export function describeFullness(info: RedisValues["info"]): string | undefined {
  const used = Number(info.get("used_memory"));
  const max = Number(info.get("maxmemory"));
  if (!(max > 0) || !(used > FULL_SHARE * max)) return undefined;
  return `Redis uses ${megabytes(used)} of ${megabytes(max)} MB (maxmemory)`;
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}

export function isMaster(info: ReadonlyMap<string, string>): boolean {
  return info.get("role") === "master";
}

export function isLoading(info: ReadonlyMap<string, string>): boolean {
  return info.get("loading") === "1";
}

/** An AOF that was just switched on is durable only after its first rewrite, which looks like any other rewrite. */
export function isRewriting(info: ReadonlyMap<string, string>): boolean {
  return info.get("aof_rewrite_in_progress") === "1" || info.get("aof_rewrite_scheduled") === "1";
}

export function parseInfo(reply: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of reply.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}
