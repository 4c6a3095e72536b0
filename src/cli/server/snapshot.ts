/** `daybook snapshot`: makes a server take a snapshot of every shard; with `--offline` takes them itself. */
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import type { components } from "../../../clients/typescript/src/index.ts";
import { plural } from "../../text/plural.ts";
import { SnapshotError } from "../../wal/snapshots/snapshot.ts";
import { lockFolder } from "../../wal/sqlite/folder-lock.ts";
import { type SnapshotReport, takeSnapshot } from "../../workers/recovery/take-snapshot.ts";
import { OperatorError, UsageError } from "../errors.ts";
import { jsonOption, type LogOptions, logOptions, readLogSettings } from "../settings.ts";
import { formatBytes, formatCount, ProgressBar, printJson, printLines } from "../terminal.ts";
import { formatPosition } from "../wal/position.ts";
import { withStreams } from "../wal/streams.ts";
import { connect, defaultUrl, readOperatorKey } from "./server-client.ts";

const POLL_MS = 250;

type Options = LogOptions & Readonly<{ url: string; offline?: boolean; wait: string }>;

/** A snapshot as it is printed. */
type Taken = Readonly<{ position: string; records: number; bytes: number; duration_ms: number }>;

type ShardView = components["schemas"]["Shard"];

export function snapshot(command: Command): Command {
  return logOptions(command)
    .option("--url <url>", "the server", defaultUrl())
    .option("--wait <seconds>", "how long to wait for the snapshots", "600")
    .option("--offline", "take them in this process, from the log at WAL_URL, while no server runs")
    .addOption(jsonOption("document"))
    .addHelpText("after", "\nUses the operator's key in OPERATOR_KEY.")
    .action(async (options: Options) => {
      const taken = options.offline ? await takeOffline(options) : await askServer(options);
      if (options.json) await printJson(taken);
      else await printLines(taken.map(describe));
    });
}

async function askServer({ url, wait }: Options): Promise<readonly Taken[]> {
  const server = connect(url, readOperatorKey());
  const waitMs = Number(wait) * 1000;
  if (!(waitMs >= 0)) throw new UsageError("--wait: give a number of seconds");
  const shards = async () => (await server.get("/v1/admin/shards")).data;
  const before = await shards();
  await server.post("/v1/admin/snapshots");
  const bar = new ProgressBar();
  const endMs = performance.now() + waitMs;
  try {
    for (;;) {
      const now = await shards();
      const done = now.filter((shard) => isTaken(shard, before));
      bar.draw("shards", done.length, now.length);
      if (done.length === now.length) return done.flatMap(({ snapshot: taken }) => taken ?? []);
      if (performance.now() >= endMs)
        throw new OperatorError(
          `only ${done.length} of ${now.length} ${plural(now.length, "shard")} have a snapshot after ${wait} s; see the server's log for the reason`,
        );
      await delay(POLL_MS);
    }
  } finally {
    bar.clear();
  }
}

/** Whether the shard has a snapshot at or after its position when the command started. An empty shard needs none. */
function isTaken({ shard, snapshot: taken }: ShardView, before: readonly ShardView[]): boolean {
  const start = before.find((each) => each.shard === shard)?.durable_position ?? "";
  if (start.endsWith(":0-0")) return true;
  return taken !== null && compare(taken.position, start) >= 0;
}

function compare(a: string, b: string): number {
  const [[epochA = 0, seqA = 0], [epochB = 0, seqB = 0]] = [numbersOf(a), numbersOf(b)];
  return epochA - epochB || seqA - seqB;
}

function numbersOf(position: string): number[] {
  return position
    .slice(position.indexOf(":") + 1)
    .split("-")
    .map(Number);
}

async function takeOffline(options: Options): Promise<readonly Taken[]> {
  const settings = readLogSettings(options);
  // Held until this process ends, so that no server starts to write to the same slots.
  lockFolder(settings.dataDir);
  return withStreams(settings, undefined, async (streams) => {
    const taken: Taken[] = [];
    for (const { generation, shard, stream } of streams) {
      const until = (await stream.last())?.id;
      if (until === undefined) continue;
      const { walUrl, walReplicas: replicas } = settings;
      const where = { walUrl, replicas, generation, shard, shards: streams.length };
      const task = { ...where, until, epoch: until.epoch, pauseMs: 0 };
      try {
        taken.push(viewOf(await takeSnapshot(task)));
      } catch (error) {
        if (!(error instanceof SnapshotError)) throw error;
        throw new OperatorError(error.message, { cause: error });
      }
    }
    return taken;
  });
}

function viewOf({ shard, snapshot: { head, bytes }, ms }: SnapshotReport): Taken {
  return { position: formatPosition(shard, head.id), records: head.records, bytes, duration_ms: ms };
}

function describe({ position, records, bytes, duration_ms }: Taken): string {
  return `${position}  ${formatCount(records)} ${plural(records, "record")}, ${formatBytes(bytes)}, taken in ${duration_ms} ms`;
}
