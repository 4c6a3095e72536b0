/** The snapshot stores that need no server. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openSnapshotStore } from "../../../src/wal/open.ts";
import { MemorySnapshotStore } from "../../../src/wal/snapshots/snapshot-store.ts";
import { SqliteSnapshotStore } from "../../../src/wal/sqlite/sqlite-snapshots.ts";
import { makeScratchFolder } from "../../support/scratch-folder.ts";
import { describeSnapshotStore, readSlot, type SnapshotsUnderTest } from "./snapshot-store-contract.ts";

describeSnapshotStore("memory", async () => {
  const store = new MemorySnapshotStore("memory");
  return { open: () => store, destroy: async () => undefined };
});

describeSnapshotStore("sqlite", async (): Promise<SnapshotsUnderTest> => {
  const dir = makeScratchFolder("daybook-snapshots");
  const opened: SqliteSnapshotStore[] = [];
  const open = () => {
    const store = new SqliteSnapshotStore(join(dir, "g1s0.snapshots.sqlite"));
    opened.push(store);
    return store;
  };
  const destroy = async () => {
    for (const store of opened) await store.close();
    rmSync(dir, { recursive: true });
  };
  return { open, destroy };
});

function testFile(): string {
  const dir = makeScratchFolder("daybook-snapshots");
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, "wal", "g1s0.snapshots.sqlite");
}

test("reading or clearing missing snapshots creates no file; the first chunk does", async () => {
  const file = testFile();
  mkdirSync(join(file, ".."));
  for (const readOnly of [true, false]) {
    const store = new SqliteSnapshotStore(file, { readOnly });
    expect(await store.read(0, 0, 1)).toEqual([]);
    expect(await store.last(0)).toBeUndefined();
    if (!readOnly) await store.clear(0);
    await store.close();
    expect(readdirSync(join(file, ".."))).toEqual([]);
  }
  const store = new SqliteSnapshotStore(file);
  await store.append(0, Buffer.from("chunk"));
  expect(existsSync(file)).toBe(true);
  await store.close();
});

test("a read-only store reads snapshots while the server runs and after it has ended", async () => {
  const file = testFile();
  mkdirSync(join(file, ".."));
  const store = new SqliteSnapshotStore(file);
  const reader = new SqliteSnapshotStore(file, { readOnly: true });
  for (const name of ["a", "b"]) await store.append(0, Buffer.from(name));
  expect(await readSlot(reader, 0)).toEqual([Buffer.from("a"), Buffer.from("b")]);
  await store.close();
  expect(Buffer.from((await reader.last(0)) ?? [])).toEqual(Buffer.from("b"));
  await reader.close();
});

test("a missing folder or a file that is not SQLite gives log_unavailable, in one line", async () => {
  const file = testFile();
  const unavailable = { code: "log_unavailable", message: expect.stringContaining(file) };
  const homeless = new SqliteSnapshotStore(file);
  await expect(homeless.append(0, Buffer.from("chunk"))).rejects.toMatchObject(unavailable);
  mkdirSync(join(file, ".."));
  writeFileSync(file, "this is no database, and long enough to be looked into ".repeat(50));
  const foreign = new SqliteSnapshotStore(file);
  await expect(foreign.read(0, 0, 1)).rejects.toMatchObject(unavailable);
  await expect(foreign.append(0, Buffer.from("chunk"))).rejects.toMatchObject(unavailable);
});

test("snapshots in memory live as long as the thread, separately for each shard", async () => {
  const url = `memory:${Math.random()}`;
  await openSnapshotStore(url, { generation: 1, shard: 0 }).append(0, Buffer.from("chunk"));
  expect(await readSlot(openSnapshotStore(url, { generation: 1, shard: 0 }), 0)).toHaveLength(1);
  expect(await readSlot(openSnapshotStore(url, { generation: 1, shard: 1 }), 0)).toEqual([]);
});
