/** `daybook wal export`: exports the log as JSON lines. */
import type { Command } from "commander";
import { messageOf } from "../../errors/error-message.ts";
import { plural } from "../../text/plural.ts";
import { formatLogId } from "../../wal/wal.ts";
import { OperatorError } from "../errors.ts";
import { type LogOptions, logOptions, readLogSettings, shardOption } from "../settings.ts";
import { formatCount, formatTime, note, ProgressBar, printLines } from "../terminal.ts";
import { checkReplaceable, writeWhole } from "../whole-file.ts";
import { type LogEntry, readBetween } from "./entries.ts";
import { type Bound, formatPosition, parseBound, type Range, toRange } from "./position.ts";
import { recordsOf } from "./record.ts";
import { measureStream } from "./stream-size.ts";
import { type ShardStream, withStreams } from "./streams.ts";

type Options = LogOptions & Readonly<{ shard?: number; from?: Bound; to?: Bound; force?: boolean }>;

const FORMAT = `
Writes one JSON object per entry and line, shard after shard, each in the order
of its log:

  {"shard":0,"id":"3-17","time":"2026-11-21T12:00:00.123Z","kind":"batch",
   "records":[{"command":{"op":"transfer",…},"outcome":{"ok":true,…}}],
   "frame":"RFlCSw…"}

  id       epoch-seq, unique in its shard
  kind     batch, or claim: who owns the epoch (instance, generation, shards; no
           records)
  records  commands with their outcomes; outcome.ok is false for a rejection,
           with its code
  frame    the entry's bytes in base64 (docs/WAL_FORMAT.md); all other fields
           are decoded from them

Amounts are integers in minor units, times in records milliseconds since 1970.
FILE appears only when it is complete; - is stdout. An entry that cannot be read
ends the export.`;

export function walExport(command: Command): Command {
  return logOptions(command)
    .argument("<file>", "the file to write; - is stdout")
    .addOption(shardOption())
    .option("--from <place>", "from this position (0:3-17, or 3-17 with --shard) or time on", parseBound)
    .option("--to <place>", "up to this position or time", parseBound)
    .option("--force", "replace FILE if it exists")
    .addHelpText("after", FORMAT)
    .action(async (file: string, options: Options) => {
      const range = toRange(options);
      const settings = readLogSettings(options);
      await withStreams(settings, range.shard, async (streams) => {
        if (file === "-") {
          await printLines(exportLines(streams, range));
          return;
        }
        checkReplaceable(file, options.force);
        const sizes = await Promise.all(streams.map((stream) => measureStream(settings, stream)));
        const total = sizes.reduce((sum, { entries }) => sum + entries, 0);
        const bar = new ProgressBar();
        let done = 0;
        await writeWhole(
          file,
          exportLines(streams, range, () => bar.draw(file, ++done, total)),
        );
        bar.clear();
        note(`${formatCount(done)} ${plural(done, "entry", "entries")} written to ${file}`);
      });
    });
}

async function* exportLines(
  streams: readonly ShardStream[],
  { from, to }: Range,
  onLine: () => void = () => undefined,
): AsyncGenerator<string> {
  for (const stream of streams) {
    for await (const entry of readBetween(stream, from, to)) {
      yield toLine(entry);
      onLine();
    }
  }
}

/** @throws OperatorError if the entry cannot be decoded. */
function toLine(entry: LogEntry): string {
  const { shard, id, timeMs, bytes, frame } = entry;
  try {
    if (frame === undefined) throw new RangeError(entry.problem);
    return JSON.stringify({
      shard,
      id: formatLogId(id),
      time: formatTime(timeMs),
      kind: frame.kind,
      ...(frame.kind === "claim" && {
        instance: frame.claimant.instance,
        generation: frame.claimant.generation,
        shards: frame.claimant.shards,
      }),
      records: recordsOf(frame),
      frame: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
    });
  } catch (error) {
    const reason = messageOf(error);
    throw new OperatorError(
      `${formatPosition(shard, id)} cannot be read: ${reason}. \`daybook wal verify\` says more; --to exports what is before it`,
      { cause: error },
    );
  }
}
