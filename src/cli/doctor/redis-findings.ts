/** Judges a Redis by its INFO and CONFIG values. Pure: values in, findings out. */
import { plural } from "../../text/plural.ts";
import {
  findConfigurationProblems,
  isMaster,
  type RedisValues,
} from "../../wal/redis/redis-configuration.ts";
import { formatBytes } from "../terminal.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** Whether a user may run a command; `unknown` if it could not be checked. */
export type Right = "allowed" | "refused" | "unknown";
export type Rights = Readonly<{ user: string; commands: ReadonlyMap<string, Right> }>;

/** Parameters to read in addition to those that the server itself requires. */
export const EXTRA_PARAMETERS = [
  "maxmemory",
  "save",
  "io-threads",
  "aof-use-rdb-preamble",
  "cluster-node-timeout",
  "cluster-require-full-coverage",
  "cluster-allow-replica-migration",
  "cluster-allow-reads-when-down",
  "repl-timeout",
] as const;
/** Commands that the server needs on the keys of the log. */
export const NEEDED_COMMANDS = ["XADD", "XTRIM"] as const;
/** Commands that the server needs on the keys of snapshots, which are lists. */
export const SNAPSHOT_COMMANDS = ["RPUSH", "LRANGE", "LINDEX", "UNLINK"] as const;
/** Commands that the server needs in a cluster, SET on the key `…:barrier`. */
export const CLUSTER_COMMANDS = ["SET", "WAIT"] as const;
/** Commands that could delete the log; the server's user should not have them. */
export const DANGEROUS_COMMANDS = ["DEL", "RENAME", "FLUSHALL"] as const;

/** Required values, by parameter. */
const WANTED: ReadonlyMap<string, string> = new Map([
  ["appendonly", "yes"],
  ["appendfsync", "always"],
  ["no-appendfsync-on-rewrite", "no"],
  ["maxmemory-policy", "noeviction"],
]);

const VERSION_MIN = [7, 0, 0] as const;
const USED_SHARE_WARNING = 0.8;
const USED_SHARE_PROBLEM = 0.95;
const CLOCK_MS_MAX = 2_000;

/** Releases with known bugs, from `from` up to but without `below`. */
const TROUBLED: readonly Readonly<{ from: Version; below: Version; why: string }>[] = [
  { from: [7, 0, 0], below: [7, 0, 5], why: "its fsync can miss the folder or an older file of the AOF" },
  { from: [8, 2, 0], below: [8, 2, 1], why: "XADD or XTRIM can crash it after it has loaded its data" },
];

type Version = readonly [number, number, number];

export function examineServer({ info }: RedisValues): readonly Finding[] {
  const text = info.get("redis_version") ?? "";
  const version = parseVersion(text);
  const name = info.has("valkey_version")
    ? `Valkey ${info.get("valkey_version")}`
    : `Redis ${text || "of unknown version"}`;
  if (version === undefined || compareVersions(version, VERSION_MIN) < 0) {
    return [problem(`${name}: Daybook needs Redis 7.0 or newer, or Valkey`)];
  }
  const trouble = TROUBLED.find(
    ({ from, below }) => compareVersions(version, from) >= 0 && compareVersions(version, below) < 0,
  );
  if (trouble === undefined || info.has("valkey_version")) return [ok(name)];
  return [warning(`${name}: ${trouble.why}; use ${trouble.below.join(".")} or newer`)];
}

/** Checks the settings without which the server refuses to serve. */
export function examineDurability(values: RedisValues, mayBeReplica = false): readonly Finding[] {
  const problems = findConfigurationProblems(values, mayBeReplica);
  if (problems.length === 0) {
    const role = isMaster(values.info) ? "master" : "replica";
    return [ok(`a ${role} with appendonly yes, appendfsync always, also during rewrites, noeviction`)];
  }
  return problems.map((text) => {
    const parameter = text.split(" ", 1)[0] ?? "";
    const wanted = WANTED.get(parameter);
    if (wanted !== undefined) return problem(text, ...setting(parameter, wanted));
    if (text.startsWith("aof_last_write_status"))
      return problem(text, "free space on its disk, then check its log");
    if (text.startsWith("it is a ")) return problem(text, "give WAL_URL the master's address");
    return problem(text);
  });
}

