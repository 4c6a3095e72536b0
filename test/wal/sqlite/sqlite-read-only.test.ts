/** Reading a log without owning it must change no file, whether a server is running or not. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SqliteSnapshotStore } from "../../../src/wal/sqlite/sqlite-snapshots.ts";
import { SqliteStream } from "../../../src/wal/sqlite/sqlite-stream.ts";
import { formatLogId, type LogStream } from "../../../src/wal/wal.ts";
import { makeScratchFolder } from "../../support/scratch-folder.ts";

let dir: string;
let file: string;
const opened: LogStream[] = [];

beforeEach(() => {
  dir = makeScratchFolder("daybook-sqlite");
  file = join(dir, "g1s0.sqlite");
});

afterEach(async () => {
  for (const stream of opened.splice(0)) await stream.close();
  rmSync(dir, { recursive: true, force: true });
});

function open(readOnly: boolean, path = file): SqliteStream {
  const stream = new SqliteStream(path, { readOnly });
  opened.push(stream);
  return stream;
}

async function fill(stream: LogStream, seqs: readonly number[]): Promise<void> {
  for (const seq of seqs) await stream.append({ epoch: 1, seq }, Buffer.alloc(3000, seq), true);
}

const filesOf = (folder: string) =>
  readdirSync(folder)
    .toSorted()
    .map((name) => [name, readFileSync(join(folder, name)).toString("base64")]);

async function idsOf(stream: LogStream): Promise<string[]> {
  return (await stream.read(undefined, 1 << 20)).map(({ id }) => formatLogId(id));
}

test("reading a closed log creates and changes no file", async () => {
  const writer = open(false);
  await fill(writer, [0, 1, 2]);
  await writer.close();
  const before = filesOf(dir);
  const reader = open(true);
  expect(await idsOf(reader)).toEqual(["1-0", "1-1", "1-2"]);
  expect(await reader.last()).toMatchObject({ id: { epoch: 1, seq: 2 } });
  expect(await reader.find({ epoch: 1, seq: 1 })).toEqual(Uint8Array.from(Buffer.alloc(3000, 1)));
  await reader.close();
  expect(filesOf(dir)).toEqual(before);
});

test("reading the log of a killed server includes the -wal file and leaves it unchanged", async () => {
  const writer = open(false);
  await fill(writer, [0, 1, 2]);
  const copy = join(dir, "copy");
  mkdirSync(copy);
  for (const end of ["", "-wal", "-shm"]) copyFileSync(`${file}${end}`, join(copy, `g1s0.sqlite${end}`));
  const durable = () => filesOf(copy).filter(([name]) => !name?.endsWith("-shm"));
  const before = durable();
  const reader = open(true, join(copy, "g1s0.sqlite"));
  expect(await idsOf(reader)).toEqual(["1-0", "1-1", "1-2"]);
  await reader.close();
  expect(durable()).toEqual(before);
});

test("reading a live log sees new appends, and a server may start and stop during it", async () => {
  const first = open(false);
  await fill(first, [0, 1]);
  await first.close();
  const reader = open(true);
  expect(await idsOf(reader)).toEqual(["1-0", "1-1"]);
  const second = open(false);
  // Far above the size at which SQLite checkpoints the -wal file.
  await fill(
    second,
    Array.from({ length: 2000 }, (_, i) => i + 2),
  );
  expect(await reader.last()).toMatchObject({ id: { epoch: 1, seq: 2001 } });
  await second.close();
  expect(await reader.last()).toMatchObject({ id: { epoch: 1, seq: 2001 } });
});

test("reading a missing log finds nothing and creates nothing", async () => {
  const reader = open(true);
  expect(await reader.last()).toBeUndefined();
  expect(await idsOf(reader)).toEqual([]);
  expect(readdirSync(dir)).toEqual([]);
});

test("a read-only stream refuses appends", async () => {
  await fill(open(false), [0]);
  await expect(open(true).append({ epoch: 1, seq: 1 }, Buffer.alloc(1))).rejects.toThrow(
    /opened for reading/,
  );
});

test("reading snapshots creates and changes no file", async () => {
  const path = join(dir, "g1s0.snapshots.sqlite");
  expect(await new SqliteSnapshotStore(path, { readOnly: true }).last(0)).toBeUndefined();
  expect(readdirSync(dir)).toEqual([]);
  const writer = new SqliteSnapshotStore(path);
  await writer.append(0, Buffer.from("first"));
  const reader = new SqliteSnapshotStore(path, { readOnly: true });
  expect(Buffer.from((await reader.last(0)) ?? []).toString()).toBe("first");
  await writer.append(0, Buffer.from("second"));
  await writer.close();
  const before = filesOf(dir);
  expect((await reader.read(0, 0, 100)).map((chunk) => Buffer.from(chunk).toString())).toEqual([
    "first",
    "second",
  ]);
  await reader.close();
  expect(filesOf(dir)).toEqual(before);
});
