/** `daybook archive`: verifies every archived batch, and repairs damaged ones. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { Command } from "commander";
import { ArchiveError } from "../archive/archive-error.ts";
import type { Flaw } from "../archive/batches/batch-chain.ts";
import { type Damage, formatBatchPosition } from "../archive/batches/damage-table.ts";
import {
  ArchiveRepair,
  archiveSource,
  type CopySource,
  findFlaws,
  salvage,
} from "../archive/batches/repair.ts";
import { isMalformed } from "../archive/database.ts";
import { plural } from "../text/plural.ts";
import { hashFrame } from "../wal/frame.ts";
import { lockFolder } from "../wal/sqlite/folder-lock.ts";
import { openForReading } from "../wal/sqlite/sqlite-read-only.ts";
import { OperatorError } from "./errors.ts";
import { archiveFolder, jsonOption, type LogOptions, logOptions, readLogSettings } from "./settings.ts";
import { formatCount, ProgressBar, paint, printJson, printLines } from "./terminal.ts";
import { type ShardStream, tryDecode, withStreams } from "./wal/streams.ts";

type VerifyOptions = LogOptions & Readonly<{ archive?: string }>;
type RepairOptions = LogOptions & Readonly<{ from?: string }>;

export function archiveVerify(command: Command): Command {
  return logOptions(command)
    .option("--archive <folder>", "check this archive, such as one in a backup, instead of the server's")
    .addOption(jsonOption("document"))
    .addHelpText(
      "after",
      `
Checks the checksum of each batch, and the log's hash chain. Writes nothing, and
can be used while the server runs. Exit code 1 if a batch is damaged.`,
    )
    .action(async (options: VerifyOptions) => {
      const folder = options.archive ?? archiveFolder(readLogSettings(options));
      const { batches, flaws } = verifyFolder(folder);
      if (options.json) await printJson({ ok: flaws.length === 0, batches, damaged: flaws.map(viewOf) });
      else {
        const count = `${folder}: ${formatCount(batches)} ${plural(batches, "batch", "batches")}`;
        const isWhole = flaws.length === 0;
        await printLines([
          isWhole
            ? `${paint("green", "ok")}   ${count}`
            : `${paint("red", "BAD")}  ${count}, ${flaws.length} damaged`,
          ...flaws.map((flaw) => `     ${formatBatchPosition(flaw)}: ${flaw.reason}`),
        ]);
      }
      if (flaws.length > 0) process.exitCode = 1;
    });
}

export function archiveRepair(command: Command): Command {
  return logOptions(command)
    .option("--from <folder>", "the folder `archive` of a backup")
    .addOption(jsonOption("document"))
    .addHelpText(
      "after",
      `
Restores each damaged batch from the backup, or from the log if that still has
it, and only if the log's hash chain proves that it is the same batch. A
malformed archive is first salvaged into a new file, which needs the same disk
space again. Exit code 1 if a batch stays damaged.`,
    )
    .action(async (options: RepairOptions) => {
      const settings = readLogSettings(options);
      // Held until this process ends.
      lockFolder(settings.dataDir);
      const report = await withStreams(settings, undefined, (streams) =>
        repairFolder(archiveFolder(settings), options.from, streams),
      );
      const { mended, damaged, salvaged, added } = report;
      if (options.json)
        await printJson({ ok: damaged.length === 0, salvaged, added, mended, damaged: damaged.map(viewOf) });
      else {
        await printLines([
          ...(salvaged === null
            ? []
            : [`salvaged ${formatCount(salvaged)} ${plural(salvaged, "batch", "batches")} into a new file`]),
          ...(added === 0
            ? []
            : [`added ${formatCount(added)} ${plural(added, "batch", "batches")} from the copy`]),
          ...mended.map((place) => `${paint("green", "ok")}   ${place} restored`),
          ...damaged.map(
            (each) =>
              `${paint("red", "BAD")}  ${formatBatchPosition(each)}: no intact copy was found: ${each.reason}`,
          ),
          ...(mended.length + damaged.length === 0 ? ["nothing is damaged"] : []),
        ]);
      }
      if (damaged.length > 0) process.exitCode = 1;
    });
}

function verifyFolder(folder: string): Readonly<{ batches: number; flaws: readonly Flaw[] }> {
  const database = openArchive(folder);
  const bar = new ProgressBar();
  try {
    let batches = 0;
    const flaws = findFlaws(database, (done, of) => {
      batches = of;
      bar.draw(folder, done, of);
    });
    return { batches, flaws };
  } catch (error) {
    if (isMalformed(error))
      throw new OperatorError(`${folder}: SQLite says "${error.message}": repair it`, { cause: error });
    throw error;
  } finally {
    bar.clear();
    database.close();
  }
}

type Report = Readonly<{
  mended: readonly string[];
  damaged: readonly Damage[];
  salvaged: number | null;
  added: number;
}>;

async function repairFolder(
  folder: string,
  from: string | undefined,
  streams: readonly ShardStream[],
): Promise<Report> {
  const copy = from === undefined ? undefined : openArchive(from);
  const sources: CopySource[] = [inLog(streams), ...(copy === undefined ? [] : [archiveSource(copy)])];
  try {
    if (existsSync(join(folder, "archive.sqlite"))) {
      try {
        return { ...(await mendAll(folder, sources, undefined)), salvaged: null };
      } catch (error) {
        const isCorruptArchive = error instanceof ArchiveError && error.code === "archive_corrupt";
        if (!isMalformed(error) && !isCorruptArchive) throw error;
      }
    }
    const salvaged = salvage(folder, copy);
    return { ...(await mendAll(folder, sources, copy)), salvaged };
  } finally {
    copy?.close();
  }
}

/** @param copy its batches beyond the end of the archive are added. */
async function mendAll(
  folder: string,
  sources: readonly CopySource[],
  copy: DatabaseSync | undefined,
): Promise<Omit<Report, "salvaged">> {
  const repairing = new ArchiveRepair(folder);
  const bar = new ProgressBar();
  const mended: string[] = [];
  try {
    const added = copy === undefined ? 0 : repairing.copyNewer(copy);
    for (;;) {
      const damaged = repairing.check((done, of) => bar.draw("archive", done, of));
      const before = mended.length;
      for (const damage of damaged)
        if (await repairing.restore(damage, sources)) mended.push(formatBatchPosition(damage));
      // A restored batch may prove where other copies belong, so check again.
      if (mended.length === before) return { mended, damaged, added };
    }
  } finally {
    bar.clear();
    repairing.close();
  }
}

function inLog(streams: readonly ShardStream[]): CopySource {
  return async (shard, { id }) => {
    const bytes = id === null ? undefined : await streams[shard]?.stream.find(id);
    if (id === null || bytes === undefined) return undefined;
    const frame = tryDecode({ id, bytes });
    if (typeof frame === "string" || frame.kind !== "batch") return undefined;
    return { ...frame, hash: hashFrame(bytes) };
  };
}

function openArchive(folder: string): DatabaseSync {
  const file = join(folder, "archive.sqlite");
  if (!existsSync(file)) throw new OperatorError(`there is no archive in ${folder}`);
  return openForReading(file).database;
}

function viewOf(flaw: Flaw): unknown {
  return { position: formatBatchPosition(flaw), kind: flaw.kind, reason: flaw.reason };
}
