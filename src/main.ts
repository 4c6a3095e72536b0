/**
 * The only wiring: configuration → port → locks → log → shards → HTTP; signals, drain, exit codes.
 *
 * The port is bound first, so that two servers on one machine meet there and not in the log.
 */
import { hash, randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { ArchiveClient } from "./archive/archive-client.ts";
import { type Config, readConfig } from "./config.ts";
import { ArchiveLag } from "./gateway/archive-lag.ts";
import { bootstrap } from "./gateway/bootstrap.ts";
import { Directory } from "./gateway/directory.ts";
import { Gateway } from "./gateway/gateway.ts";
import { ShardLink } from "./gateway/shard-link.ts";
import { createApp } from "./http/app.ts";
import type { Operations } from "./http/ports.ts";
import { type BufferedLog, openLog } from "./http/request-log.ts";
import { createRequestMetrics, renderRequestCounts } from "./http/request-metrics.ts";
import { type RunningServer, startServer } from "./http/server.ts";
import { parseFailpoints } from "./shard/failpoint.ts";
import { lockFolder } from "./wal/folder-lock.ts";
import { openLogStream, parseLogUrl } from "./wal/open.ts";
import { inspectTail, mayCreateStreams } from "./wal/tail.ts";
import { formatLogId, LogError, type LogStream } from "./wal/wal.ts";
import { readWitness } from "./wal/witness.ts";
import { renderMetrics } from "./workers/metrics.ts";
import { ProcessCarrier } from "./workers/process-carrier.ts";
import { Supervisor } from "./workers/supervisor.ts";
import { ThreadCarrier } from "./workers/thread-carrier.ts";

/** Raised by re-sharding. */
const GENERATION = 1;
const DRAIN_MS_MAX = 5_000;
/** After a signal the process is gone by then, whatever hangs. */
const EXIT_MS_MAX = 9_500;
const LOG_RETRY_MS = 500;
/** An archive that is further behind would hold up the trimming of the log. */
const ARCHIVE_LAG_MS_MAX = 60_000;

enableCompileCache();

/** The parts that exist so far; a server that is told to stop may not have all of them yet. */
const parts: {
  logs?: BufferedLog;
  server?: RunningServer;
  archive?: ArchiveClient;
  supervisor?: Supervisor;
  links?: readonly ShardLink[];
} = {};
const requestMetrics = createRequestMetrics();
let leaving = false;

async function start(config: Config): Promise<void> {
  const logs = openLog({ level: config.logLevel, destination: 1 });
  parts.logs = logs;
  const { log } = logs;
  const operatorKeyHash =
    config.operatorKey === undefined ? undefined : hash("sha256", config.operatorKey, "hex");
  const directory = new Directory(Date.now, operatorKeyHash);
  const gateway = new Gateway();
  const app = createApp({
    ledger: gateway,
    directory,
    operations,
    log,
    requestLines: logs.lines,
    metrics: requestMetrics,
    clock: { nowMs: Date.now, elapsedMs: () => performance.now() },
    random: (bytes) => randomBytes(bytes),
    operatorKeyHash,
  });
  parts.server = await startServer(app, { host: config.host, port: config.port, log });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop());

  lockFolder(config.dataDir);
  const location = parseLogUrl(config.walUrl);
  if (location.kind === "sqlite") lockFolder(location.dir);
  const archive = await ArchiveClient.start(join(config.dataDir, "archive"), {
    onFailure: (error) => fatal(`the archive has failed: ${error.message}`),
  });
  parts.archive = archive;

  const { shards, mayCreate } = await untilLogAnswers(log, () => inspectLog(config, archive));
  const links = createLinks(shards, directory);
  parts.links = links;
  const supervisor = new Supervisor({
    carrier: config.isolation === "threads" ? new ThreadCarrier(shards) : new ProcessCarrier(),
    archived: (shard) => archive.witness(shard),
    init: {
      shards,
      generation: GENERATION,
      instance: randomUUID(),
      walUrl: config.walUrl,
      dataDir: config.dataDir,
      mayCreate,
      allowWeakDurability: config.allowWeakDurability,
      failpoints: parseFailpoints(config.failpoints),
    },
    onFatal: fatal,
    report: ({ shard, status, message }) => {
      const well = status === "recovering" || status === "ready";
      log[well ? "info" : "warn"]({ shard, status, reason: message || undefined }, "shard");
    },
  });
  parts.supervisor = supervisor;
  gateway.connect(links, archive, watchArchive(archive, supervisor));
  supervisor.connect({
    party: { kind: "archive" },
    attach: (shard, end) => archive.attach(shard, end),
  });
  supervisor.connect({
    party: { kind: "gateway", number: 0 },
    attach: (shard, end) => links[shard]?.attach(end),
  });
  await supervisor.start();
  await Promise.all(links.map((link) => link.welcomed));
  const operatorKey = await bootstrap(directory, (command) => gateway.submit(command));
  greet(config, parts.server, shards, operatorKey);
}

