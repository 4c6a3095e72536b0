/** `daybook wal verify`: checks every byte of the log, and that it still has what it once acknowledged. */
import type { Command } from "commander";
import { plural } from "../../text/plural.ts";
import { openSnapshotStore } from "../../wal/open.ts";
import { inspectSlots, snapshotsIn } from "../../wal/snapshots/snapshot.ts";
import { readWitness } from "../../wal/witness.ts";
import {
  jsonOption,
  type LogOptions,
  type LogSettings,
  logOptions,
  readLogSettings,
  shardOption,
} from "../settings.ts";
import { formatCount, formatTime, ProgressBar, paint, printJson, printLines } from "../terminal.ts";
import { formatPosition } from "./position.ts";
import { measureStream } from "./stream-size.ts";
import { isCorrupt, type ShardStream, withStreams } from "./streams.ts";
import { type Place, type RememberedBatch, type Verification, verifyStream } from "./verification.ts";

type Options = LogOptions & Readonly<{ shard?: number }>;

const NOTHING_READ = {
  entries: 0,
  batches: 0,
  records: 0,
  first: undefined,
  last: undefined,
  trimmed: undefined,
  confirmed: [],
} as const;

export function walVerify(command: Command): Command {
  return logOptions(command)
    .addOption(shardOption())
    .addOption(jsonOption("document"))
    .addHelpText(
      "after",
      `
Checks of every entry: its checksum, its id, that it follows the one before it
(number and hash), that its records can be decoded. Checks of every stream: that
it has the batches that DATA_DIR and the snapshots remember as durable, and that
a snapshot covers its trimmed entries. A stream is read up to its first bad
entry; the other streams are still read. Exit code 1 if anything is wrong.`,
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
      const result = await verifyOne(settings, source, bar);
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
  settings: LogSettings,
  source: ShardStream,
  bar: ProgressBar,
): Promise<Verification> {
  let witness: RememberedBatch | undefined;
  let unreadable: Verification["fault"];
  try {
    const found = readWitness(settings.dataDir, source);
    witness = found && { ...found, of: "DATA_DIR" };
  } catch (error) {
    unreadable = toFault(error);
  }
  try {
    const { entries: total } = await measureStream(settings, source);
    const onProgress = (entries: number) => bar.draw(source.stream.name, entries, total);
    const findSnapshots = () => readSnapshotHeads(settings, source);
    const result = await verifyStream(source, { witness, findSnapshots, onProgress });
    return { ...result, fault: result.fault ?? unreadable };
  } catch (error) {
    // The store itself cannot read the stream.
    return { ...NOTHING_READ, fault: toFault(error) };
  }
}

/** Reads only the heads: whether the rest of a snapshot is good does not matter for the log. */
export async function readSnapshotHeads(
  settings: LogSettings,
  source: Pick<ShardStream, "generation" | "shard">,
): Promise<readonly RememberedBatch[]> {
  const { generation, shard } = source;
  const store = openSnapshotStore(settings.walUrl, { generation, shard, readOnly: true });
  try {
    return snapshotsIn(await inspectSlots(store)).map(({ head }) => ({
      id: head.id,
      hash: head.hash,
      of: `the snapshot at ${formatPosition(shard, head.id)}`,
    }));
  } finally {
    await store.close();
  }
}

function toFault(error: unknown): Verification["fault"] {
  if (!isCorrupt(error)) throw error;
  return { fault: "damaged", id: undefined, reason: error.message };
}

function describe(shard: number, name: string, result: Verification): string {
  const { fault, entries, records, first, last, trimmed, confirmed } = result;
  const from = first === undefined ? "" : `, from ${describePlace(shard, first)}`;
  const to = last === undefined ? "" : ` to ${describePlace(shard, last)}`;
  const read = `${formatCount(entries)} ${plural(entries, "entry", "entries")}, ${formatCount(records)} ${plural(records, "record")}${from}${to}`;
  if (fault === undefined) {
    return [
      `${paint("green", "ok")}   ${name}: ${read}`,
      ...(trimmed === undefined ? [] : [`     the trimmed entries are in ${trimmed}`]),
      ...(confirmed.length === 0 ? [] : [`     has the batches remembered by ${confirmed.join(", ")}`]),
    ].join("\n");
  }
  const at = fault.id === undefined ? "" : ` at ${formatPosition(shard, fault.id)}`;
  return [
    `${paint("red", "BAD")}  ${name}: ${fault.fault}${at}: ${fault.reason}`,
    `     good before it: ${read}. Do not delete it: restore it from an intact copy`,
  ].join("\n");
}

function describePlace(shard: number, { id, timeMs }: Place): string {
  return `${formatPosition(shard, id)} (${formatTime(timeMs)})`;
}

function toJson({ shard, stream }: ShardStream, result: Verification): unknown {
  const { fault, first, last, trimmed, ...counts } = result;
  const place = (at: Place | undefined) =>
    at === undefined ? null : { position: formatPosition(shard, at.id), time: formatTime(at.timeMs) };
  return {
    shard,
    name: stream.name,
    ok: fault === undefined,
    ...counts,
    trimmed: trimmed ?? null,
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
