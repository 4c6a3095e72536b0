/** What goes between the main thread and the thread of a gateway. */
import type { MessagePort } from "node:worker_threads";
import type { Assets, Web } from "../../config.ts";
import type { Directory, KeyUse } from "../../gateway/directory.ts";
import type { RingMemory } from "../../http/log/line-ring.ts";
import type { LogOptions } from "../../http/log/request-log.ts";
import type { RequestCounts } from "../../http/log/request-metrics.ts";
import type { ConnectionBounds } from "../../http/server/connections.ts";
import type { Address } from "../../http/server/shared-port.ts";
import type { ChannelEnd } from "../channels/open-channel.ts";

const EVERY_MS = 1_000;

/** Tells once a second which keys have been used. */
export function watchUses(directory: Directory, tell: (uses: readonly KeyUse[]) => void): void {
  let sinceMs = 0;
  setInterval(() => {
    const nowMs = Date.now();
    const uses = directory.usesSince(sinceMs);
    sinceMs = nowMs;
    if (uses.length > 0) tell(uses);
  }, EVERY_MS).unref();
}

/** What a gateway must know at every request, told whenever it changes. */
export type ServerHealth = Readonly<{
  unready: readonly string[];
  warnings: readonly string[];
  /** Why no commands should be taken. */
  overload: string | undefined;
}>;

/** All that a gateway's thread needs to begin. */
export type GatewayInit = Readonly<{
  /** The one that gateway 0 has bound. */
  address: Address;
  shards: number;
  operatorKeyHash: string | undefined;
  assets: Assets;
  web: Web & Readonly<{ connections: ConnectionBounds }>;
  counters: SharedArrayBuffer;
  secretKey: string;
  log: LogOptions;
  /** Where its lines go. */
  lines: RingMemory;
  standing: ServerHealth;
  /** To the archive, for its queries. */
  archive: MessagePort;
}>;

/** What only the main thread can say or do. */
export type MainQuestion = "shards" | "metrics" | "snapshots" | Readonly<{ restart: number }>;

export type ToGatewayThread =
  /** A new way to this shard. */
  | Readonly<{ kind: "attach"; shard: number; end: ChannelEnd }>
  /** This shard has stopped answering, or answers again. */
  | Readonly<{ kind: "silent"; shard: number; isSilent: boolean }>
  | Readonly<{ kind: "standing"; standing: ServerHealth }>
  /** Keys were used at other gateways. */
  | Readonly<{ kind: "uses"; uses: readonly KeyUse[] }>
  | Readonly<{ kind: "answer"; no: number; answer: unknown }>
  /** How many requests have there been? */
  | Readonly<{ kind: "count"; no: number }>
  /** Take no more connections; say so when all requests are answered, or cut off after this time. */
  | Readonly<{ kind: "drain"; msMax: number }>;

export type FromGatewayThread =
  /** It can be given ways to the shards. */
  | Readonly<{ kind: "started" }>
  /** It knows what the shards know, and takes connections. */
  | Readonly<{ kind: "serving" }>
  /** It cannot begin: the port cannot be had. */
  | Readonly<{ kind: "failed"; message: string }>
  | Readonly<{ kind: "uses"; uses: readonly KeyUse[] }>
  | Readonly<{ kind: "ask"; no: number; question: MainQuestion }>
  | Readonly<{ kind: "counts"; no: number; counts: RequestCounts }>
  | Readonly<{ kind: "drained" }>;
