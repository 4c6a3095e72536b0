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
  type ArchiveFigures,
  type FromArchive,
  type ToArchive,
  untagError,
} from "./archive-protocol.ts";
import { ArchiveQueryClient } from "./archive-query-client.ts";
import type { ServiceOptions } from "./archive-service.ts";
import type { ArchiveThreadData } from "./archive-thread.ts";

/**
 * A query has failed when the archive counts as silent. When it counts as hung, its lag has stopped all writes, so that
 * nothing is lost by ending the server.
 */
const WATCH_LIMITS: WatchLimits = { silentMs: 10_000, hungMs: 60_000, startMs: 60_000 };

export type ArchiveClientOptions = ServiceOptions &
  Readonly<{
    /** The archive's thread has died or cannot go on; told once. Not called after `close`. */
    onFailure: (error: Error) => void;
    /** What `unready` says has changed. */
    onChange?: () => void;
  }>;

/**
 * The archive as its owner sees it, the main thread: it starts its thread, says whom to follow and whom to answer, and
 * asks it like everybody else, over a port.
 */
export class ArchiveClient extends ArchiveQueryClient {
  readonly #worker: Worker;
  readonly #onFailure: (error: Error) => void;
  readonly #ended: Promise<void>;
  #figures: ArchiveFigures;
  #ending = false;
  /** The thread is not asked: it tells its figures at least as often. */
  readonly #watchdog = new Watchdog(WATCH_LIMITS, performance.now());
  readonly #timer: NodeJS.Timeout;
  readonly #onChange: () => void;
  #isSilent = false;

  private constructor(
    worker: Worker,
    figures: ArchiveFigures,
    { onFailure, onChange = () => {} }: Pick<ArchiveClientOptions, "onFailure" | "onChange">,
  ) {
    super(connectTo(worker));
    this.#onChange = onChange;
    this.#watchdog.answered();
    this.#timer = setInterval(() => this.#look(), ASK_EVERY_MS).unref();
    this.#worker = worker;
    this.#figures = figures;
    this.#onFailure = onFailure;
    worker.on("message", (message: FromArchive) => {
      this.#watchdog.answered();
      this.#setSilent(false);
      if (message.kind === "failed") this.#fail(untagError(message.error));
      else this.#setFigures(message.figures);
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
   * Opens the archive in `folder` (made where there is none) in a thread of its own.
   *
   * @throws ArchiveError `archive_corrupt`: it cannot be opened; the message says what to do.
   */
  static start(folder: string, options: ArchiveClientOptions): Promise<ArchiveClient> {
    const { onFailure, onChange, ...service } = options;
    const worker = new Worker(new URL("./archive-thread.ts", import.meta.url), {
      workerData: { folder, options: service } satisfies ArchiveThreadData,
      name: "archive",
    });
    return new Promise((resolve, reject) => {
      const ended = (code: number) => reject(new Error(`the archive's thread ended with code ${code}`));
      worker.once("error", reject);
      worker.once("exit", ended);
      worker.once("message", (message: FromArchive) => {
        // One by one: without its own inner listeners a worker would not hear its thread any more.
        worker.off("error", reject);
        worker.off("exit", ended);
        if (message.kind === "ready")
          resolve(new ArchiveClient(worker, message.figures, { onFailure, ...(onChange && { onChange }) }));
        else if (message.kind === "failed") reject(untagError(message.error));
        else reject(new Error(`the archive began with ${message.kind}`));
      });
    });
  }

  /** Lets the archive follow a shard through its feed (feed.ts); a restarted shard is attached anew. */
  attach(shard: number, end: ChannelEnd): void {
    if (this.#ending) return;
    tell(this.#worker, { kind: "attach", shard, end }, portsOf(end));
  }

  /** A port for an `ArchiveQueryClient`, here or in another thread. Of an archive that has ended it is closed already. */
  connect(): MessagePort {
    if (!this.#ending) return connectTo(this.#worker);
    const { port1, port2 } = new MessageChannel();
    port1.close();
    return port2;
  }

  /** By shard, the newest batch that is stored: a witness that its log must hold. */
  async positions(): Promise<ReadonlyMap<number, ArchivedPosition>> {
    return new Map((await this.request((id) => ({ id, method: "positions" }))) as ArchivedPositions);
  }

  /** By shard, the newest batch that would be there after a power cut, and that was read back whole. */
  async sync(): Promise<ReadonlyMap<number, ArchivedPosition>> {
    return new Map((await this.request((id) => ({ id, method: "sync" }))) as ArchivedPositions);
  }

  /** The newest batch of a shard that is stored, unless it is damaged itself: then it proves nothing. */
  async witness(shard: number): Promise<ArchivedPosition | undefined> {
    const position = (await this.positions()).get(shard);
    return position?.unproven === true ? undefined : position;
  }

  /** As told last, a quarter of a second ago at most. */
  get figures(): ArchiveFigures {
    return this.#figures;
  }

  /** Why what needs the archive is not answered; empty while it runs. */
  unready(): readonly string[] {
    const { away } = this.#figures;
    if (away !== null) return [away];
    return this.#isSilent ? [`the archive is hung: ${describeSilence(this.#watchdog.silentMs)}`] : [];
  }

  /** Lets the archive store and index what it has in hand, and ends its thread. Queries are refused from here on. */
  async close(): Promise<void> {
    this.#ending = true;
    clearInterval(this.#timer);
    this.refuse("the archive is closed");
    tell(this.#worker, { kind: "close" });
    await this.#ended;
  }

  #look(): void {
    const liveness = this.#watchdog.look(performance.now());
    if (liveness === "hung") this.#fail(new Error(describeSilence(this.#watchdog.silentMs)));
    else this.#setSilent(liveness === "silent");
  }

  #setFigures(figures: ArchiveFigures): void {
    const { away } = this.#figures;
    this.#figures = figures;
    if (figures.away !== away) this.#onChange();
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

function tell(worker: Worker, message: ToArchive, ports: readonly MessagePort[] = []): void {
  worker.postMessage(message, ports);
}

function connectTo(worker: Worker): MessagePort {
  const { port1, port2 } = new MessageChannel();
  tell(worker, { kind: "connect", port: port1 }, [port1]);
  return port2;
}
