/** Parses positions and times of the command line: `0:3-17`, `3-17`, or a time. */
import { InvalidArgumentError } from "commander";
import { timeMsOf } from "../../text/time-text.ts";
import { formatLogId, type LogId, parseLogId } from "../../wal/wal.ts";
import { UsageError } from "../errors.ts";

export type Bound =
  | Readonly<{ kind: "position"; shard: number | undefined; id: LogId }>
  | Readonly<{ kind: "time"; timeMs: number }>;

/** Inclusive at both ends. */
export type Range = Readonly<{ shard: number | undefined; from: Bound | undefined; to: Bound | undefined }>;

/** A day or a time. Without a zone it is UTC, like all printed times. */
const TIME =
  /^(?<day>\d{4}-\d{2}-\d{2})(?:T(?<minute>\d{2}:\d{2})(?<second>:\d{2}(?:\.\d{1,9})?)?(?<zone>Z|[+-]\d{2}:?\d{2})?)?$/;

/** @throws InvalidArgumentError */
export function parseBound(text: string): Bound {
  const position = /^(?:(\d{1,5}):)?(\d{1,16}-\d{1,16})$/.exec(text);
  if (position?.[2] !== undefined) {
    const shard = position[1] === undefined ? undefined : Number(position[1]);
    return { kind: "position", shard, id: parseLogId(position[2]) };
  }
  const { day, minute = "00:00", second = ":00", zone = "Z" } = TIME.exec(text)?.groups ?? {};
  const timeMs = timeMsOf(`${day}T${minute}${second}${zone.replace(/(?<=^.\d\d)(?=\d)/, ":")}`);
  if (timeMs === undefined) {
    throw new InvalidArgumentError(
      "Give a position (0:3-17, or 3-17 with --shard) or a time (2026-11-21T12:00:00Z).",
    );
  }
  return { kind: "time", timeMs };
}

/** @throws UsageError if a position has no shard, or names a different one than `--shard`. */
export function toRange(options: Readonly<{ shard?: number; from?: Bound; to?: Bound }>): Range {
  let { shard } = options;
  const { from, to } = options;
  for (const bound of [from, to]) {
    if (bound?.kind !== "position" || bound.shard === undefined) continue;
    if (shard !== undefined && shard !== bound.shard) {
      throw new UsageError(`--from, --to and --shard name different shards: ${shard} and ${bound.shard}`);
    }
    shard = bound.shard;
  }
  for (const bound of [from, to]) {
    if (bound?.kind === "position" && shard === undefined) {
      const id = formatLogId(bound.id);
      throw new UsageError(`which shard's ${id}? Give --shard, or write the position as 0:${id}`);
    }
  }
  return { shard, from, to };
}

export function formatPosition(shard: number, id: LogId): string {
  return `${shard}:${formatLogId(id)}`;
}
