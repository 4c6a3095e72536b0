/** What a Redis must be set to before it may keep acknowledged money. Pure: values in, problems out. */

export type RedisValues = Readonly<{
  /** The reply of INFO, by field. */
  info: ReadonlyMap<string, string>;
  /** The replies of CONFIG GET, by parameter; or why Redis would not say. */
  config: ReadonlyMap<string, string> | Readonly<{ refused: string }>;
}>;

/** The parameters that `findConfigurationProblems` looks at. */
export const CONFIG_PARAMETERS = ["appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy"] as const;

/** One line per problem, each with what is, what must be, and why; empty when all is well. */
export function findConfigurationProblems({ info, config }: RedisValues): readonly string[] {
  const problems: string[] = [];
  const role = info.get("role");
  if (role !== "master") problems.push(`it is a ${role ?? "server of unknown role"}, not a master`);
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

/** Of its memory, the log and the snapshots beside it may take so much: the rest is for what comes in meanwhile. */
const FULL_SHARE = 0.9;

/** Why nothing more should be written, while there is still room for what frees some; `undefined` where there is enough. */
export function fullness(info: RedisValues["info"]): string | undefined {
  const used = Number(info.get("used_memory"));
  const most = Number(info.get("maxmemory"));
  if (!(most > 0) || !(used > FULL_SHARE * most)) return undefined;
  return `Redis uses ${megabytes(used)} of ${megabytes(most)} MB (maxmemory)`;
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}

export function isLoading(info: ReadonlyMap<string, string>): boolean {
  return info.get("loading") === "1";
}

/** An AOF that was just switched on counts only once its first rewrite is done, and nothing tells that rewrite from others. */
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
