/**
 * A gateway: the HTTP app with its socket, the directory of partners and keys, and the links to the shards. The same
 * on the main thread and on other threads.
 */

import { TENANTS } from "../../actors/programmes/programmes.ts";
import { ASK_REPORT_SECRETS, reportSecretOf } from "../../actors/programmes/segments/acts.ts";
import type { Command, Fact } from "../../actors/records/command.ts";
import type { ArchiveQueries } from "../../archive/queries/query.ts";
import type { Assets, Web } from "../../config.ts";
import { Directory } from "../../gateway/directory.ts";
import { Gateway } from "../../gateway/gateway.ts";
import type { Answer, Operations } from "../../gateway/ports.ts";
import { Flows } from "../../gateway/shard-link/flows.ts";
import { LoopLag } from "../../gateway/shard-link/loop-lag.ts";
import { REQUESTS_MAX, ShardLink } from "../../gateway/shard-link/shard-link.ts";
import { type App, createApp } from "../../http/app.ts";
import { WindowCounters } from "../../http/limits/window-counters.ts";
import type { BufferedLog, Log } from "../../http/log/request-log.ts";
import { createRequestMetrics, type RequestCounts } from "../../http/log/request-metrics.ts";
import { createSessionCookie } from "../../http/programmes/wallet/session-cookie.ts";
import type { ConnectionBounds } from "../../http/server/connections.ts";
import { type RunningServer, startServer } from "../../http/server/server.ts";
import { type Address, urlOf } from "../../http/server/shared-port.ts";
import { randomBytes } from "../../random.ts";
import { type OpenSecret, openerOf } from "../../sealed-secrets.ts";
import { openSeries, type StatisticsLocation } from "../../statistics/open.ts";
import type { SeriesReader } from "../../statistics/store.ts";
import type { ChannelEnd } from "../channels/open-channel.ts";
import { PeriodicCheck } from "../server/periodic-check.ts";
import { BatchReader } from "./batch-reader.ts";

export type HttpGatewayOptions = Readonly<{
  /** The operations of the whole server; this gateway adds the shards that it cannot reach to `unready`. */
  operations: Operations;
  logs: BufferedLog;
  operatorKeyHash: string | undefined;
  assets: Assets;
  statistics: StatisticsLocation;
  web: Web & Readonly<{ connections: ConnectionBounds }>;
  /** Counters of the rate limits, shared by all gateways. */
  counters: SharedArrayBuffer;
  /** Called when there is a webhook. */
  onWebhook?: () => void;
}>;

const STARTING = "the server is starting";

export class HttpGateway {
  readonly directory: Directory;
  readonly #logs: BufferedLog;
  readonly #statistics: SeriesReader;
  readonly #connections: ConnectionBounds;
  readonly #gateway = new Gateway();
  readonly #batches = new BatchReader();
  readonly #metrics = createRequestMetrics();
  readonly #app: App;
  /** Until `setSecretKey`, no secret can be opened; no request needs one before that. */
  #openSecret: OpenSecret = () => undefined;
  readonly #onWebhook: (() => void) | undefined;
  #links: readonly ShardLink[] | undefined;
  #server: RunningServer | undefined;
  #closing = false;
  /** The bound address. */
  #address: Address | undefined;

