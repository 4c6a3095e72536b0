/** Builds a shard from its log, witness files and host; the same for threads and processes. */
import { randomBytes } from "../../random.ts";
import { sealerOf } from "../../sealed-secrets.ts";
import { StreamJournal } from "../../wal/journal.ts";
import { openLogStream, openSnapshotStore, parseLogUrl } from "../../wal/open.ts";
import { systemTimer } from "../../wal/retry-with-deadline.ts";
import { readWitness, WitnessKeeper } from "../../wal/witness.ts";
import { restoreNewest } from "../recovery/restore.ts";
import { bootClock } from "../shard/clock/boot-clock.ts";
import { OwnHeap } from "../shard/heap-watch.ts";
import type { FromShard, ShardExit, ToShard } from "../shard/messages.ts";
import { ShardHost } from "../shard/shard-host.ts";
import type { ShardInit } from "./carrier.ts";

/** Bytes of the newest entries that a server remembers for all its shards, to repair a Redis Cluster. */
const REMEMBERED_BYTES = 256 * 1024 * 1024;
const REMEMBERED_BYTES_PER_SHARD_MAX = 64 * 1024 * 1024;

/** A failover may lose entries: the younger the witness, the fewer of them can be lost unnoticed. */
const CLUSTER_WITNESS_MS = 50;

export type Shard = Readonly<{
  control: (message: ToShard) => void;
  /** Resolves when the shard has ended and its witness file is written. */
  run: () => Promise<ShardExit>;
}>;

export function createShard(init: ShardInit, threadId: number, post: (message: FromShard) => void): Shard {
  const { generation, shard, shards, instance, walUrl, dataDir, archived, mayCreate } = init;
  const name = { generation, shard };
  const remembered = readWitness(dataDir, name);
  const witnesses = [remembered, archived].filter((witness) => witness !== undefined);
  const isCluster = parseLogUrl(walUrl).kind === "cluster";
  const witness = new WitnessKeeper(dataDir, name, isCluster ? CLUSTER_WITNESS_MS : undefined);
  let warnings: readonly string[] = [];
  const stream = openLogStream(walUrl, {
    ...name,
    replicas: init.walReplicas,
    rememberedBytes: Math.min(REMEMBERED_BYTES_PER_SHARD_MAX, REMEMBERED_BYTES / shards),
    onRepair: (message) => post({ type: "warning", message }),
    onReplicas: (message) => post({ type: "warning", message }),
    allowWeakDurability: init.allowWeakDurability,
    onProblems: (problems) => {
      warnings = problems;
      post({ type: "log", available: true, warnings });
    },
    onFull: (reason) => post({ type: "full", reason: reason ?? null }),
  });
  const snapshots = openSnapshotStore(walUrl, name);
  const uptimeMs = bootClock();
  const journal = new StreamJournal({
    stream,
    claimant: { instance, ...name, shards },
    witnesses,
    mayCreate,
    claimedEpoch: init.claimedEpoch ?? 0,
    timer: { ...systemTimer, monotonicMs: uptimeMs },
  });
  const host = new ShardHost({
    shard,
    shards,
    journal,
    post,
    clocks: { wallMs: Date.now, uptimeMs },
    ...(init.judgedClock && { judgedClock: init.judgedClock }),
    threadId,
    failpoints: init.failpoints,
    takesOver: init.takesOver ?? false,
    restore: (ledger, progress) => restoreNewest(snapshots, ledger, { shard, shards, progress }),
    random: randomBytes,
    heap: new OwnHeap(),
    settings: { seal: sealerOf(init.secretKey) },
    onDurable: ({ id, hash }, clock) => witness.note({ id, hash, clock: clock.witnessed() }),
    warnings: () => warnings,
    replicas: () => stream.replicas,
  });
  return {
    control: (message) => host.control(message),
    async run() {
      const exit = await host.run();
      await Promise.all([witness.flush(), snapshots.close()]);
      return exit;
    },
  };
}
