/** The statistics service, a process of its own: `npm run statistics`. It reads the archive of a server on this machine. */

import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { readConfig } from "../config.ts";
import { messageOf } from "../errors/error-message.ts";
import { type Log, openLog } from "../http/log/request-log.ts";
import { lockFolder } from "../wal/sqlite/folder-lock.ts";
import { lowerThreadPriority } from "../workers/carriers/thread-priority.ts";
import { keepFilesPrivate } from "../workers/server/private-files.ts";
import { ArchiveReader } from "./archive-reader.ts";
import { StatisticsUnusable } from "./checkpoint.ts";
import { openStatistics } from "./open.ts";
import { Pace } from "./pace.ts";
import { ServiceHealth, serveHealth } from "./service-health.ts";
import { statisticsFolder } from "./sqlite-store.ts";
import { StatisticsService } from "./statistics-service.ts";
import type { StatisticsStore } from "./store.ts";

const IDLE_MS = 1_000;
const RETRY_MS = 5_000;
/** Statistics can wait; requests cannot. */
const NICENESS = 19;

const stopped = new AbortController();

async function main(args: readonly string[]): Promise<void> {
  keepFilesPrivate();
  const { values } = parseArgs({
    args: [...args],
    options: { rebuild: { type: "boolean", default: false } },
  });
  const { DATA_DIR, CLICKHOUSE_URL, LOG_LEVEL, HOST, STATISTICS_PORT } = process.env;
  // Only these: a bad PORT must not keep the service from starting.
  const config = readConfig({ DATA_DIR, CLICKHOUSE_URL, LOG_LEVEL, HOST, STATISTICS_PORT }, []);
  lockFolder(statisticsFolder(config.dataDir));
  const logs = openLog({ level: config.logLevel, readable: process.stdout.isTTY, destination: 1 });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stopped.abort());
  const reader = new ArchiveReader(config.dataDir);
  const open = async () => {
    const store = await openStatistics(config, values);
    lowerThreadPriority(NICENESS);
    logs.log.info({ folder: config.dataDir }, "the statistics follow the archive");
    return store;
  };
  const health = new ServiceHealth();
  const { host, statisticsPort: port } = config;
  const server = port === undefined ? undefined : await serveHealth(health, { host, port });
  await follow(reader, open, { health, log: logs.log });
  server?.close();
  server?.closeAllConnections();
  logs.close();
}

/** After a failure it continues from the last checkpoint. @param open opens the store; called until it succeeds. */
async function follow(
  reader: ArchiveReader,
  open: () => Promise<StatisticsStore>,
  { health, log }: Readonly<{ health: ServiceHealth; log: Log }>,
): Promise<void> {
  let store: StatisticsStore | undefined;
  const pace = new Pace();
  while (!stopped.signal.aborted) {
    try {
      store ??= await open();
      const service = await StatisticsService.start(reader, store, health);
      health.reason = undefined;
      if (service === undefined) await pause(IDLE_MS);
      else
        while (!stopped.signal.aborted) {
          await pause((await service.step()) ? pace.restMs() : IDLE_MS);
        }
    } catch (error) {
      if (error instanceof StatisticsUnusable) throw error;
      health.failed(messageOf(error));
      log.warn({ reason: messageOf(error) }, "the statistics wait");
      await pause(RETRY_MS);
    }
  }
  await store?.close();
}

/** Ends early when the service is stopped. */
async function pause(ms: number): Promise<void> {
  await setTimeout(ms, undefined, { signal: stopped.signal }).catch(() => {});
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const hint =
    error instanceof StatisticsUnusable ? "; `npm run statistics -- --rebuild` builds them anew" : "";
  process.stderr.write(`daybook statistics: ${messageOf(error).replaceAll("\n", " ")}${hint}\n`);
  process.exitCode = 1;
}