  constructor(options: HttpGatewayOptions) {
    const { operations, logs, operatorKeyHash, assets, statistics, web, counters } = options;
    this.#onWebhook = options.onWebhook;
    this.#connections = web.connections;
    this.#logs = logs;
    this.#statistics = openSeries(statistics);
    this.directory = new Directory(Date.now, operatorKeyHash);
    this.#app = createApp({
      ledger: this.#gateway,
      readLarge: (body, asked) => this.#batches.read(body, asked, this.#links?.length ?? 1),
      directory: this.directory,
      operations: {
        unready: () => this.#unready(operations),
        warnings: () => operations.warnings(),
        shards: () => operations.shards(),
        restart: (shard) => operations.restart(shard),
        takeSnapshots: () => operations.takeSnapshots(),
        metrics: () => operations.metrics(),
        deliveries: (query) => operations.deliveries(query),
      },
      statistics: this.#statistics,
      log: logs.log,
      requestLines: logs.lines,
      metrics: this.#metrics,
      clock: { nowMs: Date.now, elapsedMs: () => performance.now() },
      random: randomBytes,
      operatorKeyHash,
      assets,
      // No request arrives before the address is bound.
      publicUrl: () => web.publicUrl ?? (this.#address === undefined ? "" : urlOf(this.#address)),
      cookie: createSessionCookie(web.publicUrl),
      corsOrigins: web.corsOrigins,
      counters: new WindowCounters(counters),
      openSecret: (stored, purpose) => this.#openSecret(stored, purpose),
      trustedProxies: web.trustedProxies,
      webhooksAllowPrivate: web.webhooksAllowPrivate,
    });
  }

  /** Binds the port, unless `close` was called before. @throws Error (as a rejection) the port cannot be bound */
  async listen(options: Address & Readonly<{ reusePort: boolean }>): Promise<Address> {
    const server = await startServer(this.#app, {
      ...options,
      connections: this.#connections,
      log: this.#logs.log,
    });
    this.#server = server;
    if (this.#closing) await server.close(0);
    this.#address = { host: server.host, port: server.port };
    return this.#address;
  }

  /** Connects the gateway to shards and archive. The port may be bound before; until then requests are refused. */
  connect(shards: number, archive: ArchiveQueries, overload: () => string | undefined): void {
    const { directory } = this;
    const requests = new Flows(REQUESTS_MAX);
    const lag = new LoopLag();
    this.#links = Array.from(
      { length: shards },
      (_, shard) =>
        new ShardLink({
          shard,
          onFacts: (facts) => {
            directory.learn(facts);
            this.#noteWebhooks(facts);
          },
          onAllFacts: (facts) => {
            directory.learnAll(facts);
            this.#noteWebhooks(facts);
          },
          requests,
          lag,
        }),
    );
    this.#gateway.connect(this.#links, archive, overload);
  }

  /** Sets the key that opens sealed secrets. It is read from DATA_DIR, after the port is bound. */
  setSecretKey(secretKey: string): void {
    this.#openSecret = openerOf(secretKey);
    this.#gateway.setSecretKey(secretKey);
  }

  /** Logs a warning if secrets in the log were sealed with another key. */
  async checkSecrets(log: Log): Promise<void> {
    // A shard that ends at this moment is not checked until the next start.
    const found = (await this.#gateway.askAll("", ASK_REPORT_SECRETS).catch(() => [])).flat();
    const closed = found.filter(
      ([partner, stored]) => this.#openSecret(stored, reportSecretOf(partner)) === undefined,
    );
    if (closed.length === 0) return;
    const [[first] = [""]] = closed;
    const reason = `SECRET_KEY is not the one that the report secrets of ${closed.length} of ${found.length} partners (${first}, …) are sealed with`;
    log.warn({ reason }, "secrets in the log cannot be opened");
  }

  /** Attaches a new channel to a shard. */
  attach(shard: number, end: ChannelEnd): void {
    this.#links?.[shard]?.attach(end);
  }

  /** Notes whether a shard has stopped answering. */
  setSilent(shard: number, isSilent: boolean): void {
    this.#links?.[shard]?.setHung(isSilent);
  }

  /** Resolves when all shards have sent their welcome with all facts. */
  async welcomed(): Promise<void> {
    await Promise.all((this.#links ?? []).map((link) => link.welcomed));
  }

  submit<C extends Command>(command: C): Promise<Answer<C>> {
    return this.#gateway.submit(command);
  }

  /** What the metrics show of the books of all partners, and of the statistics. */
  checks() {
    return {
      books: new PeriodicCheck(() => this.#gateway.trialBalance(undefined)),
      statistics: new PeriodicCheck(() => this.#statistics.read("", [], [])),
    };
  }

  requestCounts(): RequestCounts {
    return this.#metrics.counts();
  }

  /** Accepts no more connections. Resolves when all requests are answered, or cut off after `msMax`. */
  async close(msMax: number): Promise<void> {
    this.#closing = true;
    await this.#server?.close(msMax);
    this.#batches.close();
  }

  #noteWebhooks(facts: readonly Fact[]): void {
    if (facts.some(({ fact }) => fact === "webhook")) this.#onWebhook?.();
  }

  #unready(operations: Operations): readonly string[] {
    const reasons = operations.unready();
    if (reasons.length > 0) return reasons;
    if (this.#links === undefined) return [STARTING];
    // The channel of a shard that ends closes before the supervisor knows the reason.
    const unreachable = this.#links
      .filter(({ serves }) => !serves)
      .map(({ shard }) => `shard ${shard} is not reachable`);
    if (unreachable.length > 0) return unreachable;
    // Until the first records of a new log are written, no caller can authenticate.
    const { directory } = this;
    const isReady =
      directory.hasOperatorKey && TENANTS.every(({ id }) => directory.partner(id) !== undefined);
    return isReady ? [] : [STARTING];
  }
}
