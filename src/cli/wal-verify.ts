/** `daybook wal verify`: every byte of the log, and whether it holds what it once acknowledged. */
import type { Command } from "commander";
import { LogError, type Witness } from "../wal/wal.ts";
import { readWitness } from "../wal/witness.ts";
import { formatPosition } from "./position.ts";
import { jsonOption, type LogOptions, logCommand, readLogSettings, shardOption } from "./settings.ts";
import { measureStream } from "./stream-size.ts";
import { type ShardStream, withStreams } from "./streams.ts";
import { formatCount, formatTime, ProgressBar, paint, printJson, printLines } from "./terminal.ts";
import { isFromBeginning, type Place, type Verification, verifyStream } from "./verification.ts";

type Options = LogOptions & Readonly<{ shard?: number; trimmed?: boolean }>;

const NOTHING_READ = {
  entries: 0,
  batches: 0,
  records: 0,
  first: undefined,
  last: undefined,
  witnessed: false,
} as const;

export function walVerify(): Command {
  return logCommand("verify", "read the whole log, and check all that can be checked of it")
    .addOption(shardOption())
    .option("--trimmed", "the log may begin in the middle: its beginning was trimmed")
    .addOption(jsonOption("document"))
    .addHelpText(
      "after",
      `
Of every entry: its checksum, its id, that it follows the one before it (number and hash), that its records
can be read. Of every stream: that it holds the batch that DATA_DIR remembers as durable. A stream is read up
to its first bad entry; the others are read all the same. Exit code 1 if anything is wrong.`,
    )
    .action(verify);
}

async function verify(options: Options): Promise<void> {
  const settings = readLogSettings(options);
  const results = await withStreams(settings, options.shard, async (streams) => {
    const done: [ShardStream, Verification][] = [];
    const bar = new ProgressBar();
    for (const source of streams) {
      const { shard, stream } = source;
      const { entries: total } = await measureStream(settings, source);
      const onProgress = (entries: number) => bar.draw(stream.name, entries, total);
      const result = await verifyOne(settings.dataDir, source, options.trimmed === true, onProgress);
      bar.clear();
      done.push([source, result]);
      if (!options.json) await printLines([describe(shard, stream.name, result)]);
    }
    return done;
  });
  const bad = results.filter(([, { fault }]) => fault !== undefined);
  if (options.json) {
    await printJson({
      ok: bad.length === 0,
      streams: results.map(([source, result]) => toJson(source, result)),
    });
  }
  if (bad.length > 0) process.exitCode = 1;
}

async function verifyOne(
  dataDir: string,
  source: ShardStream,
  mayBeTrimmed: boolean,
  onProgress: (entries: number) => void,
): Promise<Verification> {
  let witness: Witness | undefined;
  let unreadable: Verification["fault"];
  try {
    // Before the end of the stream is looked up, which on a live log is later.
    witness = readWitness(dataDir, source);
  } catch (error) {
    unreadable = toFault(error);
  }
  try {
    const trimmed = mayBeTrimmed && !(await isFromBeginning(source));
    const result = await verifyStream(source, { witness, trimmed, onProgress });
    return { ...result, fault: result.fault ?? unreadable };
  } catch (error) {
    // The store itself cannot read it any more; what it holds nobody can say.
    return { ...NOTHING_READ, fault: toFault(error) };
  }
}

function toFault(error: unknown): Verification["fault"] {
  if (!(error instanceof LogError && error.code === "log_corrupt")) throw error;
  return { fault: "damaged", id: undefined, reason: error.message };
}

function describe(shard: number, name: string, result: Verification): string {
  const { fault, entries, records, first, last, witnessed } = result;
  const from = first === undefined ? "" : `, from ${describePlace(shard, first)}`;
  const to = last === undefined ? "" : ` to ${describePlace(shard, last)}`;
  const read = `${formatCount(entries)} entries, ${formatCount(records)} records${from}${to}`;
  if (fault === undefined) {
    return `${paint("green", "ok")}   ${name}: ${read}${witnessed ? ", with the batch that DATA_DIR remembers" : ""}`;
  }
  const at = fault.id === undefined ? "" : ` at ${formatPosition(shard, fault.id)}`;
  return [
    `${paint("red", "BAD")}  ${name}: ${fault.fault}${at}: ${fault.reason}`,
    `     good before it: ${read}. Do not delete it: restore it from a copy that is whole`,
  ].join("\n");
}

function describePlace(shard: number, { id, timeMs }: Place): string {
  return `${formatPosition(shard, id)} (${formatTime(timeMs)})`;
}

function toJson({ shard, stream }: ShardStream, result: Verification): unknown {
  const { fault, first, last, ...counts } = result;
  const place = (at: Place | undefined) =>
    at === undefined ? null : { position: formatPosition(shard, at.id), time: formatTime(at.timeMs) };
  return {
    shard,
    name: stream.name,
    ok: fault === undefined,
    ...counts,
    first: place(first),
    last: place(last),
    fault:
      fault === undefined
        ? null
        : {
            kind: fault.fault,
            position: fault.id === undefined ? null : formatPosition(shard, fault.id),
            reason: fault.reason,
          },
  };
}
