/**
 * A gateway: the HTTP app with its socket, the directory of partners and keys, and the links to the shards. The same
 * on the main thread and on other threads.
 */

import { TENANTS } from "../../actors/programmes/programmes.ts";
import { ASK_REPORT_SECRETS, reportSecretOf } from "../../actors/programmes/segments/acts.ts";
import type { Command, Fact } from "../../actors/records/command.ts";
import type { ArchiveQueries } from "../../archive/queries/query.ts";
import type { Assets, Web } from "../../config.ts";
import { assert } from "../../errors/assert.ts";
import { Directory } from "../../gateway/directory.ts";
import { Gateway } from "../../gateway/gateway.ts";
import type { Answer, Operations } from "../../gateway/ports.ts";
import { Flows } from "../../gateway/shard-link/flows.ts";
import { LoopLag } from "../../gateway/shard-link/loop-lag.ts";
import { REQUESTS_MAX, ShardLink } from "../../gateway/shard-link/shard-link.ts";
import { type App, type AppDeps, createApp } from "../../http/app.ts";
import { createLegacyApp } from "../../http/legacy/legacy-app.ts";
import { sharedElapsedMs, WindowCounters } from "../../http/limits/window-counters.ts";
import type { BufferedLog, Log } from "../../http/log/request-log.ts";
import { createRequestMetrics, type RequestCounts } from "../../http/log/request-metrics.ts";
import { createPageCookie } from "../../http/pages/base/page-cookie.ts";
import { PageSessions } from "../../http/pages/base/page-sessions.ts";
import { createSessionCookie } from "../../http/programmes/wallet/session-cookie.ts";
import type { ConnectionBounds } from "../../http/server/connections.ts";
import { type RunningServer, startServer } from "../../http/server/server.ts";
import { type Address, urlOf } from "../../http/server/shared-port.ts";
import type { PersonKeys, Persons } from "../../persons/person-keys.ts";
import { randomBytes } from "../../random.ts";
import { type OpenSecret, openerOf } from "../../sealed-secrets.ts";
import { openSeries, type StatisticsLocation } from "../../statistics/open.ts";
import type { SeriesReader } from "../../statistics/store.ts";
import { findTracing } from "../../tracing/tracing.ts";
import type { ChannelEnd } from "../channels/open-channel.ts";
import { PeriodicCheck } from "../server/periodic-check.ts";
import { BatchReader } from "./batch-reader.ts";

export type HttpGatewayOptions = Readonly<{
  /** The operations of the whole server; this gateway adds the shards that it cannot reach to `unready`. */
  operations: Operations;
  logs: BufferedLog;
  operatorKeyHash: string | undefined;
  assets: Assets;
  /** Whether an operator completes top-ups. */
  asksOperator: boolean;
  statistics: StatisticsLocation;
  web: Web & Readonly<{ connections: ConnectionBounds }>;
  /** Counters of the rate limits, shared by all gateways. */
  counters: SharedArrayBuffer;
  /** Sessions of the pages, shared by all gateways. */
  pageSessions: SharedArrayBuffer;
  /** Called when there is a webhook. */
  onWebhook?: () => void;
  /** The setting LEGACY_PARTNER: this gateway serves the old addresses of that partner. */
  legacyPartner?: string | undefined;
}>;

/** Loopback alone: the old addresses have no access control. */
const LEGACY_HOST = "127.0.0.1";
const ERASE_RETRY_MS = 1_000;
const STARTING = "the server is starting";

