/** Checks that every member of a cluster is safely configured, since any of them may become the primary. */
import { LogError } from "../../wal.ts";
import { readRedisValues } from "../redis-audit.ts";
import { findConfigurationProblems } from "../redis-configuration.ts";
import { RedisConnection, type RedisTcpAddress } from "../redis-connection.ts";
import { ClusterPlace } from "./cluster-place.ts";

const TIMEOUT_MS = 2_000;

/**
 * A member that does not answer is not checked: a server must start while a machine is down.
 *
 * @throws LogError `log_misconfigured`: a member that answers may lose data. `log_unavailable`: none answers.
 */
export async function checkMembers(seeds: readonly RedisTcpAddress[]): Promise<void> {
  const { answering } = await new ClusterPlace(seeds).members();
  if (answering.length === 0)
    throw new LogError("log_unavailable", "the log: no member of the cluster answers");
  const found = await Promise.all(answering.map(({ address }) => problemsOf(address)));
  const problems = found.flat();
  if (problems.length === 0) return;
  throw new LogError("log_misconfigured", `this Redis Cluster may lose data: ${problems.join("; ")}`);
}

async function problemsOf(address: RedisTcpAddress): Promise<readonly string[]> {
  const name = `${address.host}:${address.port}`;
  const connection = new RedisConnection({ address, name, timeoutMs: TIMEOUT_MS });
  try {
    const values = await connection.run((client) => readRedisValues(client, name));
    return findConfigurationProblems(values, true).map((problem) => `${name}: ${problem}`);
  } catch (error) {
    // It has gone since it was found, or is loading; its replacement is checked when it is connected to.
    if (error instanceof LogError && error.code === "log_unavailable") return [];
    throw error;
  } finally {
    connection.close();
  }
}
