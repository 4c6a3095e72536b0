/** The main thread's side of the archive. */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import {
  ASK_EVERY_MS,
  describeSilence,
  Watchdog,
  type WatchLimits,
} from "../../workers/carriers/watchdog.ts";
import { type ChannelEnd, portsOf } from "../../workers/channels/open-channel.ts";
import {
  type ArchivedPosition,
  type ArchivedPositions,
  type ArchiveStats,
  type FromArchive,
  type ToArchive,
  untagError,
} from "./archive-protocol.ts";
import { ArchiveQueryClient } from "./archive-query-client.ts";
import type { ServiceOptions } from "./archive-service.ts";
import type { ArchiveThreadData } from "./archive-thread.ts";

/**
 * Queries have failed by the time the archive counts as silent. By the time it counts as hung, its lag has stopped all
 * writes, so that stopping the server loses nothing more.
 */
const WATCH_LIMITS: WatchLimits = { silentMs: 10_000, hungMs: 60_000, startMs: 60_000 };

export type ArchiveClientOptions = ServiceOptions &
  Readonly<{
    /** Called once if the archive's thread dies or cannot continue, but not after `close`. */
    onFailure: (error: Error) => void;
    /** Called when the result of `unready` changes. */
    onChange?: () => void;
  }>;

/**
 * The archive's owner on the main thread. Starts the archive's thread, attaches shards and query ports to it, and
 * queries it through a port of its own.
 */
export class ArchiveClient extends ArchiveQueryClient {
  readonly #worker: Worker;
  readonly #onFailure: (error: Error) => void;
  readonly #ended: Promise<void>;
  #stats: ArchiveStats;
  #ending = false;
  /** Fed by the thread's stats messages, so no pings are needed. */
  readonly #watchdog = new Watchdog(WATCH_LIMITS, performance.now());
  readonly #timer: NodeJS.Timeout;
  readonly #onChange: () => void;
  #isSilent = false;

  private constructor(
    worker: Worker,
    stats: ArchiveStats,
    { onFailure, onChange = () => {} }: Pick<ArchiveClientOptions, "onFailure" | "onChange">,
  ) {
    super(connectTo(worker));
    this.#onChange = onChange;
    this.#watchdog.answered();
    this.#timer = setInterval(() => this.#checkLiveness(), ASK_EVERY_MS).unref();
    this.#worker = worker;
    this.#stats = stats;
    this.#onFailure = onFailure;
    worker.on("message", (message: FromArchive) => {
      this.#watchdog.answered();
      this.#setSilent(false);
      if (message.kind === "failed") this.#fail(untagError(message.error));
      else this.#setStats(message.stats);
    });
    worker.on("error", (error) => {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    });
    this.#ended = new Promise((resolve) => {
      worker.on("exit", (code) => {
        this.#fail(new Error(`the archive's thread ended with code ${code}`));
        resolve();
      });
    });
  }

  /**
   * Opens the archive in `folder` (created if missing) in its own thread.
   *
   * @throws ArchiveError `archive_corrupt`: it cannot be opened. The message says what to do.
   */
  static start(folder: string, options: ArchiveClientOptions): Promise<ArchiveClient> {
    const { onFailure, onChange, ...service } = options;
    const worker = new Worker(new URL("./archive-thread.ts", import.meta.url), {
      workerData: { folder, options: service } satisfies ArchiveThreadData,
      name: "archive",
    });
    return new Promise((resolve, reject) => {
      const onExit = (code: number) => reject(new Error(`the archive's thread ended with code ${code}`));
      worker.once("error", reject);
      worker.once("exit", onExit);
      worker.once("message", (message: FromArchive) => {
        // Not removeAllListeners: it would also remove the worker's internal listeners.
        worker.off("error", reject);
        worker.off("exit", onExit);
        if (message.kind === "ready")
          resolve(new ArchiveClient(worker, message.stats, { onFailure, ...(onChange && { onChange }) }));
        else if (message.kind === "failed") reject(untagError(message.error));
        else reject(new Error(`the archive began with ${message.kind}`));
      });
    });
  }

  /** Makes the archive pull a shard's batches over this channel (feed.ts). Attach a restarted shard again. */
  attach(shard: number, end: ChannelEnd): void {
    if (this.#ending) return;
    post(this.#worker, { kind: "attach", shard, end }, portsOf(end));
  }

  /** A port for an `ArchiveQueryClient` in any thread. It is already closed if the archive has ended. */
  connect(): MessagePort {
    if (!this.#ending) return connectTo(this.#worker);
    const { port1, port2 } = new MessageChannel();
    port1.close();
    return port2;
  }

  /** The newest stored batch by shard: a witness that the shard's log must hold. */
  async positions(): Promise<ReadonlyMap<number, ArchivedPosition>> {
    return new Map((await this.request((id) => ({ id, method: "positions" }))) as ArchivedPositions);
  }

  /** Makes stored batches durable. @returns by shard, the newest batch that is durable and was read back intact. */
  async sync(): Promise<ReadonlyMap<number, ArchivedPosition>> {
    return new Map((await this.request((id) => ({ id, method: "sync" }))) as ArchivedPositions);
  }

  /** The newest stored batch of a shard; `undefined` if its hash is not proven. */
  async witness(shard: number): Promise<ArchivedPosition | undefined> {
    const position = (await this.positions()).get(shard);
    return position?.unproven === true ? undefined : position;
  }

  /** The newest stats, at most about 250 ms old while the thread runs. */
  get stats(): ArchiveStats {
    return this.#stats;
  }

  /** Why the archive does not answer queries; empty while it does. */
  unready(): readonly string[] {
    const { away } = this.#stats;
    if (away !== null) return [away];
    return this.#isSilent ? [`the archive is hung: ${describeSilence(this.#watchdog.silentMs)}`] : [];
  }

  /** Refuses further queries, lets the archive finish indexing, and ends its thread. */
  async close(): Promise<void> {
    this.#ending = true;
    clearInterval(this.#timer);
    this.refuse("the archive is closed");
    post(this.#worker, { kind: "close" });
    await this.#ended;
  }

  #checkLiveness(): void {
    const liveness = this.#watchdog.look(performance.now());
    if (liveness === "hung") this.#fail(new Error(describeSilence(this.#watchdog.silentMs)));
    else this.#setSilent(liveness === "silent");
  }

  #setStats(stats: ArchiveStats): void {
    const { away } = this.#stats;
    this.#stats = stats;
    if (stats.away !== away) this.#onChange();
  }

  #setSilent(isSilent: boolean): void {
    if (isSilent === this.#isSilent) return;
    this.#isSilent = isSilent;
    this.#onChange();
  }

  #fail(error: Error): void {
    clearInterval(this.#timer);
    this.refuse("the archive has failed", error);
    if (this.#ending) return;
    this.#ending = true;
    this.#onFailure(error);
  }
}

function post(worker: Worker, message: ToArchive, ports: readonly MessagePort[] = []): void {
  worker.postMessage(message, ports);
}

function connectTo(worker: Worker): MessagePort {
  const { port1, port2 } = new MessageChannel();
  post(worker, { kind: "connect", port: port1 }, [port1]);
  return port2;
}
