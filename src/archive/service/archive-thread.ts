/** The archive's thread: the only place where the archive's files are touched. */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../errors/assert.ts";
import { giveWay } from "../../workers/carriers/give-way.ts";
import { Archive } from "../store.ts";
import { type FromArchive, type ToArchive, tagError } from "./archive-protocol.ts";
import { ArchiveService, type ServiceOptions } from "./archive-service.ts";

const FIGURES_EVERY_MS = 250;
/** Also when there is nothing new, so that its owner sees that it runs. */
const FIGURES_AT_LEAST_EVERY_MS = 1_000;
const NICENESS = 10;

export type ArchiveThreadData = Readonly<{ folder: string; options: ServiceOptions }>;

assert(parentPort !== null, "archive-thread.ts runs as a worker");
const main = parentPort;
const { folder, options } = workerData as ArchiveThreadData;

function send(message: FromArchive): void {
  main.postMessage(message, []);
}

/** Says why and ends: main decides what an archive that failed means for the server. */
function fail(error: unknown): void {
  send({ kind: "failed", error: tagError(error) });
  process.exitCode = 1;
  clearInterval(figuresTimer);
  main.close();
}

function serve(): void {
  const service = new ArchiveService(() => new Archive(folder), fail, options);
  let told = "";
  let toldMs = 0;
  figuresTimer = setInterval(() => {
    const figures = service.figures();
    const text = JSON.stringify(figures);
    const nowMs = performance.now();
    if (text === told && nowMs - toldMs < FIGURES_AT_LEAST_EVERY_MS) return;
    send({ kind: "figures", figures });
    told = text;
    toldMs = nowMs;
  }, FIGURES_EVERY_MS);

  main.on("message", (message: ToArchive) => {
    switch (message.kind) {
      case "attach":
        service.attach(message.shard, message.end);
        break;
      case "connect":
        service.connect(message.port);
        break;
      case "close":
        clearInterval(figuresTimer);
        service.close();
        main.close();
        break;
    }
  });
  send({ kind: "ready", figures: service.figures() });
}

let figuresTimer: NodeJS.Timeout | undefined;
try {
  giveWay(NICENESS);
  serve();
} catch (error) {
  fail(error);
}
