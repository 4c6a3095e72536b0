/** Queries every member of the log's Redis Cluster for the doctor. */
import { plural } from "../../text/plural.ts";
import { ClusterPlace, type Member } from "../../wal/redis/cluster/cluster-place.ts";
import type { RedisTcpAddress } from "../../wal/redis/redis-connection.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";
import { examineRedis } from "./redis-examination.ts";

const SLOTS = 16_384;

/** @param needed how many replicas must confirm a write (WAL_REPLICAS). */
export async function examineCluster(
  seeds: readonly RedisTcpAddress[],
  needed: number,
): Promise<readonly Finding[]> {
  const { answering, silent } = await new ClusterPlace(seeds).members();
  if (answering.length === 0)
    return [problem("no member of the cluster answers", "start it, or correct WAL_URL")];
  const findings: Finding[] = silent.map((name) => problem(`${name} does not answer`, "start it"));
  findings.push(...examineCopies(answering, needed));
  for (const { address } of answering) {
    const name = `${address.host}:${address.port}`;
    for (const { level, text, advice } of await examineRedis(address, name, true))
      findings.push({ level, text: text.startsWith(name) ? text : `${name}: ${text}`, advice });
  }
  return findings;
}

/** Checks that all slots are served, and that the loss of one machine leaves enough replicas. */
function examineCopies(members: readonly Member[], needed: number): readonly Finding[] {
  const findings: Finding[] = [];
  const primaries = members.filter(({ self }) => self.isPrimary && self.slots.length > 0);
  const served = primaries.flatMap(({ self }) => self.slots).reduce((sum, [a, b]) => sum + b - a + 1, 0);
  findings.push(
    served === SLOTS
      ? ok(`${primaries.length} primaries serve all slots`)
      : problem(`only ${served} of ${SLOTS} slots are served`, "redis-cli --cluster check"),
  );
  if (primaries.length < 3)
    findings.push(problem("fewer than three primaries: none can be replaced when it fails", "add primaries"));
  for (const { self, address } of primaries) {
    const copies = members.filter((member) => member.self.primaryId === self.id).length;
    const text = `${address.host}:${address.port} has ${copies} ${plural(copies, "replica")}`;
    if (copies < needed) findings.push(problem(`${text}: writes wait`, `WAL_REPLICAS is ${needed}`));
    else if (copies === needed)
      findings.push(
        warning(`${text}: without one of them writes wait`, "give each primary one more replica"),
      );
    else findings.push(ok(text));
  }
  return findings;
}
