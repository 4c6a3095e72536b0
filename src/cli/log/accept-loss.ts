/** `daybook log accept-loss`: gives up batches that the log has lost and nobody can restore, so that the server starts. */
import { existsSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import type { DatabaseSync } from "node:sqlite";
import { type Command, Option } from "commander";
import { statisticsFolder } from "../../statistics/sqlite-store.ts";
import { plural } from "../../text/plural.ts";
import { readAcceptedLosses } from "../../wal/accepted-loss.ts";
import { planRepair } from "../../wal/log-repair.ts";
import { openSnapshotStore } from "../../wal/open.ts";
import { lockFolder } from "../../wal/sqlite/folder-lock.ts";
import { compareLogIds, formatLogId, type LogId, type Witness } from "../../wal/wal.ts";
import { findConsistentEnds } from "../../workers/recovery/consistent-ends.ts";
import { OperatorError, UsageError } from "../errors.ts";
import { type LogOptions, type LogSettings, logOptions, readLogSettings, shardOption } from "../settings.ts";
import { formatCount, paint, printLines } from "../terminal.ts";
import { formatPosition } from "../wal/position.ts";
import type { ShardStream } from "../wal/streams.ts";
import { checkMayCut } from "./cut-log.ts";
import { giveUp, type Loss, newestOf, withdrawNotes } from "./give-up.ts";
import {
  lockServerFolders,
  type RememberedEnd,
  rememberedEnd,
  withLogsAndArchive,
} from "./remembered-end.ts";

type Options = LogOptions & Readonly<{ shard?: number; yes?: boolean; discardArchived?: boolean }>;

const CONSEQUENCES = [
  "Callers were told that these commands are done. Their idempotency keys are forgotten, so a retry does them again.",
  "Events of these batches may have been delivered. They are in no list any more.",
  "If statistics are kept: npm run statistics -- --rebuild",
];

export function logAcceptLoss(command: Command): Command {
  return logOptions(command)
    .addOption(shardOption())
    .addOption(new Option("--yes", "do not ask"))
    .addOption(new Option("--discard-archived", "give up also what the archive could restore"))
    .addHelpText(
      "after",
      `
The last resort, after \`daybook log repair\`: a decision about money. Prints what
is given up, and asks. If other shards have had messages of the lost batches,
as many of their newest batches are given up that the books balance. The log is
claimed above all lost positions, so that none of them is used again. The
archive's batches, snapshots and witnesses that remember more are removed; the
batches and witnesses are moved to the folder given-up in DATA_DIR. The server
must be stopped, and its next start logs the loss. If the command is
interrupted, run it again.`,
    )
    .action(acceptLoss);
}

async function acceptLoss(options: Options): Promise<void> {
  const settings = readLogSettings(options);
  lockServerFolders(settings);
  const statistics = statisticsFolder(settings.dataDir);
  if (existsSync(statistics)) lockFolder(statistics);
  await withLogsAndArchive(settings, options.shard, async (streams, archive) => {
    const losses = await findLosses(settings, streams, archive, options);
    if (losses.length === 0) {
      await withdrawNotes(settings, streams);
      return printLines(["nothing is lost"]);
    }
    for (const { log, isCut } of losses) if (isCut) await checkMayCut(settings, log.stream.name);
    await printLines([...losses.flatMap(describe), ...CONSEQUENCES]);
    if (options.yes !== true && !(await isAgreed())) throw new OperatorError("nothing was changed");
    archive?.close();
    await giveUp(settings, losses);
    await withdrawNotes(settings, streams);
    await printLines(losses.map(({ log, kept }) => `${log.stream.name} now ends at ${at(log, kept.id)}`));
  });
}

/** What must be given up: the lost batches of the chosen shards, and what does not fit together with the rest. */
async function findLosses(
  settings: LogSettings,
  streams: readonly ShardStream[],
  archive: DatabaseSync | undefined,
  { shard, discardArchived = false }: Options,
): Promise<readonly Loss[]> {
  const noted = readAcceptedLosses(settings.dataDir);
  const logs: RememberedEnd[] = [];
  for (const stream of streams) logs.push(await rememberedEnd(settings, stream, streams.length, archive));
  // An interrupted command has cut this log.
  const isBegun = ({ origin, end }: RememberedEnd) =>
    noted.some((loss) => loss.shard === origin.shard && loss.keptUpTo === formatLogId(end.newest.id));
  const isChosen = (log: RememberedEnd) =>
    log.lost.length > 0 && (shard === undefined || log.origin.shard === shard || isBegun(log));
  for (const log of logs.filter(isChosen)) {
    const { from, to } = planRepair(log.end, log.copies, log.origin);
    if (from === undefined || to === undefined || discardArchived) continue;
    throw new OperatorError(
      `the archive can restore ${at(log, from)} to ${at(log, to)} of ${log.stream.name}: run \`daybook log repair\` first`,
    );
  }
  const ends = await consistentEnds(settings, logs);
  return logs.flatMap((log, no) => {
    const kept = ends[no] ?? log.end.newest;
    const isCut = compareLogIds(kept.id, log.end.newest.id) < 0;
    return isCut || isChosen(log) ? [{ log, kept, isCut }] : [];
  });
}

async function consistentEnds(settings: LogSettings, logs: readonly RememberedEnd[]) {
  const shards = logs.map(({ origin, stream, end, lost }) => ({
    newest: end.newest,
    sources: {
      ...origin,
      stream,
      snapshots: openSnapshotStore(settings.walUrl, { ...origin, readOnly: true }),
      isInLog: ({ hash }: Witness) => !lost.some((batch) => Buffer.compare(batch.hash, hash) === 0),
      // As a start does: it uses no archive.
      archived: () => {
        throw new OperatorError(
          `${stream.name} was trimmed, and no snapshot is as old as the end that it would get: restore the logs of all shards from one backup`,
        );
      },
    },
  }));
  try {
    return await findConsistentEnds(shards);
  } finally {
    await Promise.all(shards.map(({ sources }) => sources.snapshots.close()));
  }
}

function describe({ log, kept, isCut }: Loss): readonly string[] {
  let [batches, records] = [0, 0];
  for (const { count } of log.copies.after(kept.id)) {
    batches += 1;
    records += count;
  }
  return [
    `${paint("bold", log.stream.name)} keeps everything up to ${at(log, kept.id)}. Given up: all after it, up to ${at(log, newestOf(log))}`,
    `  ${formatCount(batches)} ${plural(batches, "batch", "batches")} of them with ${formatCount(records)} ${plural(records, "record")} are in the archive`,
    ...log.lost.map(({ id, of }) => `  ${of} remembers ${at(log, id)}`),
    ...(isCut ? ["  the log holds these batches, but another log has lost what they depend on"] : []),
  ];
}

function at({ origin }: RememberedEnd, id: LogId): string {
  return formatPosition(origin.shard, id);
}

async function isAgreed(): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new UsageError("this is no terminal: --yes agrees to what is printed above");
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await terminal.question("Give this up for good? Type yes: ")).trim() === "yes";
  } finally {
    terminal.close();
  }
}
