/** The lines that a started server prints for the person who started it. */
import type { Config } from "../../config.ts";
import { type Address, urlOf } from "../../http/server/shared-port.ts";
import { plural } from "../../text/plural.ts";
import { parseLogUrl } from "../../wal/open.ts";

export type Started = Readonly<{
  config: Config;
  address: Address;
  /** Of the old addresses; `undefined` if they are off. */
  legacy: Address | undefined;
  shards: number;
  /** Generated at the first start and shown only then; `undefined` at later starts. */
  operatorKey: string | undefined;
}>;

export function banner({ config, address, legacy, shards, operatorKey }: Started): string {
  const url = urlOf(address);
  const { gateways } = config;
  const lines = [
    `Daybook serves on ${url}, docs at ${url}/docs`,
    `log: ${describeLog(config)}, ${shards} ${plural(shards, "shard")}` +
      (gateways === 1 ? "" : `, ${gateways} ${plural(gateways, "gateway")}`),
  ];
  if (legacy !== undefined) lines.push(`old addresses on ${urlOf(legacy)}, for ${config.legacy?.partner}`);
  if (operatorKey === undefined) lines.push(`try: curl '${url}/readyz'`);
  else {
    lines.push(
      `operator key, shown this once: ${operatorKey}`,
      `try: curl '${url}/v1/partners' -H 'Authorization: Bearer ${operatorKey}' -H 'Content-Type: application/json' -d '{"id":"acme","name":"Acme"}'`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function describeLog(config: Config): string {
  const location = parseLogUrl(config.walUrl);
  switch (location.kind) {
    case "sqlite":
      return `sqlite in ${location.dir} (one machine; for production set WAL_URL=redis://…)`;
    case "memory":
      return "memory (nothing survives the end of this process)";
    case "cluster": {
      const members = location.members.map(({ host, port }) => `${host}:${port}`);
      return `Redis Cluster at ${members.join(", ")}, ${config.walReplicas} of the replicas confirm each write`;
    }
    case "redis": {
      const { address } = location;
      return `Redis Streams at ${"path" in address ? address.path : `${address.host}:${address.port}`}`;
    }
  }
}
