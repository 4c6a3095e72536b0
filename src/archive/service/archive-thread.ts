/** Entry point of the archive's thread, the only code that accesses the archive's files. */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../errors/assert.ts";
import { lowerThreadPriority } from "../../workers/carriers/thread-priority.ts";
import { Archive } from "../store.ts";
import { type FromArchive, type ToArchive, tagError } from "./archive-protocol.ts";
import { ArchiveService, type ServiceOptions } from "./archive-service.ts";
import { checkSpace } from "./disk-space.ts";

const STATS_EVERY_MS = 250;
/** Unchanged stats are sent, too, as a sign of life for the owner's watchdog. */
const STATS_AT_LEAST_EVERY_MS = 1_000;
const NICENESS = 10;

export type ArchiveThreadData = Readonly<{ folder: string; options: ServiceOptions }>;

assert(parentPort !== null, "archive-thread.ts runs as a worker");
const main = parentPort;
const { folder, options } = workerData as ArchiveThreadData;

function send(message: FromArchive): void {
  main.postMessage(message, []);
}

/** Reports the error and ends the thread. The owner decides what that means for the server. */
function fail(error: unknown): void {
  send({ kind: "failed", error: tagError(error) });
  process.exitCode = 1;
  clearInterval(statsTimer);
  main.close();
}

function open(isAgain: boolean): Archive {
  if (isAgain) checkSpace(folder);
  return new Archive(folder);
}

function serve(): void {
  const service = new ArchiveService(open, fail, options);
  let sent = "";
  let sentMs = 0;
  statsTimer = setInterval(() => {
    const stats = service.stats();
    const text = JSON.stringify(stats);
    const nowMs = performance.now();
    if (text === sent && nowMs - sentMs < STATS_AT_LEAST_EVERY_MS) return;
    send({ kind: "stats", stats });
    sent = text;
    sentMs = nowMs;
  }, STATS_EVERY_MS);

  main.on("message", (message: ToArchive) => {
    switch (message.kind) {
      case "attach":
        service.attach(message.shard, message.end);
        break;
      case "connect":
        service.connect(message.port);
        break;
      case "close":
        clearInterval(statsTimer);
        service.close();
        main.close();
        break;
    }
  });
  send({ kind: "ready", stats: service.stats() });
}

let statsTimer: NodeJS.Timeout | undefined;
try {
  lowerThreadPriority(NICENESS);
  serve();
} catch (error) {
  fail(error);
}
