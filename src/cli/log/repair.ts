/** `daybook log repair`: appends to a log what it has lost and the archive still holds. */
import { type Command, Option } from "commander";
import { plural } from "../../text/plural.ts";
import { END, planRepair, type RepairPlan, repairLog } from "../../wal/log-repair.ts";
import { compareLogIds } from "../../wal/wal.ts";
import { type LogOptions, logOptions, readLogSettings, shardOption } from "../settings.ts";
import { formatCount, ProgressBar, paint, printLines } from "../terminal.ts";
import { formatPosition } from "../wal/position.ts";
import { withdrawNotes } from "./give-up.ts";
import {
  lockServerFolders,
  type RememberedEnd,
  rememberedEnd,
  withLogsAndArchive,
} from "./remembered-end.ts";

type Options = LogOptions & Readonly<{ shard?: number; dryRun?: boolean }>;

export function logRepair(command: Command): Command {
  return logOptions(command)
    .addOption(shardOption())
    .addOption(new Option("--dry-run", "check everything, and append nothing"))
    .addHelpText(
      "after",
      `
For a log that lacks batches that it once acknowledged. Appends those that the
archive in DATA_DIR still holds: the same bytes under the same ids, and only if
the log's hash chain proves each of them. The server must be stopped. If the
command is interrupted, run it again. Exit code 1 if a log still lacks
something.`,
    )
    .action(async (options: Options) => {
      const settings = readLogSettings(options);
      lockServerFolders(settings);
      await withLogsAndArchive(settings, options.shard, async (streams, archive) => {
        const { shard: wanted, dryRun = false } = options;
        for (const stream of streams) {
          if (wanted !== undefined && stream.shard !== wanted) continue;
          const examine = () => rememberedEnd(settings, stream, streams.length, archive);
          const before = await examine();
          const plan = planRepair(before.end, before.copies, before.origin);
          if (!dryRun) await append(before, plan);
          const isWhole = await report(dryRun ? before : await examine(), plan, dryRun);
          if (!isWhole) process.exitCode = 1;
        }
        if (!dryRun) await withdrawNotes(settings, streams);
      });
    });
}

async function append({ stream, end, copies, origin }: RememberedEnd, plan: RepairPlan): Promise<void> {
  const bar = new ProgressBar();
  try {
    await repairLog(stream, end, copies, origin, (done) => bar.draw(stream.name, done, plan.batches));
  } finally {
    bar.clear();
  }
}

/** @returns whether the log lacks nothing any more, or would lack nothing. */
async function report(log: RememberedEnd, plan: RepairPlan, isDryRun: boolean): Promise<boolean> {
  const { stream, end, origin } = log;
  const at = (id: Parameters<typeof formatPosition>[1]) => formatPosition(origin.shard, id);
  const { from, to, batches, records, obstacle } = plan;
  const lines: string[] = [];
  if (from !== undefined && to !== undefined) {
    const what = `${formatCount(batches)} ${plural(batches, "batch", "batches")} with ${formatCount(records)} ${plural(records, "record")}`;
    lines.push(`${stream.name}: ${isDryRun ? "would append" : "appended"} ${what}, ${at(from)} to ${at(to)}`);
  }
  const restored = isDryRun ? to : undefined;
  const reached = restored ?? end.newest.id;
  const newest = log.lost.find(({ id }) => restored === undefined || compareLogIds(id, restored) > 0);
  if (newest === undefined) {
    lines.push(`${paint("green", "ok")}   ${stream.name} lacks nothing: it ends at ${at(reached)}`);
  } else {
    const held = log.copies.newest(END);
    lines.push(
      `${paint("red", "BAD")}  ${stream.name} ends at ${at(reached)}, but ${newest.of} remembers ${at(newest.id)}`,
      `     the archive ${held === undefined ? "holds nothing of this log" : `ends at ${at(held.id)}`}${obstacle === undefined ? "" : `, and cannot be used: ${obstacle}`}`,
      "     look for a copy of the log, or of the archive, that has more. If there is none, `daybook log accept-loss` gives up",
      "     what is missing, and lets the server start",
    );
  }
  await printLines(lines);
  return newest === undefined;
}
