/**
 * Wires the server together: configuration → log → port → locks → archive → shards → gateways; signals, drain, exit codes.
 * No stream is claimed before every part has checked that it can start.
 *
 * The port is bound first, so that of two servers on one machine the second fails there, and not by fencing the first.
 */

import { hash, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { ArchiveClient } from "./archive/service/archive-client.ts";
import { asksForHelp, type Config, readConfig } from "./config.ts";
import { messageOf } from "./errors/error-message.ts";
import { bootstrap } from "./gateway/bootstrap.ts";
import { newWindowMemory } from "./http/limits/window-counters.ts";
import { type Log, openLog, type ProcessLog } from "./http/log/request-log.ts";
import { newSessionMemory } from "./http/pages/base/page-sessions.ts";
import { type Address, bindShared, explainBindError } from "./http/server/shared-port.ts";
import { PERSONS_FILE } from "./persons/person-keys.ts";
import { settingsHelp } from "./settings-help.ts";
import type { StatisticsLocation } from "./statistics/open.ts";
import { openRedisClock, parseLogUrl } from "./wal/open.ts";
import { lockFolder } from "./wal/sqlite/folder-lock.ts";
import { LogError } from "./wal/wal.ts";
import { ProcessCarrier } from "./workers/carriers/process-carrier.ts";
import { ThreadCarrier } from "./workers/carriers/thread-carrier.ts";
import type { GatewayInit } from "./workers/gateways/gateway-messages.ts";
import { watchUses } from "./workers/gateways/gateway-messages.ts";
import { GatewaySupervisor } from "./workers/gateways/gateway-supervisor.ts";
import { startGatewayThread } from "./workers/gateways/gateway-worker.ts";
import { HttpGateway } from "./workers/gateways/http-gateway.ts";
import { GatewaySaleLedger } from "./workers/operator/gateway-sale-ledger.ts";
import { OperatorDesk } from "./workers/operator/operator-desk.ts";
import { takeSnapshotInThread } from "./workers/recovery/snapshot-worker.ts";
import { reportAcceptedLosses } from "./workers/server/accepted-losses.ts";
import { banner } from "./workers/server/banner.ts";
import { ClockWatch } from "./workers/server/clock-watch.ts";
import { boundsOfGateways } from "./workers/server/file-limit.ts";
import { GENERATION, inspectLog, witnessedClocks } from "./workers/server/inspect-log.ts";
import { keepFilesPrivate, makePrivate } from "./workers/server/private-files.ts";
import { checkPersonKeys, openKeys } from "./workers/server/private-keys.ts";
import { ServerClock } from "./workers/server/server-clock.ts";
import { ServerOperations } from "./workers/server/server-operations.ts";
import { SnapshotKeeper } from "./workers/server/snapshot-keeper.ts";
import { bootClock, readBootId } from "./workers/shard/clock/boot-clock.ts";
import { NO_SHARD, parseFailpoints } from "./workers/shard/failpoint.ts";
import { Supervisor } from "./workers/supervisor/supervisor.ts";
import { WebhookSupervisor } from "./workers/webhooks/webhook-supervisor.ts";

const DRAIN_MS_MAX = 5_000;
/** Pause between two chunks of a snapshot, which share the log's disk with the appends. */
const CHUNK_PAUSE_MS = 4;
/** The process exits this long after a signal, even if a part hangs. */
const EXIT_MS_MAX = 9_500;

/** The parts that exist so far: a signal may arrive during the start. */
const parts: {
  logs?: ProcessLog;
  /** Gateway 0, on this thread. */
  gateway?: HttpGateway;
  archive?: ArchiveClient;
  supervisor?: Supervisor;
  /** All other gateways. */
  gateways?: GatewaySupervisor;
  webhooks?: WebhookSupervisor;
  operator?: OperatorDesk | undefined;
  snapshots?: SnapshotKeeper | undefined;
} = {};
let isStopping = false;

async function start(config: Config): Promise<void> {
  const log = { level: config.logLevel, readable: process.stdout.isTTY };
  const logs = openLog({ ...log, destination: 1, threads: config.gateways });
  parts.logs = logs;
  const operatorKeyHash = config.operatorKey && hash("sha256", config.operatorKey, "hex");
  const operations = new ServerOperations(() => gateway.requestCounts(), logs.dropped);
  const settings = { operatorKeyHash, ...settingsOfGateways(config, logs.log) };
  const memory = { counters: newWindowMemory(), pageSessions: newSessionMemory() };
  const onWebhook = () => parts.webhooks?.begin();
  const ofGateways = { operations, logs, ...memory, ...settings };
  const gateway = new HttpGateway({ ...ofGateways, onWebhook, legacyPartner: config.legacy?.partner });
  parts.gateway = gateway;
  const address = await bind(gateway, config);
  const legacy = await bindLegacy(gateway, config);
  // A signal may arrive twice: from a terminal, and from the program that started this one.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop());

  lockFolders(config, logs.log);
  const { secretKey, persons } = openKeys(config);
  gateway.setKeys(secretKey, persons);
  const archive = await ArchiveClient.start(join(config.dataDir, "archive"), {
    onFailure: (error) => fatal(`the archive has failed: ${error.message}`),
    onChange: () => operations.publish(),
  });
  parts.archive = archive;

  const { shards, mayCreate } = await inspectLog(config, archive, logs.log);
  const { clock, watch } = createClock(config, shards, logs.log);
  const common = { shards, archive, operations, logs, secretKey };
  const supervisor = createSupervisor(config, { ...common, mayCreate, clock });
  parts.supervisor = supervisor;
  gateway.connect(shards, archive, () => operations.overload());
  connectToShards(supervisor, archive, gateway);

  const shared = { ...common, address, ...settings, ...memory, log };
  const gateways = createGateways(config, { ...shared, supervisor, directory: gateway.directory });
  parts.gateways = gateways;
  if (config.gateways > 1) watchUses(gateway.directory, (uses) => gateways.broadcastUses(uses));
  const snapshots = createSnapshotKeeper(config, { shards, supervisor, archive, log: logs.log });
  parts.snapshots = snapshots;
  const webhooks = (parts.webhooks = createWebhooks(config, { ...common, supervisor }));
  const operator = (parts.operator = createOperatorDesk(config, shards, gateway));
  const checks = gateway.checks();
  const shown = { supervisor, archive, gateways, snapshots, webhooks, operator, ...checks, clock: watch };
  operations.connect({ ...shown, log: logs.log });
  watch.start({ supervisor, onChange: () => operations.publish() });

  // A claim ends any server that serves from this log. So claim only once this one has no reason left to refuse.
  const [used] = await Promise.all([supervisor.inspect(), gateways.begin()]);
  checkPersonKeys(persons, used, logs.log);
  await Promise.all([supervisor.start(), gateways.start()]);
  await gateway.welcomed();
  reportAcceptedLosses(config.dataDir, logs.log);
  snapshots?.start();
  await gateway.checkSecrets(logs.log);
  const operatorKey = await bootstrap(gateway.directory, (command) => gateway.submit(command));
  for (const check of Object.values(checks)) check.start();
  operator?.start();
  process.stdout.write(banner({ config, address, legacy, shards, operatorKey }));
}

/** Only what gateways need: it is sent to threads. */
function settingsOfGateways(config: Config, log: Log) {
  const { assets, topupOperator, dataDir, clickhouseUrl } = config;
  const statistics: StatisticsLocation = { dataDir, clickhouseUrl };
  const web = { ...config.web, connections: boundsOfGateways(config, log) };
  return { assets, asksOperator: topupOperator !== undefined, statistics, web };
}

/** Binds the port for gateway 0, exclusively or as the first of the gateways that share it. */
async function bind(gateway: HttpGateway, { host, port, gateways }: Config): Promise<Address> {
  const listen = (reusePort: boolean) => gateway.listen({ host, port, reusePort });
  try {
    return await (gateways === 1 ? listen(false) : bindShared({ host, port }, () => listen(true)));
  } catch (error) {
    throw explainBindError(error, { host, port });
  }
}

/** Binds the port of the old addresses. Gateway 0 alone serves them. @returns `undefined` if they are off */
async function bindLegacy(gateway: HttpGateway, { legacy }: Config): Promise<Address | undefined> {
  if (legacy === undefined) return undefined;
  const { port } = legacy;
  return gateway.listenLegacy(port).catch((error: unknown) => {
    throw explainBindError(error, { host: "127.0.0.1", port }, "LEGACY_PORT");
  });
}

function lockFolders({ dataDir, walUrl }: Config, log: Log): void {
  const location = parseLogUrl(walUrl);
  for (const folder of [dataDir, ...(location.kind === "sqlite" ? [location.dir] : [])]) {
    lockFolder(folder);
    const reason = makePrivate(folder);
    if (reason !== undefined) log.warn({ folder, reason }, "others may read the folder");
  }
}

type ShardContext = Readonly<{
  shards: number;
  mayCreate: boolean;
  archive: ArchiveClient;
  operations: ServerOperations;
  logs: ProcessLog;
  clock: ServerClock;
  secretKey: string;
}>;

function createSupervisor(config: Config, context: ShardContext): Supervisor {
  const { shards, mayCreate, archive, operations, logs, clock, secretKey } = context;
  return new Supervisor({
    carrier: config.isolation === "threads" ? new ThreadCarrier(shards) : new ProcessCarrier(),
    archived: (shard) => archive.witness(shard),
    judgedClock: () => clock.judged,
    init: {
      shards,
      generation: GENERATION,
      instance: randomUUID(),
      walUrl: config.walUrl,
      walReplicas: config.walReplicas,
      dataDir: config.dataDir,
      mayCreate,
      secretKey,
      allowWeakDurability: config.allowWeakDurability,
      failpoints: parseFailpoints(config.failpoints),
    },
    onFatal: fatal,
    losesAlone: parseLogUrl(config.walUrl).kind === "cluster",
    report: ({ shard, status, message, isWarning }) => {
      logs.log[isWarning ? "warn" : "info"]({ shard, status, reason: message || undefined }, "shard");
      operations.publish();
    },
  });
}

function connectToShards(supervisor: Supervisor, archive: ArchiveClient, gateway: HttpGateway): void {
  supervisor.connect({
    party: { kind: "archive" },
    attach: (shard, end) => archive.attach(shard, end),
  });
  supervisor.connect({
    party: { kind: "gateway", number: 0 },
    attach: (shard, end) => gateway.attach(shard, end),
    silent: (shard, isSilent) => gateway.setSilent(shard, isSilent),
  });
}

type GatewayContext = Pick<ShardContext, "shards" | "archive" | "operations" | "logs" | "secretKey"> &
  Pick<
    GatewayInit,
    | "address"
    | "operatorKeyHash"
    | "assets"
    | "asksOperator"
    | "statistics"
    | "web"
    | "counters"
    | "pageSessions"
    | "log"
  > &
  Readonly<{ supervisor: Supervisor; directory: HttpGateway["directory"] }>;

type WebhookContext = Pick<ShardContext, "shards" | "archive" | "logs" | "secretKey"> &
  Readonly<{ supervisor: Supervisor }>;

/** Creates the gateways other than gateway 0. */
function createGateways(config: Config, context: GatewayContext): GatewaySupervisor {
  const { archive, operations, logs, supervisor, directory, ...shared } = context;
  return new GatewaySupervisor({
    gateways: config.gateways - 1,
    start: startGatewayThread,
    init: (gateway) => ({
      ...shared,
      persons: join(config.dataDir, PERSONS_FILE),
      lines: logs.memoryOf(gateway),
      health: operations.health(),
      archive: archive.connect(),
    }),
    shards: supervisor,
    operations,
    directory,
    log: logs.log,
    onChange: () => operations.publish(),
  });
}

function createWebhooks(config: Config, context: WebhookContext): WebhookSupervisor {
  const { shards, archive, logs, secretKey, supervisor } = context;
  const failpoints = parseFailpoints(config.failpoints).filter(({ shard }) => shard === NO_SHARD);
  return new WebhookSupervisor({
    init: (restarts) => ({
      shards,
      secretKey,
      persons: join(config.dataDir, PERSONS_FILE),
      deliveries: join(config.dataDir, "webhook-deliveries.sqlite"),
      allowPrivate: config.web.webhooksAllowPrivate,
      failpoints: restarts === 0 ? failpoints : [],
      archive: archive.connect(),
    }),
    shards: supervisor,
    log: logs.log,
  });
}

/** @returns `undefined` if top-ups are completed without an operator. */
function createOperatorDesk(
  { topupOperator }: Config,
  shards: number,
  gateway: HttpGateway,
): OperatorDesk | undefined {
  if (topupOperator === undefined) return undefined;
  return new OperatorDesk(topupOperator, new GatewaySaleLedger(shards, gateway.ledger), (error) =>
    fatal(`asking the operator of top-ups has failed: ${messageOf(error)}`),
  );
}

/** Creates the one clock that all shards follow. */
function createClock(config: Config, shards: number, log: Log): { clock: ServerClock; watch: ClockWatch } {
  const { walUrl, dataDir, clockJumpMsMax } = config;
  const clocks = { wallMs: Date.now, uptimeMs: bootClock() };
  const clock = new ServerClock({
    clocks,
    bootId: readBootId(),
    witnessed: witnessedClocks(config, shards),
    jumpMsMax: clockJumpMsMax,
  });
  return { clock, watch: new ClockWatch({ clock, ...clocks, dataDir, second: openRedisClock(walUrl), log }) };
}

type SnapshotContext = Readonly<{
  shards: number;
  supervisor: Supervisor;
  archive: ArchiveClient;
  log: Log;
}>;

/** @returns `undefined` for a log in memory, which only its own shard can read. */
function createSnapshotKeeper(config: Config, context: SnapshotContext): SnapshotKeeper | undefined {
  const { shards, supervisor, archive, log } = context;
  const { walUrl, walReplicas: replicas } = config;
  if (parseLogUrl(walUrl).kind === "memory") return undefined;
  const task = { walUrl, replicas, generation: GENERATION, shards, pauseMs: CHUNK_PAUSE_MS };
  return new SnapshotKeeper({
    shards: () => supervisor.shards(),
    archived: async (shard) => (await archive.sync()).get(shard)?.id,
    take: (shard, until, epoch) => takeSnapshotInThread({ ...task, shard, until, epoch }),
    trim: (shard, below) => supervisor.trim(shard, below),
    everyRecords: config.snapshotRecords,
    everyMs: config.snapshotMinutes * 60_000,
    log,
  });
}

/** With a log in memory, uses a temporary data folder: witnesses and archive must not outlive the log. */
function withDataDir(config: Config): Config {
  if (parseLogUrl(config.walUrl).kind !== "memory") return config;
  const dataDir = mkdtempSync(join(tmpdir(), "daybook-"));
  process.on("exit", () => rmSync(dataDir, { recursive: true, force: true }));
  return { ...config, dataDir };
}

/** Drains the gateways, then the shards, and exits. */
async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  setTimeout(EXIT_MS_MAX, undefined, { ref: false }).then(
    () => process.exit(1),
    () => {},
  );
  parts.snapshots?.close();
  await Promise.all([
    parts.gateway?.close(DRAIN_MS_MAX),
    parts.gateways?.drain(DRAIN_MS_MAX),
    parts.webhooks?.drain(DRAIN_MS_MAX),
    parts.operator?.drain(DRAIN_MS_MAX),
  ]);
  await parts.supervisor?.stop();
  await parts.archive?.close();
  parts.logs?.close();
  process.exit(0);
}

