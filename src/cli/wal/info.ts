/** `daybook wal info`: shows each stream of the log with its length, size and owner. */
import type { Command } from "commander";
import { plural } from "../../text/plural.ts";
import { printable } from "../../text/printable.ts";
import { inspectTail } from "../../wal/inspect-tail.ts";
import type { StoredEntry } from "../../wal/wal.ts";
import {
  describeLocation,
  jsonOption,
  type LogOptions,
  type LogSettings,
  logOptions,
  readLogSettings,
} from "../settings.ts";
import { formatBytes, formatCount, formatTime, paint, printJson, printLines } from "../terminal.ts";
import { formatPosition } from "./position.ts";
import { measureStream } from "./stream-size.ts";
import { isCorrupt, type ShardStream, tryDecode, withStreams } from "./streams.ts";
import { isFromBeginning } from "./verification.ts";

const FIRST_BYTES = 1;

type Place = Readonly<{ position: string; time: string | null }>;

type StreamInfo = Readonly<{
  shard: number;
  name: string;
  kind: "redis-stream" | "sqlite";
  generation: number;
  /** Null, like all that follow, if the stream does not exist. */
  shards: number | null;
  first: Place | null;
  last: Place | null;
  entries: number;
  /** Null if the first or the last entry cannot be read. */
  batches: number | null;
  bytes: number;
  bytesAreExact: boolean;
  epoch: number | null;
  claim: Readonly<{ instance: string; time: string }> | null;
  trimmed: boolean;
  /** Why some fields are missing. */
  problem: string | null;
}>;

const UNKNOWN = {
  shards: null,
  first: null,
  last: null,
  entries: 0,
  batches: null,
  bytes: 0,
  bytesAreExact: true,
  epoch: null,
  claim: null,
  trimmed: false,
  problem: null,
} as const;

export function walInfo(command: Command): Command {
  return logOptions(command)
    .addOption(jsonOption("document"))
    .action(async (options: LogOptions) => {
      const settings = readLogSettings(options);
      const infos = await withStreams(settings, undefined, (streams) =>
        Promise.all(streams.map((stream) => inspect(settings, stream))),
      );
      if (options.json) await printJson(infos);
      else await printLines([describeLocation(settings.location), ...infos.flatMap(describe)]);
      if (infos.some(({ problem }) => problem !== null)) process.exitCode = 1;
    });
}

async function inspect(settings: LogSettings, source: ShardStream): Promise<StreamInfo> {
  const { stream, shard, generation } = source;
  const kind = settings.location.kind === "sqlite" ? "sqlite" : "redis-stream";
  let info: StreamInfo = { shard, name: stream.name, kind, generation, ...UNKNOWN };
  try {
    const { entries, bytes, exact } = await measureStream(settings, source);
    const [first] = await stream.read(undefined, FIRST_BYTES);
    const last = await stream.last();
    if (first === undefined || last === undefined) return { ...info, problem: "it does not exist" };
    const trimmed = !(await isFromBeginning(source));
    const places = { first: placeOf(shard, first), last: placeOf(shard, last) };
    info = { ...info, ...places, entries, bytes, bytesAreExact: exact, trimmed };
    const tail = await inspectTail(stream);
    if (tail === undefined) return info;
    const { claimant, timeMs } = tail.claim;
    // Epochs have no gaps, and each has one claim.
    const claims = tail.lastId.epoch - first.id.epoch + (first.id.seq === 0 ? 1 : 0);
    const { instance } = claimant;
    return {
      ...info,
      shards: claimant.shards,
      batches: entries - claims,
      epoch: tail.lastId.epoch,
      claim: instance === "" ? null : { instance, time: formatTime(timeMs) },
    };
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    return { ...info, problem: error.message };
  }
}

function placeOf(shard: number, entry: StoredEntry): Place {
  const frame = tryDecode(entry);
  const time = typeof frame === "string" ? null : formatTime(frame.timeMs);
  return { position: formatPosition(shard, entry.id), time };
}

function describe(info: StreamInfo): readonly string[] {
  const { shard, shards, kind, generation, first, last, claim, epoch } = info;
  const of = shards === null ? "" : ` of ${shards}`;
  const batches =
    info.batches === null
      ? ""
      : ` (${formatCount(info.batches)} ${plural(info.batches, "batch", "batches")})`;
  return [
    "",
    `${paint("bold", info.name)}  ${kind}, shard ${shard}${of}, generation ${generation}`,
    row("first", at(first)),
    row("last", at(last)),
    row("entries", `${formatCount(info.entries)}${batches}`),
    row("size", `${info.bytesAreExact ? "" : "about "}${formatBytes(info.bytes)}`),
    ...(epoch === null ? [] : [row("epoch", formatEpoch(epoch, claim))]),
    ...(claim === null ? [] : [row("owner", printable(claim.instance))]),
    row("trimmed", info.trimmed ? "yes: this log no longer has the entries before the first one" : "no"),
    ...(info.problem === null ? [] : [row("problem", paint("red", info.problem))]),
  ];
}

function formatEpoch(epoch: number, claim: StreamInfo["claim"]): string {
  return claim === null ? `${epoch}, its claim was trimmed` : `${epoch}, claimed ${claim.time}`;
}

function row(name: string, value: string): string {
  return `  ${paint("dim", name.padEnd(8))} ${value}`;
}

function at(place: Place | null): string {
  return place === null ? "-" : `${place.position.padEnd(14)} ${place.time ?? "cannot be read"}`;
}
