import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockFolder } from "../../../src/wal/sqlite/folder-lock.ts";
import { SqliteStream } from "../../../src/wal/sqlite/sqlite-stream.ts";
import { formatLogId, type LogStream, parseLogId } from "../../../src/wal/wal.ts";
import { makeScratchFolder } from "../../support/scratch-folder.ts";
import { describeDamage } from "../damage-contract.ts";
import { describeJournal, makeJournal, replayAll, write } from "../journal-contract.ts";
import { describeLogStream, readAll, type StoreUnderTest } from "../log-stream-contract.ts";

const WRITER = new URL("./sqlite-writer.ts", import.meta.url).pathname;

async function makeStore(): Promise<StoreUnderTest> {
  const dir = makeScratchFolder("daybook-sqlite");
  const file = join(dir, "wal", "g1s0.sqlite");
  const opened: LogStream[] = [];
  const open = (): LogStream => {
    const stream = new SqliteStream(file);
    opened.push(stream);
    return stream;
  };
  return {
    open,
    rewrite: async (change) => {
      const entries = change(await readAll(open()));
      const database = new DatabaseSync(file);
      database.exec("BEGIN; DELETE FROM entry");
      const insert = database.prepare("INSERT INTO entry VALUES (?, ?, ?)");
      for (const { id, bytes } of entries) insert.run(id.epoch, id.seq, bytes);
      database.exec("COMMIT");
      database.close();
    },
    destroy: async () => {
      for (const stream of opened) await stream.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describeLogStream("sqlite", makeStore);
describeJournal("sqlite", makeStore);
describeDamage("sqlite", makeStore);

describe("sqlite", () => {
  let dir: string;
  let file: string;
  let children: ChildProcess[];

  beforeEach(() => {
    dir = makeScratchFolder("daybook-sqlite");
    file = join(dir, "g1s0.sqlite");
    children = [];
  });

  afterEach(() => {
    for (const child of children) child.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  });

  function startWriter(): ChildProcess {
    const child = spawn(process.execPath, [WRITER, dir], { stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    return child;
  }

  test("recovers every complete batch from a torn -wal file", async () => {
    const stream = new SqliteStream(file);
    const journal = makeJournal(stream);
    await write(journal, "a", "b");
    const before = statSync(`${file}-wal`).size;
    await journal.append(1, 1, Buffer.alloc(5000, "c"));
    const after = statSync(`${file}-wal`).size;
    expect(after).toBeGreaterThan(before);
    const torn = join(dir, "torn");
    mkdirSync(torn);
    const copy = join(torn, "g1s0.sqlite");
    const lengths = [before, before + 1, after - 1, after];
    for (let length = before; length < after; length += 61) lengths.push(length);
    for (const length of lengths) {
      copyFileSync(file, copy);
      copyFileSync(`${file}-wal`, `${copy}-wal`);
      rmSync(`${copy}-shm`, { force: true });
      truncateSync(`${copy}-wal`, length);
      // Twice: the first recovery must leave a log that the second one can read.
      for (let start = 1; start <= 2; start += 1) {
        const next = makeJournal(new SqliteStream(copy));
        await next.claim();
        const bodies = (await replayAll(next)).map(({ body }) => body.byteLength);
        expect(bodies).toEqual([...(length === after ? [1, 1, 5000] : [1, 1]), ...(start === 2 ? [3] : [])]);
        await next.append(2, 1, Buffer.from("new"));
        await next.close();
      }
    }
    await journal.close();
  });

  test("recovers from a -wal file with a tail of zeros, as a power cut leaves it", async () => {
    const journal = makeJournal(new SqliteStream(file));
    await write(journal, "a", "b");
    const whole = statSync(`${file}-wal`).size;
    await journal.append(1, 1, Buffer.alloc(5000, "c"));
    const copy = join(dir, "copy.sqlite");
    copyFileSync(file, copy);
    const wal = readFileSync(`${file}-wal`);
    writeFileSync(`${copy}-wal`, wal.fill(0, whole));
    const next = makeJournal(new SqliteStream(copy));
    await next.claim();
    expect((await replayAll(next)).length).toBe(2);
    await next.close();
    await journal.close();
  });

  test("after kill -9 during appends, every acknowledged batch is there and the folder's lock is free", async () => {
    const writer = startWriter();
    const acknowledged: string[] = [];
    for await (const line of createInterface({ input: writer.stdout ?? process.stdin })) {
      acknowledged.push(line);
      if (acknowledged.length === 200) writer.kill("SIGKILL");
    }
    const lock = lockFolder(dir);
    const journal = makeJournal(new SqliteStream(file), {
      claimant: { instance: "next", generation: 1, shard: 0, shards: 1 },
    });
    await journal.claim();
    const replayed = (await replayAll(journal)).map(({ id }) => formatLogId(id));
    expect(replayed.slice(0, acknowledged.length)).toEqual(acknowledged);
    // The append in flight may have been stored, too.
    expect(replayed.length - acknowledged.length).toBeLessThanOrEqual(1);
    await journal.close();
    lock.release();
  });

  test("refuses a folder whose owner is alive, in one line with its pid", async () => {
    const writer = startWriter();
    await once(createInterface({ input: writer.stdout ?? process.stdin }), "line");
    const refused = new RegExp(
      `^${dir} is in use by another Daybook server \\(pid ${writer.pid}\\): [^\n]*$`,
    );
    expect(() => lockFolder(dir)).toThrow(refused);
    expect(() => lockFolder(dir)).toThrow(expect.objectContaining({ code: "log_in_use" }));
    const second = startWriter();
    const [said] = await once(second.stderr ?? process.stdin, "data");
    expect(String(said)).toContain("in use by another Daybook server");
  });

  test("the lock also excludes threads of the same process, and is released", async () => {
    const lock = lockFolder(dir);
    expect(() => lockFolder(dir)).toThrow(/in use/);
    const code = `
      const { parentPort } = require("node:worker_threads");
      import(${JSON.stringify(new URL("../../../src/wal/sqlite/folder-lock.ts", import.meta.url).href)}).then(({ lockFolder }) => {
        try { lockFolder(${JSON.stringify(dir)}); parentPort.postMessage("taken"); }
        catch (error) { parentPort.postMessage(error.code); }
      });`;
    const [answer] = await once(new Worker(code, { eval: true }), "message");
    expect(answer).toBe("log_in_use");
    lock.release();
    lock.release();
    lockFolder(dir).release();
  });

  test("two files of a folder can be written at the same time", async () => {
    const streams = [0, 1].map((shard) => new SqliteStream(join(dir, `g1s${shard}.sqlite`)));
    const journals = streams.map((stream) => makeJournal(stream));
    await Promise.all(journals.map((journal) => write(journal, "a", "b", "c")));
    for (const journal of journals) expect((await journal.read(undefined, 1000)).length).toBe(3);
    for (const journal of journals) await journal.close();
  });

  test("a deleted file counts as data loss", async () => {
    const journal = makeJournal(new SqliteStream(file));
    await write(journal, "a");
    rmSync(file);
    await expect(journal.confirmOwner()).rejects.toMatchObject({ code: "log_lost_data" });
    await expect(journal.append(1, 1, Buffer.from("b"))).rejects.toMatchObject({ code: "log_lost_data" });
    await journal.close();
  });

  test("a file replaced by an older copy counts as data loss: appends must not go to the unlinked file", async () => {
    const stream = new SqliteStream(file);
    const journal = makeJournal(stream);
    await write(journal, "a");
    rmSync(file);
    const other = new SqliteStream(file);
    await other.append({ epoch: 1, seq: 0 }, Buffer.from("x"), true);
    await expect(journal.append(1, 1, Buffer.from("b"))).rejects.toMatchObject({ code: "log_lost_data" });
    await other.close();
    await journal.close();
  });

  test("a file that is not a database is reported as damaged, in one line", async () => {
    writeFileSync(file, "not a database, but long enough to have a header".repeat(100));
    const journal = makeJournal(new SqliteStream(file));
    await expect(journal.claim()).rejects.toMatchObject({ code: "log_corrupt" });
    await journal.close();
  });

  test("syncs every commit: sets synchronous=FULL and WAL mode, whatever the file had before", async () => {
    const other = new DatabaseSync(file);
    other.exec("PRAGMA journal_mode=DELETE; CREATE TABLE t (x)");
    other.close();
    const stream = new SqliteStream(file);
    await stream.append({ epoch: 1, seq: 0 }, Buffer.from("x"), true);
    const look = new DatabaseSync(file);
    expect(look.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    look.close();
    await stream.close();
  });

  test("an append that SQLite refuses is lost, not looked up", async () => {
    const journal = makeJournal(new SqliteStream(file, { busyTimeoutMs: 10 }));
    await write(journal, "a");
    const other = new DatabaseSync(file);
    other.exec("BEGIN IMMEDIATE");
    await expect(journal.append(1, 1, Buffer.from("b"))).rejects.toThrow(/locked/);
    other.close();
    await expect(journal.append(1, 1, Buffer.from("b"))).rejects.toMatchObject({ code: "append_lost" });
    expect(await journal.read(parseLogId("1-1"), 1000)).toEqual([]);
    await journal.close();
  });
});