/** Checks what only matters for a Redis that is the log by itself, without a cluster in WAL_URL. */
export function examineAlone({ info }: RedisValues): readonly Finding[] {
  const findings: Finding[] = [];
  const cluster = info.get("cluster_enabled") === "1";
  if (cluster) {
    const advice = "give WAL_URL as redis+cluster://…, which waits for replicas";
    findings.push(warning("it is a node of a cluster: a failover may lose acknowledged data", advice));
  }
  const replicas = Number(info.get("connected_slaves") ?? 0);
  if (replicas > 0) {
    findings.push(
      warning(
        `it has ${replicas} ${plural(replicas, "replica")}: never allow automatic failover, a replica may lack the newest entries`,
      ),
    );
  }
  return findings;
}

/** Checks recommended settings: findings here are warnings, except for memory that is nearly full. */
export function examineCare({ config, info }: RedisValues): readonly Finding[] {
  const findings = [examineMemory(info)];
  if ("refused" in config) return findings;
  const threads = config.get("io-threads");
  if (threads !== undefined && threads !== "1") {
    findings.push(warning(`io-threads is ${threads}: not tested with Daybook`, "redis.conf: io-threads 1"));
  }
  const save = config.get("save");
  if (save !== undefined && save !== "") {
    const advice = [`redis-cli CONFIG SET save ""`, 'redis.conf: save ""'];
    findings.push(
      warning(
        `save is "${save}": it writes a second data file, which could be restored by mistake`,
        ...advice,
      ),
    );
  }
  if (config.get("aof-use-rdb-preamble") === "no") {
    findings.push(
      warning(
        "aof-use-rdb-preamble is no: rewrites of streams have lost data with this setting",
        ...setting("aof-use-rdb-preamble", "yes"),
      ),
    );
  }
  return findings;
}

/** Checks the settings that a member of a cluster should have besides those of every Redis. */
export function examineMember({ config, info }: RedisValues): readonly Finding[] {
  if (info.get("cluster_enabled") !== "1")
    return [
      problem("cluster-enabled is no: it is no member of a cluster", "redis.conf: cluster-enabled yes"),
    ];
  if ("refused" in config) return [];
  const found = (parameter: string) => config.get(parameter) ?? "unknown";
  const findings: Finding[] = [];
  const recommend = (isGood: boolean, parameter: string, value: string, why: string): void => {
    if (isGood) return;
    findings.push(warning(`${parameter} is ${found(parameter)}: ${why}`, ...setting(parameter, value)));
  };
  const isAtMost = (parameter: string, max: number) => Number(found(parameter)) <= max;
  const whole = "while the slots of one primary are not served, no other shard can write";
  const moving = "a primary can be left without a replica, and then its writes wait";
  recommend(
    isAtMost("cluster-node-timeout", 5000),
    "cluster-node-timeout",
    "1500",
    "a failover takes longer",
  );
  recommend(isAtMost("repl-timeout", 10), "repl-timeout", "5", "a lost replica is noticed late");
  recommend(found("cluster-require-full-coverage") === "no", "cluster-require-full-coverage", "no", whole);
  recommend(
    found("cluster-allow-replica-migration") === "no",
    "cluster-allow-replica-migration",
    "no",
    moving,
  );
  const silent = "a member that is cut off cannot tell an owner that was replaced";
  recommend(found("cluster-allow-reads-when-down") === "yes", "cluster-allow-reads-when-down", "yes", silent);
  return findings.length > 0 ? findings : [ok("a member of a cluster with the recommended settings")];
}

export function examineClock({ info }: RedisValues, nowMs: number): readonly Finding[] {
  const micros = Number(info.get("server_time_usec") ?? Number.NaN);
  if (Number.isNaN(micros)) return [];
  const aheadMs = Math.round(micros / 1000 - nowMs);
  if (Math.abs(aheadMs) <= CLOCK_MS_MAX) return [ok("its clock agrees with this machine's")];
  return [
    warning(
      `its clock is ${Math.abs(aheadMs) / 1000} s ${aheadMs > 0 ? "ahead of" : "behind"} this machine's: the times in the log are the server's`,
      "run an NTP client on both",
    ),
  ];
}

