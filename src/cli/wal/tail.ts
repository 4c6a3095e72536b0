/** `daybook wal tail`: shows the newest records, and with -f those that are appended later. */
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { isUnavailable } from "../../wal/retry-with-deadline.ts";
import { compareLogIds, LogError, type LogId } from "../../wal/wal.ts";
import {
  jsonOption,
  type LogOptions,
  logOptions,
  parseCount,
  readLogSettings,
  shardOption,
} from "../settings.ts";
import { note, printLines } from "../terminal.ts";
import { readEntries, stepBack } from "./entries.ts";
import { formatItem, type Item, itemsOf, itemToJson } from "./listing.ts";
import { formatPosition } from "./position.ts";
import { type ShardStream, withStreams } from "./streams.ts";

const LINES = 10;
const POLL_MS = 200;

type Options = LogOptions & Readonly<{ shard?: number; lines: number; follow?: boolean }>;

/** How far a stream has been read. */
type Reader = { readonly source: ShardStream; after: LogId | undefined };

export function walTail(command: Command): Command {
  return logOptions(command)
    .option("-n, --lines <n>", "number of lines", parseCount, LINES)
    .option("-f, --follow", "also show records as they are appended, until Ctrl-C")
    .addOption(shardOption())
    .addOption(jsonOption("lines"))
    .action((options: Options) =>
      withStreams(readLogSettings(options), options.shard, (streams) => printLines(tail(streams, options))),
    );
}

async function* tail(
  streams: readonly ShardStream[],
  { lines, follow = false, json = false }: Options,
): AsyncGenerator<string> {
  const format = json ? itemToJson : formatItem;
  const readers: Reader[] = [];
  const newest: Item[] = [];
  for (const source of streams) {
    const last = (await source.stream.last())?.id;
    readers.push({ source, after: last });
    if (last !== undefined && lines > 0) newest.push(...(await readNewest(source, last, lines)));
  }
  const inOrder = newest.toSorted((a, b) => a.entry.timeMs - b.entry.timeMs);
  for (const item of lines > 0 ? inOrder.slice(-lines) : []) yield format(item);
  if (!follow) return;
  const stop = new AbortController();
  process.on("SIGINT", () => stop.abort());
  for await (const item of followAll(readers, stop.signal)) yield format(item);
}

/** The newest lines up to `last`. Starts with few entries and reads eight times as many while they do not suffice. */
async function readNewest(source: ShardStream, last: LogId, lines: number): Promise<readonly Item[]> {
  for (let entries = lines; ; entries *= 8) {
    const after = await stepBack(source.stream, last, entries);
    const items: Item[] = [];
    for await (const entry of readEntries(source, { after, until: last })) {
      items.push(...itemsOf(entry, {}));
      if (items.length > 2 * lines) items.splice(0, items.length - lines);
    }
    if (after === undefined || items.length >= lines) return items.slice(-lines);
  }
}

async function* followAll(readers: readonly Reader[], signal: AbortSignal): AsyncGenerator<Item> {
  let isAway = false;
  while (!signal.aborted) {
    try {
      for (const reader of readers) yield* readNew(reader);
      if (isAway) note("the log answers again");
      isAway = false;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      if (!isAway) note(`${error.message}; waiting`);
      isAway = true;
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function* readNew(reader: Reader): AsyncGenerator<Item> {
  const { source, after } = reader;
  const last = (await source.stream.last())?.id;
  if (after !== undefined && (last === undefined || compareLogIds(last, after) < 0))
    throw loss(source, after, last);
  if (last === undefined || (after !== undefined && compareLogIds(last, after) === 0)) return;
  for await (const entry of readEntries(source, { after, until: last })) {
    yield* itemsOf(entry, {});
    reader.after = entry.id;
  }
}

/** The error for a store that has returned without entries that were read before. */
function loss({ shard, stream }: ShardStream, after: LogId, last: LogId | undefined): LogError {
  const end = last === undefined ? "does not exist" : `ends at ${formatPosition(shard, last)}`;
  const seen = formatPosition(shard, after);
  return new LogError("log_lost_data", `${stream.name} has lost data: it ${end}, but ${seen} was read`);
}