export class HttpGateway {
  readonly directory: Directory;
  readonly #logs: BufferedLog;
  readonly #statistics: SeriesReader;
  readonly #connections: ConnectionBounds;
  readonly #gateway = new Gateway();
  readonly #batches = new BatchReader();
  readonly #metrics = createRequestMetrics();
  readonly #tracing = findTracing();
  readonly #app: App;
  /** The old addresses, on a port of their own. */
  readonly #legacyApp: App | undefined;
  /** Until `setKeys`, no secret can be opened; no request needs one before that. */
  #openSecret: OpenSecret = () => undefined;
  readonly #onWebhook: (() => void) | undefined;
  /** Until `setKeys`, no request needs them. */
  #persons: PersonKeys | undefined;
  #links: readonly ShardLink[] | undefined;
  #server: RunningServer | undefined;
  #legacyServer: RunningServer | undefined;
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
    const deps: AppDeps = {
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
      asksOperator: options.asksOperator,
      // No request arrives before the address is bound.
      publicUrl: () => web.publicUrl ?? (this.#address === undefined ? "" : urlOf(this.#address)),
      cookie: createSessionCookie(web.publicUrl),
      pageCookie: createPageCookie(web.publicUrl),
      sessions: new PageSessions(options.pageSessions, randomBytes, sharedElapsedMs),
      corsOrigins: web.corsOrigins,
      counters: new WindowCounters(counters),
      openSecret: (stored, purpose) => this.#openSecret(stored, purpose),
      persons: this.#personsOfRoutes(),
      trustedProxies: web.trustedProxies,
      webhooksAllowPrivate: web.webhooksAllowPrivate,
      tracing: this.#tracing,
    };
    this.#app = createApp(deps);
    if (options.legacyPartner !== undefined) this.#legacyApp = createLegacyApp(deps, options.legacyPartner);
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

  /** Binds the port of the old addresses, on loopback alone. @throws Error (as a rejection) as `listen` */
  async listenLegacy(port: number): Promise<Address> {
    assert(this.#legacyApp !== undefined, "this gateway has a partner for the old addresses");
    const { perAddress } = this.#connections;
    this.#legacyServer = await startServer(this.#legacyApp, {
      host: LEGACY_HOST,
      port,
      // All of its clients have one address. Half of the files stay free for logs, archive and channels.
      connections: { max: perAddress, perAddress },
      log: this.#logs.log,
    });
    if (this.#closing) await this.#legacyServer.close(0);
    return { host: LEGACY_HOST, port: this.#legacyServer.port };
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
            this.#note(facts);
          },
          onAllFacts: (facts) => {
            directory.learnAll(facts);
            this.#note(facts);
          },
          requests,
          lag,
          tracing: this.#tracing,
        }),
    );
    this.#gateway.connect(this.#links, archive, overload);
  }

  /** Sets the keys of secrets and persons. They are in DATA_DIR, which is locked after the port is bound. */
  setKeys(secretKey: string, persons: PersonKeys): void {
    this.#openSecret = openerOf(secretKey);
    this.#gateway.setSecretKey(secretKey);
    this.#persons = persons;
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

  /** The ledger without HTTP, for parts of the server that act as a caller. */
  get ledger(): Gateway {
    return this.#gateway;
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
    await Promise.all([this.#server?.close(msMax), this.#legacyServer?.close(msMax)]);
    this.#batches.close();
  }

  #note(facts: readonly Fact[]): void {
    if (facts.some(({ fact }) => fact === "webhook")) this.#onWebhook?.();
    const erased = facts.flatMap((fact) => (fact.fact === "person_erased" ? [fact.key] : []));
    if (erased.length > 0) this.#erase(erased);
  }

  /** Tries until it succeeds, for example while the disk is full. */
  #erase(ids: readonly string[]): void {
    try {
      this.#keys().erase(ids);
    } catch (error) {
      this.#logs.log.error({ err: error }, "keys of erased persons are left");
      setTimeout(() => this.#erase(ids), ERASE_RETRY_MS).unref();
    }
  }

  #keys(): PersonKeys {
    assert(this.#persons !== undefined, "the keys are set before the gateway is connected");
    return this.#persons;
  }

  #personsOfRoutes(): Persons {
    return {
      pseudonymOf: (partner, email) => this.#keys().pseudonymOf(partner, email),
      seal: (partner, person) => this.#keys().seal(partner, person),
      open: (sealed) => this.#keys().open(sealed),
      erase: (ids) => this.#keys().erase(ids),
    };
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