export function examineRights({ user, commands }: Rights, inCluster = false): readonly Finding[] {
  const among = (names: readonly string[], right: Right) =>
    names.filter((name) => commands.get(name) === right);
  const findings: Finding[] = [];
  const missing = among(NEEDED_COMMANDS, "refused");
  findings.push(
    missing.length === 0
      ? ok(`user ${user} may append and trim`)
      : problem(
          `user ${user} may not ${missing.join(", ")} on daybook:*`,
          `redis-cli ACL SETUSER ${user} '~daybook:*' ${missing.map((name) => `+${name.toLowerCase()}`).join(" ")}`,
        ),
  );
  const unkept = among(SNAPSHOT_COMMANDS, "refused");
  if (unkept.length > 0) {
    const rules = SNAPSHOT_COMMANDS.map((name) => `+${name.toLowerCase()}`).join(" ");
    findings.push(
      problem(
        `user ${user} may not ${unkept.join(", ")} on daybook:{*}:snapshot:*: it cannot keep snapshots`,
        `redis-cli ACL SETUSER ${user} '(~daybook:{*}:snapshot:* ${rules})'`,
      ),
    );
  }
  const unacknowledged = inCluster ? among(CLUSTER_COMMANDS, "refused") : [];
  if (unacknowledged.length > 0) {
    findings.push(
      problem(
        `user ${user} may not ${unacknowledged.join(", ")}: it cannot wait for replicas`,
        `redis-cli ACL SETUSER ${user} +wait +waitaof '(~daybook:{*}:barrier +set)'`,
      ),
    );
  }
  const dangerous = among(DANGEROUS_COMMANDS, "allowed");
  const unknown = among(DANGEROUS_COMMANDS, "unknown");
  if (dangerous.length > 0) {
    const rules = dangerous.map((name) => `-${name.toLowerCase()}`).join(" ");
    findings.push(
      warning(
        `user ${user} may ${dangerous.join(", ")}: a mistake can delete the log`,
        `redis-cli ACL SETUSER ${user} ${rules}`,
        "better: a separate user, as in deploy/redis/users.acl",
      ),
    );
  } else {
    const rest = unknown.length === 0 ? "" : ` (${unknown.join(", ")}: not checked)`;
    findings.push(ok(`user ${user} cannot delete the log${rest}`));
  }
  return findings;
}

function examineMemory(info: ReadonlyMap<string, string>): Finding {
  const used = Number(info.get("used_memory") ?? 0);
  const max = Number(info.get("maxmemory") ?? 0);
  if (max === 0) {
    const advice = [
      "redis-cli CONFIG SET maxmemory 4gb",
      "redis.conf: maxmemory 4gb",
      "replace 4gb by what your machine can spare",
    ];
    return warning(
      `maxmemory is not set, ${formatBytes(used)} used: the system may kill it when memory is short`,
      ...advice,
    );
  }
  const share = used / max;
  const text = `${formatBytes(used)} of maxmemory ${formatBytes(max)} used (${Math.round(share * 100)} %)`;
  const advice = ["raise maxmemory: now with CONFIG SET, and permanently in redis.conf"];
  if (share >= USED_SHARE_PROBLEM) return problem(`${text}: soon nothing can be appended`, ...advice);
  return share >= USED_SHARE_WARNING ? warning(text, ...advice) : ok(text);
}

function setting(parameter: string, value: string): string[] {
  return [`redis-cli CONFIG SET ${parameter} ${value}`, `redis.conf: ${parameter} ${value}`];
}

function parseVersion(text: string): Version | undefined {
  const found = /^(\d+)\.(\d+)\.(\d+)/.exec(text);
  return found === null ? undefined : [Number(found[1]), Number(found[2]), Number(found[3])];
}

function compareVersions(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
