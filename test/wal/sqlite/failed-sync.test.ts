/**
 * After a failed sync, a later sync may succeed without writing anything. Data that is only in the page cache must
 * not be trusted. `strace` makes the syncs fail.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { StreamJournal } from "../../../src/wal/journal.ts";
import { openLogStream } from "../../../src/wal/open.ts";
import { formatLogId, type LogStream } from "../../../src/wal/wal.ts";
import { testFolder } from "../../support/server.ts";

const WRITER = join(import.meta.dirname, "sqlite-writer.ts");
const SQLITE = join(import.meta.dirname, "../../../src/wal/sqlite/sqlite-stream.ts");
const NAME = { generation: 1, shard: 0 };
const FILE = "g1s0.sqlite";

type Run = Readonly<{ stdout: string; trace: readonly string[] }>;

/** Runs a program whose fsync calls fail from the n-th on. */
function runWithFailingSyncs(from: number, args: readonly string[]): Run {
  const trace = join(testFolder(), "trace");
  const syncs = "trace=fsync,fdatasync";
  const fault = `inject=fsync,fdatasync:error=EIO:when=${from}+`;
  const { stdout } = spawnSync(
    "strace",
    ["-f", "-qq", "-o", trace, "-e", syncs, "-e", fault, process.execPath, ...args],
    { encoding: "utf8" },
  );
  return { stdout, trace: readFileSync(trace, "utf8").split("\n") };
}

/** A log whose writer died of a failed sync: its last commit is only in the page cache. */
function logWithFailedSync(): Readonly<{ dir: string; acknowledged: string }> {
  const dir = testFolder();
  const { stdout, trace } = runWithFailingSyncs(30, [WRITER, dir]);
  expect(trace.some((line) => line.includes("EIO"))).toBe(true);
  const acknowledged = stdout.trimEnd().split("\n").at(-1) ?? "";
  expect(acknowledged).toMatch(/^1-\d+$/);
  return { dir, acknowledged };
}

function open(dir: string): LogStream {
  const stream = openLogStream(`sqlite:${dir}`, NAME);
  onTestFinished(() => stream.close());
  return stream;
}

/** The newest id in the database file without its WAL. */
function newestInDatabase(dir: string): string | undefined {
  const copy = join(testFolder(), FILE);
  copyFileSync(join(dir, FILE), copy);
  const database = new DatabaseSync(copy, { readOnly: true });
  const row = database.prepare("SELECT epoch, seq FROM entry ORDER BY epoch DESC, seq DESC LIMIT 1").get();
  database.close();
  return row && formatLogId({ epoch: Number(row["epoch"]), seq: Number(row["seq"]) });
}

test("a commit whose sync failed reappears from the page cache when the file is reopened", async () => {
  const { dir, acknowledged } = logWithFailedSync();
  const found = formatLogId((await open(dir).last())?.id ?? { epoch: 0, seq: 0 });
  expect(Number(found.split("-")[1])).toBe(Number(acknowledged.split("-")[1]) + 1);
});

test("before a claim, the content of SQLite's WAL is copied into the database and the WAL is emptied", async () => {
  const { dir } = logWithFailedSync();
  const stream = open(dir);
  const found = formatLogId((await stream.last())?.id ?? { epoch: 0, seq: 0 });
  expect(statSync(join(dir, `${FILE}-wal`)).size).toBeGreaterThan(0);
  const journal = new StreamJournal({
    stream,
    claimant: { instance: "two", ...NAME, shards: 1 },
    witnesses: [],
    mayCreate: false,
  });
  await journal.inspect();
  expect(newestInDatabase(dir)).toBe(found);
  expect(statSync(join(dir, `${FILE}-wal`)).size).toBe(0);
});

test("a log that cannot be checkpointed is not trusted", () => {
  const { dir } = logWithFailedSync();
  const settle = `
    const { SqliteStream } = await import(${JSON.stringify(SQLITE)});
    await new SqliteStream(${JSON.stringify(join(dir, FILE))}).settle().then(
      () => console.log("settled"),
      ({ code }) => console.log(code),
    );`;
  const { stdout } = runWithFailingSyncs(1, ["--input-type=module", "-e", settle]);
  expect(stdout.trim()).toBe("log_unavailable");
});
