/** The query side of the archive, for any thread. */
import type { MessagePort } from "node:worker_threads";
import type { AccountView } from "../../actors/records/command.ts";
import type { TransferStatus, TransferView } from "../../actors/records/compound-command.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import type {
  ActsRange,
  ArchivedRecord,
  ArchiveQueries,
  BatchPosition,
  ClaimsFound,
  EntriesSum,
  EventsPage,
  EventsQuery,
  FoundRecord,
  LogBatch,
  Page,
  Range,
  RecordPosition,
  Statement,
} from "../queries/query.ts";
import {
  type ArchiveMethod,
  type ArchiveReply,
  type ArchiveRequest,
  untagError,
} from "./archive-protocol.ts";

/**
 * For a thread or disk that hangs. The archive itself has a shorter deadline for each query. A request has a longer one:
 * so its caller gets `log_unavailable`, not `outcome_unknown`.
 */
const ANSWER_MS_MAX = 9_000;

type Pending = Readonly<{
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
  deadline: NodeJS.Timeout;
}>;

/**
 * Queries the archive from any thread, over a port from `ArchiveClient.connect`. Once either side closes the port,
 * every query is refused with `log_unavailable`.
 *
 * Create it as soon as the port arrives: a port does not report a close that came before the listener.
 */
export class ArchiveQueryClient implements ArchiveQueries {
  readonly #port: MessagePort;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  /** Creates the error of every further query, once refused. */
  #refusal: (() => OperatingError) | undefined;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on("message", ({ id, result }: ArchiveReply) => {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      clearTimeout(pending?.deadline);
      if (result.ok) pending?.resolve(result.value);
      else pending?.reject(untagError(result.error));
    });
    port.on("close", () => this.refuse("the connection to the archive was closed"));
  }

  records(at: readonly RecordPosition[]): Promise<readonly FoundRecord[]> {
    return this.#query("records", at, []);
  }

  batch(
    query: BatchPosition & Readonly<{ limit: number }>,
    after: readonly BatchPosition[],
  ): Promise<LogBatch | undefined> {
    return this.#query("batch", query, after);
  }

  story(
    query: Readonly<{ partner: string; id: string; limit: number }>,
    after: readonly BatchPosition[],
  ): Promise<readonly ArchivedRecord[]> {
    return this.#query("story", query, after);
  }

  transfer(
    query: Readonly<{ partner: string; id: string; owner?: string | null }>,
    after: readonly BatchPosition[],
  ): Promise<TransferView | undefined> {
    return this.#query("transfer", query, after);
  }

  part(
    query: Readonly<{ id: string; from: number; to: number; no: number }>,
    after: readonly BatchPosition[],
  ): Promise<ArchivedRecord | undefined> {
    return this.#query("part", query, after);
  }

  claims(
    query: Readonly<{ shard: number; names: readonly string[] }>,
    after: readonly BatchPosition[],
  ): Promise<ClaimsFound> {
    return this.#query("claims", query, after);
  }

  transfers(
    query: Range &
      Readonly<{ partner: string; account?: string | undefined; status?: TransferStatus | undefined }>,
    after: readonly BatchPosition[],
  ): Promise<Page<TransferView>> {
    return this.#query("transfers", query, after);
  }

  accountAt(
    query: Readonly<{ partner: string; account: string; atMs: number }>,
    after: readonly BatchPosition[],
  ): Promise<AccountView | undefined> {
    return this.#query("accountAt", query, after);
  }

  acts(
    query: ActsRange & Readonly<{ partner: string; programme: string }>,
    after: readonly BatchPosition[],
  ): Promise<Page<ArchivedRecord>> {
    return this.#query("acts", query, after);
  }

  entries(
    query: Parameters<ArchiveQueries["entries"]>[0],
    after: readonly BatchPosition[],
  ): Promise<Statement> {
    return this.#query("entries", query, after);
  }

  sum(
    query: Readonly<{ partner: string; account: string; seq: number }>,
    after: readonly BatchPosition[],
  ): Promise<EntriesSum> {
    return this.#query("sum", query, after);
  }

  accountIds(
    query: Readonly<{ partner: string; prefix: string; afterId?: string | undefined; limit: number }>,
    after: readonly BatchPosition[],
  ): Promise<readonly string[]> {
    return this.#query("accountIds", query, after);
  }

  /** As JSON, which passes between threads at half the cost of the many small objects. */
  async events(query: EventsQuery, after: readonly BatchPosition[]): Promise<EventsPage> {
    return JSON.parse(await this.#query<string>("events", query, after)) as EventsPage;
  }

  async awaitEvents(partner: string, indexed: number, waitMs: number): Promise<void> {
    await this.request((id) => ({ id, method: "watch", partner, since: indexed, waitMs }));
  }

  /** Refuses pending and future queries. The first reason is kept. */
  protected refuse(reason: string, cause?: Error): void {
    if (this.#refusal !== undefined) return;
    const refusal = () => new OperatingError("log_unavailable", reason, { cause });
    this.#refusal = refusal;
    for (const { reject, deadline } of this.#pending.values()) {
      clearTimeout(deadline);
      reject(refusal());
    }
    this.#pending.clear();
  }

  protected request(message: (id: number) => ArchiveRequest): Promise<unknown> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#pending.delete(id);
        reject(
          new OperatingError("log_unavailable", `the archive did not answer within ${ANSWER_MS_MAX} ms`),
        );
      }, ANSWER_MS_MAX);
      this.#pending.set(id, { resolve, reject, deadline });
      this.#port.postMessage(message(id), []);
    });
  }

  async #query<T>(method: ArchiveMethod, query: unknown, after: readonly BatchPosition[]): Promise<T> {
    return (await this.request((id) => ({ id, method, query, after }))) as T;
  }
}
