/** `daybook wal verify` finds and names each kind of damage at its position, and still reads the other streams. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { encodeBatch, encodeClaim, hashFrame } from "../../../src/wal/frame.ts";
import { openSnapshotStore, streamKey } from "../../../src/wal/open.ts";
import { writeSnapshot } from "../../../src/wal/snapshots/snapshot.ts";
import { formatLogId, parseLogId, type StoredEntry } from "../../../src/wal/wal.ts";
import { witnessPath } from "../../../src/wal/witness.ts";
import { makePartner, operator } from "../../support/server.ts";
import { daybook } from "../cli.ts";
import { type ServedLog, STORES, serveLog, writeSomething } from "../served-log.ts";

type Stream = Readonly<{
  shard: number;
  ok: boolean;
  entries: number;
  trimmed: string | null;
  confirmed: readonly string[];
  fault: Readonly<{ kind: string; position: string | null; reason: string }> | null;
}>;

/** The expected fault of the damaged stream; the other one must stay good. */
const SHARD = 0;
const STREAM = { generation: 1, shard: SHARD };

async function readAll({ redis, dataDir }: ServedLog): Promise<StoredEntry[]> {
  if (redis !== undefined) {
    const entries = await redis.client().xrangeBuffer(streamKey(1, SHARD), "-", "+");
    return entries.map(([id, fields]) => ({
      id: parseLogId(String(id)),
      bytes: fields[1] ?? Buffer.alloc(0),
    }));
  }
  const database = new DatabaseSync(join(dataDir, "wal", `g1s${SHARD}.sqlite`));
  const rows = database.prepare("SELECT epoch, seq, bytes FROM entry ORDER BY epoch, seq").all();
  database.close();
  return rows.map(({ epoch, seq, bytes }) => ({
    id: { epoch: Number(epoch), seq: Number(seq) },
    bytes: bytes as Uint8Array,
  }));
}

/** Replaces stored entries directly in the store. */
async function store({ redis, dataDir }: ServedLog, entries: readonly StoredEntry[]): Promise<void> {
  if (redis !== undefined) {
    const client = redis.client();
    await client.del(streamKey(1, SHARD));
    for (const { id, bytes } of entries) {
      await client.xadd(streamKey(1, SHARD), formatLogId(id), "b", Buffer.from(bytes));
    }
    return;
  }
  const database = new DatabaseSync(join(dataDir, "wal", `g1s${SHARD}.sqlite`));
  database.exec("BEGIN; DELETE FROM entry");
  const insert = database.prepare("INSERT INTO entry VALUES (?, ?, ?)");
  for (const { id, bytes } of entries) insert.run(id.epoch, id.seq, bytes);
  database.exec("COMMIT");
  database.close();
}

const at = (entries: readonly StoredEntry[], index: number): StoredEntry => {
  const entry = entries[index];
  if (entry === undefined) throw new Error(`no entry ${index}`);
  return entry;
};

function flipped({ id, bytes }: StoredEntry, byte: number): StoredEntry {
  const copy = new Uint8Array(bytes);
  copy[byte] = (copy[byte] ?? 0) ^ 0x10;
  return { id, bytes: copy };
}

