import { parseArgs } from "node:util";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import { count, oneOf, positive } from "../support/flags.ts";
import { ISOLATIONS } from "../support/isolations.ts";

const LOGS = ["redis", "sqlite", "cluster"] as const;
export type LogKind = (typeof LOGS)[number];

/** What is falsified in the checker's own memory, to prove that it would notice. */
const CANARIES = ["entry", "amount"] as const;
export type Canary = (typeof CANARIES)[number];

export type Options = Readonly<{
  minutes: number;
  seed: number;
  shards: number;
  isolation: Isolation;
  log: LogKind;
  /** Client processes, and requests per second of all of them together. */
  clients: number;
  rate: number;
  /** Records between two snapshots of a shard: few, so that a snapshot is in progress most of the time. */
  snapshotRecords: number;
  /** Time between two audits. */
  auditMinutes: number;
  canary: Canary | undefined;
}>;

/** @throws TypeError for an unknown flag or value, RangeError for a number out of range. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "20" },
      seed: { type: "string", default: "1" },
      shards: { type: "string", default: "2" },
      isolation: { type: "string", default: "threads" },
      log: { type: "string", default: "redis" },
      clients: { type: "string", default: "2" },
      rate: { type: "string", default: "600" },
      "snapshot-records": { type: "string", default: "20000" },
      "audit-minutes": { type: "string", default: "4" },
      canary: { type: "string" },
    },
  });
  return {
    minutes: positive("minutes", values.minutes),
    seed: count("seed", values.seed),
    shards: count("shards", values.shards),
    isolation: oneOf("isolation", ISOLATIONS, values.isolation),
    log: oneOf("log", LOGS, values.log),
    clients: count("clients", values.clients),
    rate: count("rate", values.rate),
    snapshotRecords: count("snapshot-records", values["snapshot-records"]),
    auditMinutes: positive("audit-minutes", values["audit-minutes"]),
    canary: values.canary === undefined ? undefined : oneOf("canary", CANARIES, values.canary),
  };
}
