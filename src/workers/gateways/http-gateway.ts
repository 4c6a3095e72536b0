/**
 * What a gateway is made of, on the main thread and on threads of its own alike: the HTTP app and its socket, who may
 * come in, and the ways to the shards.
 */
import { ASK_REPORT_SECRETS, reportSecretOf } from "../../actors/programmes/segments/acts.ts";
import { PLATFORM_TENANT } from "../../actors/programmes/wallet/acts.ts";
import type { Command } from "../../actors/records/command.ts";
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
import type { ChannelEnd } from "../channels/open-channel.ts";
import { BatchReader } from "./batch-reader.ts";

export type HttpGatewayOptions = Readonly<{
  /** Of the whole server; what this gateway itself cannot reach is added here. */
  operations: Operations;
  logs: BufferedLog;
  operatorKeyHash: string | undefined;
  assets: Assets;
  web: Web & Readonly<{ connections: ConnectionBounds }>;
  /** What limits count, shared by all gateways. */
  counters: SharedArrayBuffer;
}>;

const STARTING = "the server is starting";

export class HttpGateway {
  readonly directory: Directory;
  readonly #logs: BufferedLog;
  readonly #connections: ConnectionBounds;
  readonly #gateway = new Gateway();
  readonly #batches = new BatchReader();
  readonly #metrics = createRequestMetrics();
  readonly #app: App;
  /** Of before the key is known: nothing is asked of the ledger yet. */
  #openSecret: OpenSecret = () => undefined;
  #links: readonly ShardLink[] | undefined;
  #server: RunningServer | undefined;
  #closing = false;
  /** Where it listens. */
  #address: Address | undefined;

  constructor({ operations, logs, operatorKeyHash, assets, web, counters }: HttpGatewayOptions) {
    this.#connections = web.connections;
    this.#logs = logs;
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
      },
      log: logs.log,
      requestLines: logs.lines,
      metrics: this.#metrics,
      clock: { nowMs: Date.now, elapsedMs: () => performance.now() },
      random: randomBytes,
      operatorKeyHash,
      assets,
      // No request comes before there is an address.
      publicUrl: () => web.publicUrl ?? (this.#address === undefined ? "" : urlOf(this.#address)),
      cookie: createSessionCookie(web.publicUrl),
      corsOrigins: web.corsOrigins,
      counters: new WindowCounters(counters),
      openSecret: (stored, purpose) => this.#openSecret(stored, purpose),
      trustedProxies: web.trustedProxies,
    });
  }

  /** Rejects when the port cannot be had. One that is closed already does not listen. */
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

  /** Before this nothing can be answered; the port may be bound earlier than the shards are known. */
  connect(shards: number, archive: ArchiveQueries, overload: () => string | undefined): void {
    const { directory } = this;
    const requests = new Flows(REQUESTS_MAX);
    const lag = new LoopLag();
    this.#links = Array.from(
      { length: shards },
      (_, shard) =>
        new ShardLink({
          shard,
          onFacts: (facts) => directory.learn(facts),
          onAllFacts: (facts) => directory.learnAll(facts),
          requests,
          lag,
        }),
    );
    this.#gateway.connect(this.#links, archive, overload);
  }

  /** What the secrets in the log are sealed with. The port is bound before the folder may be read that has it. */
  setSecretKey(secretKey: string): void {
    this.#openSecret = openerOf(secretKey);
  }

  /** Says so where secrets were sealed with another key. */
  async checkSecrets(log: Log): Promise<void> {
    // A shard that ends just now is asked at the next start.
    const found = (await this.#gateway.askAll(PLATFORM_TENANT, ASK_REPORT_SECRETS).catch(() => [])).flat();
    const closed = found.filter(
      ([partner, stored]) => this.#openSecret(stored, reportSecretOf(partner)) === undefined,
    );
    if (closed.length === 0) return;
    const [[first] = [""]] = closed;
    const reason = `SECRET_KEY is not the one that the report secrets of ${closed.length} of ${found.length} partners (${first}, …) are sealed with`;
    log.warn({ reason }, "secrets in the log cannot be opened");
  }

  /** A new way to a shard. */
  attach(shard: number, end: ChannelEnd): void {
    this.#links?.[shard]?.attach(end);
  }

  /** A shard has stopped answering, or answers again. */
  setSilent(shard: number, isSilent: boolean): void {
    this.#links?.[shard]?.setSilent(isSilent);
  }

  /** Resolves when all shards have begun to serve here, and have told what they know. */
  async welcomed(): Promise<void> {
    await Promise.all((this.#links ?? []).map((link) => link.welcomed));
  }

  submit<C extends Command>(command: C): Promise<Answer<C>> {
    return this.#gateway.submit(command);
  }

  requestCounts(): RequestCounts {
    return this.#metrics.counts();
  }

  /** Takes no more connections, and resolves when all requests are answered, or cut off at the deadline. */
  async close(msMax: number): Promise<void> {
    this.#closing = true;
    await this.#server?.close(msMax);
    this.#batches.close();
  }

  #unready(operations: Operations): readonly string[] {
    const reasons = operations.unready();
    if (reasons.length > 0) return reasons;
    if (this.#links === undefined) return [STARTING];
    // A shard that ends is gone from here before its supervisor knows why.
    const away = this.#links
      .filter(({ serves }) => !serves)
      .map(({ shard }) => `shard ${shard} is not reached`);
    if (away.length > 0) return away;
    // The first records of a new log: nobody can log in before them.
    const { directory } = this;
    return directory.hasOperatorKey && directory.partner(PLATFORM_TENANT) !== undefined ? [] : [STARTING];
  }
}
