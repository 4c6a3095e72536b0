/** Status and operations of the whole server. Lives on the main thread; gateways' threads use `RemoteOperations`. */
import type { ArchiveStats } from "../../archive/service/archive-protocol.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import type {
  DeliveriesQuery,
  Delivery,
  Operations,
  ShardStatus,
  TrialBalance,
} from "../../gateway/ports.ts";
import type { Log } from "../../http/log/request-log.ts";
import { type RequestCounts, sumRequestCounts } from "../../http/log/request-metrics.ts";
import type { Series } from "../../statistics/store.ts";
import { formatLogId } from "../../wal/wal.ts";
import type { ServerHealth } from "../gateways/gateway-messages.ts";
import type { GatewaySupervisor } from "../gateways/gateway-supervisor.ts";
import type { OperatorDesk } from "../operator/operator-desk.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { WebhookSupervisor } from "../webhooks/webhook-supervisor.ts";
import { damageText, watchArchive, watchBackpressure } from "./backpressure.ts";
import type { ClockWatch } from "./clock-watch.ts";
import { renderMetrics, renderRequests } from "./metrics.ts";
import type { PeriodicCheck } from "./periodic-check.ts";
import { processStats } from "./process-metrics.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";

type Parts = Readonly<{
  supervisor: Supervisor;
  archive: Readonly<{ stats: ArchiveStats; unready(): readonly string[] }>;
  gateways: GatewaySupervisor;
  /** `undefined` if the log is in memory. */
  snapshots: SnapshotKeeper | undefined;
  books: Pick<PeriodicCheck<TrialBalance>, "last">;
  statistics: Pick<PeriodicCheck<Series>, "last">;
  webhooks: Pick<WebhookSupervisor, "status" | "deliveries">;
  /** `undefined`: top-ups are completed without an operator. */
  operator: Pick<OperatorDesk, "status"> | undefined;
  clock: Pick<ClockWatch, "warnings" | "isFollowed" | "differenceMs">;
  log: Log;
}>;

export class ServerOperations implements Operations {
  readonly #ownCounts: () => RequestCounts;
  readonly #droppedLines: () => number;
  #parts: Parts | undefined;
  #overload: string | undefined;
  /** Names the damaged batches of the archive, if there are any. */
  #damage: string | undefined;

  /**
   * @param ownCounts request counts of the main thread's gateway.
   * @param droppedLines number of lost log lines.
   */
  constructor(ownCounts: () => RequestCounts, droppedLines: () => number) {
    this.#ownCounts = ownCounts;
    this.#droppedLines = droppedLines;
  }

  /** Sets the parts when they exist; until then the server reports that it is starting. */
  connect(parts: Parts): void {
    this.#parts = parts;
    watchBackpressure(parts.archive, parts.supervisor, (reason) => {
      this.#overload = reason;
      if (reason === undefined) parts.log.info({}, "commands are accepted again");
      else parts.log.warn({ reason }, "commands are refused");
      this.publish();
    });
    watchArchive(
      parts.archive,
      ({ away }) => away ?? undefined,
      (reason) => {
        if (reason === undefined) parts.log.info({}, "the archive is available again");
        else parts.log.error({ reason }, "the archive waits");
      },
    );
    watchArchive(parts.archive, damageText, (warning) => {
      this.#damage = warning;
      if (warning === undefined) parts.log.info({}, "the archive is repaired");
      else parts.log.error({ reason: warning }, "the archive is damaged");
      this.publish();
    });
  }

  /** Broadcasts the server's health to the other gateways. Call it whenever a shard's status has changed. */
  publish(): void {
    this.#parts?.gateways.broadcastHealth(this.health());
  }

  health(): ServerHealth {
    return { unready: this.unready(), warnings: this.warnings(), overload: this.#overload };
  }

  /** Why commands must be refused: the archive is far behind, or a log is nearly full. */
  overload(): string | undefined {
    return this.#overload;
  }

  unready(): readonly string[] {
    if (this.#parts === undefined) return ["the server is starting"];
    const { supervisor, gateways, archive } = this.#parts;
    return [...supervisor.unready(), ...gateways.unready(), ...archive.unready()];
  }

  warnings(): readonly string[] {
    const damage = this.#damage === undefined ? [] : [this.#damage];
    return [
      ...(this.#parts?.supervisor.warnings() ?? []),
      ...(this.#parts?.clock.warnings() ?? []),
      ...damage,
    ];
  }

  restart(shard: number): boolean {
    return this.#parts?.supervisor.restart(shard) ?? false;
  }

  async takeSnapshots(): Promise<boolean> {
    await this.#parts?.snapshots?.takeAll();
    return this.#parts?.snapshots !== undefined;
  }

  async deliveries(query: DeliveriesQuery): Promise<readonly Delivery[]> {
    if (this.#parts === undefined) throw new OperatingError("log_unavailable", "the server is starting");
    return this.#parts.webhooks.deliveries(query);
  }

  async metrics(): Promise<string> {
    if (this.#parts === undefined) return renderRequests(this.#ownCounts());
    const { supervisor, archive, gateways, snapshots, webhooks, clock, books, statistics } = this.#parts;
    const { operator } = this.#parts;
    const [shards, others] = await Promise.all([supervisor.shards(), gateways.requestCounts()]);
    return renderMetrics({
      shards,
      archive: archive.stats,
      gateways: gateways.statuses,
      snapshots,
      webhooks: webhooks.status,
      operator: operator?.status,
      clock,
      isReady: this.unready().length === 0,
      books: books.last,
      statisticsLagMs: statistics.last && Math.max(0, Date.now() - statistics.last.closedAt),
      process: processStats(),
      requests: sumRequestCounts([this.#ownCounts(), others]),
      droppedLines: this.#droppedLines(),
    });
  }

  async shards(): Promise<readonly ShardStatus[]> {
    if (this.#parts === undefined) return [];
    const { supervisor, snapshots } = this.#parts;
    return (await supervisor.shards()).map(({ shard, status, restarts, recovery, stats }) => {
      const none = `${shard}:${formatLogId({ epoch: 0, seq: 0 })}`;
      // Omit the pid of an ended process: the system may have given it to another one.
      const living = status === "restarting" || status === "failed" ? undefined : stats;
      return {
        shard,
        isolation: supervisor.isolation,
        status,
        restarts,
        threadId: living?.threadId,
        pid: living?.pid,
        epoch: stats?.epoch ?? 0,
        position: stats?.position ?? none,
        durablePosition: stats?.durablePosition ?? none,
        accounts: stats?.accounts ?? 0,
        mailboxDepth: stats?.mailboxDepth ?? 0,
        recovery,
        snapshot: snapshots?.last(shard),
      };
    });
  }
}
