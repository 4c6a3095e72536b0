/** Messages between the main thread and a gateway's thread. */
import type { MessagePort } from "node:worker_threads";
import type { Assets, Web } from "../../config.ts";
import type { Directory, KeyUse } from "../../gateway/directory.ts";
import type { DeliveriesQuery } from "../../gateway/ports.ts";
import type { RingMemory } from "../../http/log/line-ring.ts";
import type { LogOptions } from "../../http/log/request-log.ts";
import type { RequestCounts } from "../../http/log/request-metrics.ts";
import type { ConnectionBounds } from "../../http/server/connections.ts";
import type { Address } from "../../http/server/shared-port.ts";
import type { StatisticsLocation } from "../../statistics/open.ts";
import type { ChannelEnd } from "../channels/open-channel.ts";

const USES_INTERVAL_MS = 1_000;

/** Reports once a second which API keys were used since the last report. */
export function watchUses(directory: Directory, report: (uses: readonly KeyUse[]) => void): void {
  let sinceMs = 0;
  setInterval(() => {
    const nowMs = Date.now();
    const uses = directory.usesSince(sinceMs);
    sinceMs = nowMs;
    if (uses.length > 0) report(uses);
  }, USES_INTERVAL_MS).unref();
}

/** The server's health, which a gateway needs for each request. Broadcast whenever it changes. */
export type ServerHealth = Readonly<{
  unready: readonly string[];
  warnings: readonly string[];
  /** Why commands must be refused; `undefined`: they are accepted. */
  overload: string | undefined;
}>;

/** Start parameters of a gateway's thread. */
export type GatewayInit = Readonly<{
  /** The address that gateway 0 has bound. */
  address: Address;
  shards: number;
  operatorKeyHash: string | undefined;
  assets: Assets;
  /** Whether an operator completes top-ups. */
  asksOperator: boolean;
  statistics: StatisticsLocation;
  web: Web & Readonly<{ connections: ConnectionBounds }>;
  counters: SharedArrayBuffer;
  pageSessions: SharedArrayBuffer;
  secretKey: string;
  /** The file of the keys of persons. */
  persons: string;
  log: LogOptions;
  /** Shared memory for its log lines. */
  lines: RingMemory;
  health: ServerHealth;
  /** Port to the archive, for queries. */
  archive: MessagePort;
}>;

/** Requests that only the main thread can answer. */
export type MainQuestion =
  | "shards"
  | "metrics"
  | "snapshots"
  | Readonly<{ restart: number }>
  | Readonly<{ deliveries: DeliveriesQuery }>;

export type ToGatewayThread =
  /** A new channel to this shard. */
  | Readonly<{ kind: "attach"; shard: number; end: ChannelEnd }>
  /** The shard has stopped answering or answers again. */
  | Readonly<{ kind: "silent"; shard: number; isSilent: boolean }>
  | Readonly<{ kind: "standing"; standing: ServerHealth }>
  /** Keys were used at other gateways. */
  | Readonly<{ kind: "uses"; uses: readonly KeyUse[] }>
  | Readonly<{ kind: "answer"; requestId: number; answer: unknown }>
  /** Asks for the request counts. */
  | Readonly<{ kind: "count"; requestId: number }>
  /** Accept no more connections; reply "drained" when all requests are answered, or cut off after `msMax`. */
  | Readonly<{ kind: "drain"; msMax: number }>;

export type FromGatewayThread =
  /** It is ready for channels to the shards. */
  | Readonly<{ kind: "started" }>
  /** It has the facts of all shards and accepts connections. */
  | Readonly<{ kind: "serving" }>
  /** It cannot start: the port cannot be bound. */
  | Readonly<{ kind: "failed"; message: string }>
  | Readonly<{ kind: "uses"; uses: readonly KeyUse[] }>
  | Readonly<{ kind: "ask"; requestId: number; question: MainQuestion }>
  | Readonly<{ kind: "counts"; requestId: number; counts: RequestCounts }>
  | Readonly<{ kind: "drained" }>;