describe.each(STORES)("a log on %s", (kind) => {
  let log: ServedLog;
  let clean: StoredEntry[];
  let witness: Buffer;

  beforeAll(async () => {
    log = await serveLog(kind);
    await writeSomething(log.client);
    // A second epoch, so that there is a claim in the middle.
    log.server.signal("SIGTERM");
    await log.server.exited;
    const second = await log.serveAgain();
    // Its home is shard 0, so the second claim there is followed by a batch.
    await makePartner(operator(second), "beta");
    second.signal("SIGTERM");
    await second.exited;
    clean = await readAll(log);
    witness = readFileSync(witnessPath(log.dataDir, STREAM));
  });

  afterAll(() => log.destroy());

  beforeEach(() => writeFileSync(witnessPath(log.dataDir, STREAM), witness));

  /** The report of the damaged stream; the other one must be good. */
  async function verify(entries: readonly StoredEntry[]): Promise<Stream> {
    await store(log, entries);
    const { code, stdout } = await daybook(["wal", "verify", "--json"], log.env);
    const { ok, streams } = JSON.parse(stdout) as { ok: boolean; streams: readonly Stream[] };
    const [damaged, other] = streams;
    if (damaged === undefined) throw new Error("no stream was verified");
    expect(other).toMatchObject({ shard: 1, ok: true, fault: null });
    expect({ code, ok }).toEqual(damaged.ok ? { code: 0, ok: true } : { code: 1, ok: false });
    return damaged;
  }

  test("is good when unchanged", async () => {
    expect(await verify(clean)).toMatchObject({
      ok: true,
      entries: clean.length,
      trimmed: null,
      fault: null,
    });
  });

  test("each kind of damage is reported by name, with the position of the first bad entry", async () => {
    const claim = clean.findIndex(({ id }) => id.epoch === 2 && id.seq === 0);
    const three = at(clean, 3);
    const cases: [string, StoredEntry[], string, string, RegExp][] = [
      [
        "a flipped byte",
        clean.with(3, flipped(three, three.bytes.length - 1)),
        "damaged",
        "1-3",
        /crc mismatch/,
      ],
      ["a flipped byte of a magic number", clean.with(3, flipped(three, 0)), "damaged", "1-3", /magic/],
      [
        "an entry cut short",
        clean.with(3, { id: three.id, bytes: three.bytes.slice(0, 70) }),
        "damaged",
        "1-3",
        /cut short/,
      ],
      ["a missing entry", clean.toSpliced(3, 1), "missing", "1-4", /it follows 1-2: entries are missing/],
      ["a missing claim", clean.toSpliced(claim, 1), "missing", "2-1", /has no claim/],
      ["the first claim missing", clean.slice(1), "missing", "1-1", /in no snapshot/],
      [
        "two entries in the place of each other",
        clean
          .with(3, { id: three.id, bytes: at(clean, 4).bytes })
          .with(4, { id: at(clean, 4).id, bytes: three.bytes }),
        "reordered",
        "1-3",
        /the frame of 1-4/,
      ],
      [
        "an entry twice",
        clean.with(4, { id: at(clean, 4).id, bytes: three.bytes }),
        "duplicate",
        "1-4",
        /the frame of 1-3/,
      ],
      [
        "something that is no entry",
        clean.with(3, { id: three.id, bytes: new Uint8Array(0) }),
        "foreign",
        "1-3",
        /cut short/,
      ],
    ];
    for (const [what, entries, fault, id, reason] of cases) {
      const { fault: found, entries: good } = await verify(entries);
      expect({ what, ...found }).toEqual({
        what,
        kind: fault,
        position: `${SHARD}:${id}`,
        reason: expect.stringMatching(reason),
      });
      expect(good).toBe(entries.findIndex((entry) => formatLogId(entry.id) === id));
    }
  });

  /** An intact frame, under its own id, after the stored batch. */
  function forge(
    index: number,
    body: Uint8Array,
    count: number,
    previous = at(clean, index - 1),
  ): StoredEntry {
    const { id } = at(clean, index);
    const head = {
      id,
      previousId: previous.id,
      previousHash: hashFrame(previous.bytes),
      timeMs: 1,
      shards: 2,
    };
    return { id, bytes: encodeBatch({ ...head, count, body }) };
  }

  test("an intact entry of another log is foreign; an intact entry with undecodable records is unreadable", async () => {
    const empty = Buffer.from([0x90]);
    const other = { id: at(clean, 2).id, bytes: Buffer.from("another one") };
    const replaced = clean.slice(0, 4);
    expect((await verify(replaced.with(3, forge(3, empty, 0, other)))).fault).toMatchObject({
      kind: "foreign",
      position: "0:1-3",
      reason: expect.stringContaining("chain broken"),
    });
    const claimOfAnother = encodeClaim({
      id: { epoch: 1, seq: 0 },
      claimant: { instance: "x", generation: 1, shard: 1, shards: 2 },
      timeMs: 1,
    });
    expect((await verify(clean.with(0, { id: at(clean, 0).id, bytes: claimOfAnother }))).fault).toMatchObject(
      {
        kind: "foreign",
        position: "0:1-0",
        reason: expect.stringContaining("generation 1, shard 1"),
      },
    );
    // An array of one record with an unknown op; an empty array whose header says one.
    const unknown = Buffer.from([0x91, 0x96, 0x7f, 0xa0, 0xc0, 0x00, 0x80, 0x92, 0x00, 0x80]);
    expect((await verify(replaced.with(3, forge(3, unknown, 1)))).fault).toMatchObject({
      kind: "unreadable",
      position: "0:1-3",
      reason: expect.stringContaining("unknown command 127"),
    });
    expect((await verify(replaced.with(3, forge(3, empty, 1)))).fault).toMatchObject({
      kind: "unreadable",
      position: "0:1-3",
      reason: expect.stringContaining("holds 0 records, its header says 1"),
    });
  });

  test("a log without a batch that DATA_DIR remembers has lost data", async () => {
    const newest = at(clean, clean.length - 1);
    expect((await verify(clean)).confirmed).toEqual(["DATA_DIR"]);
    expect((await verify(clean.slice(0, -1))).fault).toMatchObject({
      kind: "lost",
      position: `0:${formatLogId(newest.id)}`,
      reason: expect.stringContaining("DATA_DIR"),
    });
    const file = witnessPath(log.dataDir, STREAM);
    const hash = Buffer.from(hashFrame(at(clean, 2).bytes)).toString("hex");
    writeFileSync(file, JSON.stringify({ id: "1-1", hash }));
    expect((await verify(clean)).fault).toMatchObject({ kind: "foreign", position: "0:1-1" });
    writeFileSync(file, "{");
    expect((await verify(clean)).fault).toMatchObject({
      kind: "damaged",
      reason: expect.stringContaining(file),
    });
    rmSync(file);
    expect(await verify(clean.slice(0, -1))).toMatchObject({ ok: true, confirmed: [] });
  });

  test("a log may begin with a later batch only if a snapshot covers the entries before it", async () => {
    rmSync(witnessPath(log.dataDir, STREAM));
    const covered = at(clean, 4);
    const snapshots = openSnapshotStore(log.env["WAL_URL"] ?? "", STREAM);
    const head = {
      id: covered.id,
      hash: hashFrame(covered.bytes),
      timeMs: 1,
      records: 4,
      ...STREAM,
      shards: 2,
    };
    await writeSnapshot(snapshots, 0, head, [], async () => undefined);
    const name = "the snapshot at 0:1-4";
    expect(await verify(clean)).toMatchObject({ ok: true, trimmed: null, confirmed: [name] });
    expect(await verify(clean.slice(3))).toMatchObject({ ok: true, trimmed: name, confirmed: [name] });
    expect(await verify(clean.slice(5))).toMatchObject({ ok: true, trimmed: name, confirmed: [] });
    expect((await verify(clean.slice(6))).fault).toMatchObject({
      kind: "missing",
      position: `0:${formatLogId(at(clean, 6).id)}`,
    });
    const changed = clean.slice(4).with(0, forge(4, Buffer.from([0x90]), 0));
    expect((await verify(changed)).fault).toMatchObject({ kind: "foreign", position: "0:1-4" });
    await snapshots.clear(0);
    await snapshots.close();
  });

  test("a missing stream is reported, known from the other streams or from DATA_DIR", async () => {
    expect((await verify([])).fault).toMatchObject(
      kind === "redis" ? { kind: "lost", reason: "the stream does not exist" } : { kind: "lost" },
    );
    const { code, stdout } = await daybook(["wal", "verify"], log.env);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^BAD .*: lost: the stream does not exist\n/);
    expect(stdout).toMatch(/^ok {3}.*g1s1/m);
  });

  test("a stream that the store cannot read is reported, and the other stream is verified", async () => {
    const file = join(log.dataDir, "wal", `g1s${SHARD}.sqlite`);
    const saved = log.redis === undefined ? readFileSync(file) : undefined;
    if (log.redis === undefined) writeFileSync(file, "x".repeat(5000));
    else {
      await log.redis.client().del(streamKey(1, SHARD));
      await log.redis.client().set(streamKey(1, SHARD), "x");
    }
    const verified = await daybook(["wal", "verify"], log.env);
    expect(verified).toMatchObject({ code: 1, stderr: "" });
    expect(verified.lines[0]).toMatch(/^BAD .*g1s0.*: damaged: .*(is not a database|WRONGTYPE)/);
    expect(verified.stdout).toMatch(/^ok .*g1s1/m);
    const info = await daybook(["wal", "info", "--json"], log.env);
    expect(info).toMatchObject({ code: 1, stderr: "" });
    expect(JSON.parse(info.stdout)).toMatchObject([
      { shard: 0, problem: expect.stringMatching(/is not a database|WRONGTYPE/) },
      { shard: 1, problem: null },
    ]);
    if (saved !== undefined) writeFileSync(file, saved);
  });

  test("without --json prints one line with position, fault and reason, and one with advice", async () => {
    await store(log, clean.toSpliced(3, 1));
    const { code, lines, stderr } = await daybook(["wal", "verify"], log.env);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(lines[0]).toMatch(/^BAD {2}.*g1s0.*: missing at 0:1-4: it follows 1-2: entries are missing$/);
    expect(lines[1]).toMatch(/good before it: 3 entries, 2 records, from 0:1-0 .* to 0:1-2 .*restore it/);
    expect(lines[2]).toMatch(
      /^ok {3}.*g1s1.*: \d+ entries, \d+ records, from 1:1-0 \(.*Z\) to 1:2-0 \(.*Z\)$/,
    );
  });
});