/** Prints one line to stderr and exits at once, so that nothing is answered that was not logged. */
function fatal(message: string): void {
  if (isStopping) return;
  isStopping = true;
  process.stderr.write(`daybook: ${message.replaceAll("\n", " ")}\n`);
  parts.logs?.close();
  process.exit(1);
}

/** The reason why the server does not start. For a wrong Redis setting it refers to the doctor. */
function describeRefusal(error: unknown, { walUrl }: Config): string {
  const message = messageOf(error);
  const isSetting = error instanceof LogError && error.code === "log_misconfigured";
  return isSetting && ["redis", "cluster"].includes(parseLogUrl(walUrl).kind)
    ? `${message}. \`npx daybook doctor\` says what to change`
    : message;
}

/** Reads the settings and starts the server. A refusal ends the process with one line on stderr. */
export async function main(args: readonly string[]): Promise<void> {
  keepFilesPrivate();
  if (asksForHelp(args)) {
    process.stdout.write(`Usage: npm start -- [flags]\n\n${settingsHelp()}\n`);
    return;
  }
  let config: Config;
  try {
    config = withDataDir(readConfig(process.env, args));
  } catch (error) {
    fatal(messageOf(error));
    return;
  }
  await start(config).catch((error: unknown) => fatal(describeRefusal(error, config)));
}
