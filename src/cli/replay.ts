/** `daybook replay`: rebuilds the balances of a past moment from snapshots, log and archive. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { Ledger } from "../actors/ledger/ledger.ts";
import type { LedgerState } from "../actors/ledger/ledger-state.ts";
import { BatchTable } from "../archive/batches/batch-table.ts";
import { csvCell } from "../text/csv.ts";
import { plural } from "../text/plural.ts";
import { openSnapshotStore } from "../wal/open.ts";
import { openForReading } from "../wal/sqlite/sqlite-read-only.ts";
import type { Batch } from "../wal/wal.ts";
import type { ReadLimit } from "../workers/recovery/follow.ts";
import { type Rebuilt, rebuild } from "../workers/recovery/rebuild.ts";
import { UsageError } from "./errors.ts";
import { jsonOption, type LogOptions, type LogSettings, logOptions, readLogSettings } from "./settings.ts";
import { formatCount, formatTime, ProgressBar, paint, printJson, printLines } from "./terminal.ts";
import { type Bound, formatPosition, parseBound } from "./wal/position.ts";
import { type ShardStream, withStreams } from "./wal/streams.ts";
import { checkReplaceable, writeWhole } from "./whole-file.ts";

type Row = readonly [
  partner: string,
  account: string,
  asset: string,
  ...values: readonly (string | number | bigint)[],
];

/** CSV lines in order of partner, account and asset, so that two files can be compared line by line. */
export function* balanceLines(states: readonly LedgerState[]): Generator<string> {
  yield "partner,account,asset,status,posted,held,available,seq";
  const rows = [...states.flatMap((state) => [...accountRows(state)]), ...systemRows(states)];
  for (const row of rows.toSorted(compareRows)) yield row.map(csvCell).join(",");
}

function* accountRows(state: LedgerState): Generator<Row> {
  for (const [partner, { accounts }] of state.books) {
    for (const { id, asset, status, posted, held, seq } of accounts.values())
      yield [partner, id, asset, status, posted, held, posted - held, seq];
  }
}

/** One row per system account: the sum of its slices, which may be on every shard. */
function systemRows(states: readonly LedgerState[]): Row[] {
  const sums = new Map<string, { names: readonly [string, string, string]; posted: bigint; held: bigint }>();
  for (const state of states) {
    for (const [partner, book] of state.books) {
      for (const [name, asset, , { posted, held }] of book.slices()) {
        const key = `${partner}\0${name}\0${asset}`;
        const sum = sums.get(key) ?? { names: [partner, name, asset] as const, posted: 0n, held: 0n };
        sums.set(key, { ...sum, posted: sum.posted + BigInt(posted), held: sum.held + BigInt(held) });
      }
    }
  }
  return [...sums.values()].map(({ names, posted, held }) => [...names, "", posted, held, posted - held, ""]);
}

function compareRows(a: Row, b: Row): number {
  for (const column of [0, 1, 2] as const) if (a[column] !== b[column]) return a[column] < b[column] ? -1 : 1;
  return 0;
}

type Options = LogOptions & Readonly<{ until?: readonly Bound[]; balances?: string; force?: boolean }>;

type Replayed = Readonly<{ shard: number }> & Rebuilt;

const TEXT = `
Rebuilds the state from the newest snapshot before that point and the log after
it; for the trimmed part of the log, from the archive in DATA_DIR. Changes
nothing, and can be used while the server runs.

A time selects everything that was logged up to it, like ?at=. Positions name a
batch for each wanted shard, like the Daybook-Position of an answer:
0:3-17,1:2-9.

FILE is CSV: partner,account,asset,status,posted,held,available,seq. A system
account's row is the sum of its slices on the shards that were replayed, without
status and seq.`;

export function replay(command: Command): Command {
  return logOptions(command)
    .option("--until <point>", "a time, or positions; default: everything", parseUntil)
    .option("--balances <file>", "write every balance to this file as CSV; - is stdout")
    .option("--force", "replace FILE if it exists")
    .addOption(jsonOption("document"))
    .addHelpText("after", TEXT)
    .action(async (options: Options) => {
      const settings = readLogSettings(options);
      if (options.balances !== undefined && options.balances !== "-")
        checkReplaceable(options.balances, options.force);
      await withStreams(settings, undefined, async (streams) => {
        const replayed = await replayAll(settings, streams, options.until ?? []);
        if (options.balances !== undefined) {
          const lines = balanceLines(replayed.map(({ ledger }) => ledger.state));
          if (options.balances === "-") await printLines(lines);
          else await writeWhole(options.balances, lines);
        }
        if (options.json) await printJson(replayed.map(viewOf));
        else if (options.balances !== "-") await printLines(report(replayed));
      });
    });
}

