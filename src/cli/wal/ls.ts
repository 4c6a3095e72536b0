/** `daybook wal ls`: lists the records of the log in order of time. */
import type { Command } from "commander";
import { plural } from "../../text/plural.ts";
import {
  jsonOption,
  type LogOptions,
  logOptions,
  parseCount,
  readLogSettings,
  shardOption,
} from "../settings.ts";
import { note, printLines } from "../terminal.ts";
import { mergeByTime, readBetween } from "./entries.ts";
import { formatItem, itemsOf, itemToJson } from "./listing.ts";
import { type Bound, parseBound, type Range, toRange } from "./position.ts";
import type { RecordFilter } from "./record.ts";
import { type ShardStream, withStreams } from "./streams.ts";

type Options = LogOptions &
  RecordFilter &
  Readonly<{ shard?: number; from?: Bound; to?: Bound; limit?: number }>;

export function walLs(command: Command): Command {
  return logOptions(command)
    .option("--from <place>", "from this position (0:3-17, or 3-17 with --shard) or time on", parseBound)
    .option("--to <place>", "up to this position or time", parseBound)
    .option("--account <id>", "only records that name this account")
    .option("--partner <id>", "only records of this partner")
    .option("--key <key>", "only records of this idempotency key")
    .addOption(shardOption())
    .option("--limit <n>", "at most this many lines", parseCount)
    .addOption(jsonOption("lines"))
    .addHelpText(
      "after",
      "\nTimes are UTC; amounts are in minor units of the accounts' asset.\nA position is shard:epoch-seq; #n is the n-th record of that batch, from 0.",
    )
    .action(async (options: Options) => {
      const range = toRange(options);
      const bad = { count: 0 };
      await withStreams(readLogSettings(options), range.shard, (streams) =>
        printLines(list(streams, range, options, bad)),
      );
      if (bad.count === 0) return;
      note(
        `${bad.count} ${plural(bad.count, "entry", "entries")} cannot be read; \`daybook wal verify\` says more`,
      );
      process.exitCode = 1;
    });
}

async function* list(
  streams: readonly ShardStream[],
  { from, to }: Range,
  { json = false, limit = Infinity, ...filter }: Options,
  bad: { count: number },
): AsyncGenerator<string> {
  let remaining = limit;
  if (remaining === 0) return;
  for await (const entry of mergeByTime(streams.map((stream) => readBetween(stream, from, to)))) {
    for (const item of itemsOf(entry, filter)) {
      if (item.kind === "bad") bad.count += 1;
      yield json ? itemToJson(item) : formatItem(item);
      if (--remaining === 0) return;
    }
  }
}
