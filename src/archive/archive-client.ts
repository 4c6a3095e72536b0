import { type MessagePort, Worker } from "node:worker_threads";
import { OperatingError } from "../operating-error.ts";
import type { Witness } from "../wal/wal.ts";
import {
  type ArchiveFigures,
  type ArchiveMethod,
  type FromArchive,
  type ToArchive,
  untagError,
} from "./archive-protocol.ts";
import type { ServiceOptions } from "./archive-service.ts";
import type { ArchiveThreadData } from "./archive-thread.ts";
import type {
  ArchivedRecord,
  ArchiveQueries,
  EntriesSum,
  Location,
  Page,
  Position,
  Range,
  Statement,
} from "./query.ts";

export type ArchiveClientOptions = ServiceOptions &
  Readonly<{
    /** The archive's thread has died or cannot go on; told once. Not called after `close`. */
    onFailure: (error: Error) => void;
  }>;

/** A stored batch that a shard's log must still hold. */
export type ArchivedPosition = Witness & Readonly<{ timeMs: number }>;

type Pending = Readonly<{ resolve: (value: unknown) => void; reject: (error: Error) => void }>;

/** The archive as the main thread sees it. Every query is answered by the archive's own thread. */
export class ArchiveClient implements ArchiveQueries {
  readonly #worker: Worker;
  readonly #onFailure: (error: Error) => void;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  #nextId = 1;
  #figures: ArchiveFigures;
  #failure: Error | undefined;
  #closing = false;

  private constructor(worker: Worker, figures: ArchiveFigures, onFailure: (error: Error) => void) {
    this.#worker = worker;
    this.#figures = figures;
    this.#onFailure = onFailure;
    worker.on("message", (message: FromArchive) => {
      this.#receive(message);
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
    const { onFailure, ...service } = options;
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
        if (message.kind === "ready") resolve(new ArchiveClient(worker, message.figures, onFailure));
        else if (message.kind === "failed") reject(untagError(message.error));
        else reject(new Error(`the archive began with ${message.kind}`));
      });
    });
  }

  /** Lets the archive follow a shard through its feed (feed.ts); a restarted shard is attached anew. */
  attach(shard: number, port: MessagePort): void {
    if (this.#failure !== undefined) return;
    this.#worker.postMessage({ kind: "attach", shard, port } satisfies ToArchive, [port]);
  }

  /** By shard, the newest batch that is stored: a witness that its log must hold. */
  async positions(): Promise<ReadonlyMap<number, ArchivedPosition>> {
    const found = await this.#request((id) => ({ kind: "positions", id }));
    return new Map(found as [number, ArchivedPosition][]);
  }

  /** The newest batch of a shard that is stored. */
  async witness(shard: number): Promise<ArchivedPosition | undefined> {
    return (await this.positions()).get(shard);
  }

  /** As told last, a quarter of a second ago at most. */
  get figures(): ArchiveFigures {
    return this.#figures;
  }

  /** How old the newest batch in the archive is beside a shard's newest durable one, in log time. */
  lagMs(shard: number, durableTimeMs: number): number {
    const stored = this.#figures.shards.find((each) => each.shard === shard)?.storedTimeMs;
    return stored === undefined ? Number.POSITIVE_INFINITY : Math.max(0, durableTimeMs - stored);
  }

  /** Lets the archive store and index what it has in hand, and ends its thread. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#failure === undefined) this.#worker.postMessage({ kind: "close" } satisfies ToArchive, []);
    await this.#ended;
  }

  records(at: readonly Location[]): Promise<readonly ArchivedRecord[]> {
    return this.#query("records", at, []);
  }

  transfer(id: string, after: readonly Position[]): Promise<ArchivedRecord | undefined> {
    return this.#query("transfer", id, after);
  }

  credit(id: string, after: readonly Position[]): Promise<ArchivedRecord | undefined> {
    return this.#query("credit", id, after);
  }

  transfers(
    query: Range & Readonly<{ partner: string; account?: string | undefined }>,
    after: readonly Position[],
  ): Promise<Page<ArchivedRecord>> {
    return this.#query("transfers", query, after);
  }

  entries(
    query: Range & Readonly<{ partner: string; account: string }>,
    after: readonly Position[],
  ): Promise<Statement> {
    return this.#query("entries", query, after);
  }

  sum(
    query: Readonly<{ partner: string; account: string; seq: number }>,
    after: readonly Position[],
  ): Promise<EntriesSum> {
    return this.#query("sum", query, after);
  }

  accountIds(
    query: Readonly<{ partner: string; prefix: string; afterId?: string | undefined; limit: number }>,
    after: readonly Position[],
  ): Promise<readonly string[]> {
    return this.#query("accountIds", query, after);
  }

  async #query<T>(method: ArchiveMethod, query: unknown, after: readonly Position[]): Promise<T> {
    return (await this.#request((id) => ({ kind: "query", id, method, query, after }))) as T;
  }

  #request(message: (id: number) => ToArchive): Promise<unknown> {
    if (this.#failure !== undefined || this.#closing) return Promise.reject(this.#unavailable());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage(message(id), []);
    });
  }

  #receive(message: FromArchive): void {
    switch (message.kind) {
      case "answer": {
        const pending = this.#pending.get(message.id);
        this.#pending.delete(message.id);
        if (message.result.ok) pending?.resolve(message.result.value);
        else pending?.reject(untagError(message.result.error));
        break;
      }
      case "ready":
      case "figures":
        this.#figures = message.figures;
        break;
      case "failed":
        this.#fail(untagError(message.error));
        break;
    }
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const { reject } of this.#pending.values()) reject(this.#unavailable());
    this.#pending.clear();
    if (!this.#closing) this.#onFailure(error);
  }

  #unavailable(): OperatingError {
    const why = this.#failure === undefined ? "the archive is closed" : "the archive has failed";
    return new OperatingError("log_unavailable", why, { cause: this.#failure });
  }
}