async function replayAll(
  settings: LogSettings,
  streams: readonly ShardStream[],
  until: readonly Bound[],
): Promise<readonly Replayed[]> {
  const replayed: Replayed[] = [];
  for (const stream of streams) {
    const point = untilOf(stream.shard, until, streams.length);
    if (point !== undefined) replayed.push(await replayShard(settings, stream, streams.length, point));
  }
  return replayed;
}

async function replayShard(
  settings: LogSettings,
  { generation, shard, stream }: ShardStream,
  shards: number,
  until: ReadLimit,
): Promise<Replayed> {
  const bar = new ProgressBar();
  const snapshots = openSnapshotStore(settings.walUrl, { generation, shard, readOnly: true });
  const end = until.id ?? (await stream.last())?.id;
  let records = 0;
  try {
    const onBatch = ({ id, count }: Batch) => {
      records += count;
      const done = id.epoch === end?.epoch ? id.seq : 0;
      bar.draw(`shard ${shard}: ${formatCount(records)} ${plural(records, "record")}`, done, end?.seq ?? 0);
    };
    const archived = () => archivedBatches(settings.dataDir, shard);
    return { shard, ...(await rebuild({ shard, shards, stream, snapshots, archived }, until, onBatch)) };
  } finally {
    bar.clear();
    await snapshots.close();
  }
}

/** Yields nothing if there is no archive. */
function* archivedBatches(dataDir: string, shard: number): Generator<Batch> {
  const file = join(dataDir, "archive", "archive.sqlite");
  if (!existsSync(file)) return;
  const { database } = openForReading(file);
  try {
    yield* new BatchTable(database).all(shard);
  } finally {
    database.close();
  }
}

/** @throws InvalidArgumentError */
function parseUntil(text: string): readonly Bound[] {
  const bounds = text.split(",").map((part) => parseBound(part.trim()));
  if (bounds.length > 1 && bounds.some(({ kind }) => kind === "time"))
    throw new InvalidArgumentError("Give one time, or a position for each shard.");
  return bounds;
}

/** @returns `undefined` if no position names this shard. @throws UsageError */
function untilOf(shard: number, bounds: readonly Bound[], shards: number): ReadLimit | undefined {
  const [first] = bounds;
  if (first === undefined) return {};
  if (first.kind === "time") return { timeMs: first.timeMs };
  for (const bound of bounds) {
    if (bound.kind !== "position") continue;
    const at = bound.shard ?? (shards === 1 ? 0 : undefined);
    if (at === undefined) throw new UsageError("which shard's position? Write it as 0:3-17");
    if (at >= shards)
      throw new UsageError(`there is no shard ${at}: this log has ${shards} (0 to ${shards - 1})`);
    if (at === shard) return { id: bound.id };
  }
  return undefined;
}

function viewOf({ shard, ledger, last, from, replayed }: Replayed): object {
  return {
    shard,
    position: last === undefined ? null : formatPosition(shard, last.id),
    time: last === undefined ? null : formatTime(last.timeMs),
    from,
    replayed,
    accounts: ledger.accounts,
    totals: totalsOf([ledger]),
  };
}

function* report(replayed: readonly Replayed[]): Generator<string> {
  for (const { shard, ledger, last, from, replayed: records } of replayed) {
    const at =
      last === undefined ? "nothing yet" : `${formatPosition(shard, last.id)}, ${formatTime(last.timeMs)}`;
    yield `${paint("bold", `shard ${shard}`)}  at ${at}`;
    yield `  ${formatCount(ledger.accounts)} ${plural(ledger.accounts, "account")}; ${formatCount(records)} ${plural(records, "record")} since ${from}`;
  }
  for (const [asset, { sum, in_transit }] of Object.entries(totalsOf(replayed.map(({ ledger }) => ledger))))
    yield `${asset}: sum of all balances ${sum}, in transit ${in_transit}`;
}

/** Totals by asset, over all partners. `in_transit` is exact only if all shards were replayed. */
function totalsOf(ledgers: readonly Ledger[]): Record<string, { sum: string; in_transit: string }> {
  const totals = new Map<string, { sum: bigint; inTransit: bigint }>();
  for (const ledger of ledgers) {
    for (const [asset, { sum, sent, received }] of ledger.sums(undefined)) {
      const total = totals.get(asset) ?? { sum: 0n, inTransit: 0n };
      totals.set(asset, { sum: total.sum + sum, inTransit: total.inTransit + sent - received });
    }
  }
  return Object.fromEntries(
    [...totals].map(([asset, { sum, inTransit }]) => [asset, { sum: `${sum}`, in_transit: `${inTransit}` }]),
  );
}