function createLinks(shards: number, directory: Directory): readonly ShardLink[] {
  return Array.from(
    { length: shards },
    (_, shard) =>
      new ShardLink({
        shard,
        onFacts: (facts) => directory.learn(facts),
        onAllFacts: (facts) => directory.learnAll(facts),
      }),
  );
}

/** A log that is away, or still loading, is waited for; `/readyz` says so meanwhile. */
async function untilLogAnswers<T>(log: BufferedLog["log"], ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof LogError && error.code === "log_unavailable")) throw error;
      log.warn({ reason: error.message }, "waiting for the log");
    }
    await setTimeout(LOG_RETRY_MS);
  }
}

/** How many shards there are, and whether their streams may be made: only where nothing of this server exists. */
async function inspectLog(
  config: Config,
  archive: ArchiveClient,
): Promise<Readonly<{ shards: number; mayCreate: boolean }>> {
  const open = (shard: number) =>
    openLogStream(config.walUrl, {
      generation: GENERATION,
      shard,
      allowWeakDurability: config.allowWeakDurability,
    });
  const tail = await look([open(0)], ([first]) => inspectTail(first as LogStream));
  const recorded = tail?.claim.claimant.shards;
  // One core is left to the gateway: docs/adr/0005.
  const shards = config.shards ?? recorded ?? Math.max(1, availableParallelism() - 1);
  const archived = (await archive.positions()).size > 0;
  const remembered = Array.from({ length: shards }, (_, shard) => shard).some(
    (shard) => readWitness(config.dataDir, { generation: GENERATION, shard }) !== undefined,
  );
  if (archived || remembered) return { shards, mayCreate: false };
  const streams = Array.from({ length: shards }, (_, shard) => open(shard));
  return { shards, mayCreate: await look(streams, mayCreateStreams) };
}

async function look<T>(
  streams: readonly LogStream[],
  at: (streams: readonly LogStream[]) => Promise<T>,
): Promise<T> {
  try {
    return await at(streams);
  } finally {
    await Promise.all(streams.map((stream) => stream.close()));
  }
}

/** What is derived from a log in memory must not outlive it: the next start would miss what it remembers. */
function withDataDir(config: Config): Config {
  if (parseLogUrl(config.walUrl).kind !== "memory") return config;
  const dataDir = mkdtempSync(join(tmpdir(), "daybook-"));
  process.on("exit", () => rmSync(dataDir, { recursive: true, force: true }));
  return { ...config, dataDir };
}

/** Looks once a second whether the archive keeps up; the answer is why no commands should be taken. */
function watchArchive(archive: ArchiveClient, supervisor: Supervisor): () => string | undefined {
  const lag = new ArchiveLag(ARCHIVE_LAG_MS_MAX);
  let reason: string | undefined;
  const check = async () => {
    const stored = new Map(archive.figures.shards.map((each) => [each.shard, each.stored]));
    const followers = (await supervisor.shards()).flatMap(({ shard, figures }) =>
      figures === undefined ? [] : [{ shard, durable: figures.durable, stored: stored.get(shard) }],
    );
    reason = lag.check(followers, performance.now());
  };
  setInterval(() => void check(), 1000).unref();
  return () => reason;
}

const operations: Operations = {
  unready() {
    const { supervisor, links } = parts;
    if (supervisor === undefined || links === undefined) return ["the server is starting"];
    const reasons = supervisor.unready();
    // A shard that ends is gone from here before its supervisor knows why.
    const gone = links.filter(({ serves }) => !serves).map(({ shard }) => `shard ${shard} is not reached`);
    return reasons.length > 0 ? reasons : gone;
  },
  warnings: () => parts.supervisor?.warnings() ?? [],
  restart: (shard) => parts.supervisor?.restart(shard) ?? false,
  async metrics() {
    const { supervisor, archive } = parts;
    const ofRequests = renderRequestCounts(requestMetrics.counts());
    if (supervisor === undefined || archive === undefined) return ofRequests;
    return `${await renderMetrics(await supervisor.shards(), archive.figures)}${ofRequests}`;
  },
  async shards() {
    const { supervisor } = parts;
    if (supervisor === undefined) return [];
    return (await supervisor.shards()).map(({ shard, status, restarts, figures }) => {
      const none = `${shard}:${formatLogId({ epoch: 0, seq: 0 })}`;
      return {
        shard,
        isolation: supervisor.isolation,
        status,
        restarts,
        threadId: figures?.threadId,
        pid: figures?.pid,
        epoch: figures?.epoch ?? 0,
        position: figures?.position ?? none,
        durablePosition: figures?.durablePosition ?? none,
        accounts: figures?.accounts ?? 0,
        mailboxDepth: figures?.mailboxDepth ?? 0,
        recovery: figures?.recovery ?? { snapshotMs: 0, replayed: 0, replayMs: 0 },
      };
    });
  },
};

function greet(config: Config, server: RunningServer, shards: number, operatorKey: string | undefined): void {
  const url = `http://${server.host.includes(":") ? `[${server.host}]` : server.host}:${server.port}`;
  const lines = [
    `Daybook serves on ${url}, docs at ${url}/docs`,
    `log: ${describeLog(config)}, ${shards} ${shards === 1 ? "shard" : "shards"}`,
  ];
  if (operatorKey === undefined) lines.push(`try: curl ${url}/readyz`);
  else {
    lines.push(
      `operator key, shown this once: ${operatorKey}`,
      `try: curl ${url}/v1/partners -H 'Authorization: Bearer ${operatorKey}' -H 'Content-Type: application/json' -d '{"id":"acme","name":"Acme"}'`,
    );
  }
  process.stdout.write(`${lines.join("\n")}\n`);
}

function describeLog({ walUrl }: Config): string {
  const location = parseLogUrl(walUrl);
  switch (location.kind) {
    case "sqlite":
      return `sqlite in ${location.dir} (one machine; for production set WAL_URL=redis://…)`;
    case "memory":
      return "memory (nothing survives the end of this process)";
    case "redis": {
      const { address } = location;
      return `Redis Streams at ${"path" in address ? address.path : `${address.host}:${address.port}`}`;
    }
  }
}

/** Answers what is in hand, logs it, ends. */
async function stop(): Promise<void> {
  if (leaving) return;
  leaving = true;
  setTimeout(EXIT_MS_MAX, undefined, { ref: false }).then(
    () => process.exit(1),
    () => {},
  );
  await parts.server?.close(DRAIN_MS_MAX);
  await parts.supervisor?.stop();
  await parts.archive?.close();
  parts.logs?.close();
  process.exit(0);
}

/** One line on stderr, and out: nothing that was not logged may be answered any more. */
function fatal(message: string): void {
  if (leaving) return;
  leaving = true;
  process.stderr.write(`daybook: ${message.replaceAll("\n", " ")}\n`);
  parts.logs?.close();
  process.exit(1);
}

try {
  await start(withDataDir(readConfig(process.env, process.argv.slice(2))));
} catch (error) {
  fatal(error instanceof Error ? error.message : String(error));
}
