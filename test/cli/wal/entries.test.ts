/** Reading by position and by time, on streams with known contents. */
import { beforeEach, describe, expect, test } from "vitest";
import { mergeByTime, readBetween, readEntries, stepBack } from "../../../src/cli/wal/entries.ts";
import { parseBound } from "../../../src/cli/wal/position.ts";
import type { ShardStream } from "../../../src/cli/wal/streams.ts";
import { encodeBatch, encodeClaim, NO_BATCH } from "../../../src/wal/frame.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { formatLogId, type LogId, type LogStream, parseLogId } from "../../../src/wal/wal.ts";

/** Counts the entries that are read from a stream. */
function counted(stream: LogStream): { stream: LogStream; given: () => number } {
  let given = 0;
  const read: LogStream["read"] = async (after, bytesMax) => {
    const entries = await stream.read(after, bytesMax);
    given += entries.length;
    return entries;
  };
  const proxy = new Proxy(stream, {
    get: (target, name) => {
      if (name === "read") return read;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { stream: proxy, given: () => given };
}

/** For each epoch a claim and `batches[e]` batches, ten milliseconds apart. */
async function fill(stream: LogStream, shard: number, batches: readonly number[]): Promise<void> {
  let timeMs = 1_000 + shard;
  for (const [index, count] of batches.entries()) {
    const epoch = index + 1;
    const claimant = { instance: "one", generation: 1, shard, shards: 2 };
    const claim = { id: { epoch, seq: 0 }, claimant, timeMs: (timeMs += 10) };
    await stream.append(claim.id, encodeClaim(claim), true);
    for (let seq = 1; seq <= count; seq++) {
      const head = { previousId: NO_BATCH.id, previousHash: NO_BATCH.hash, count: 0, shards: 2 };
      const id = { epoch, seq };
      const body = Buffer.from([0x90]);
      await stream.append(id, encodeBatch({ ...head, id, timeMs: (timeMs += 10), body }));
    }
  }
}

type Found = Readonly<{ id: string; timeMs: number }>;

async function collect(entries: ReturnType<typeof readEntries>): Promise<Found[]> {
  const found: Found[] = [];
  for await (const { id, timeMs } of entries) found.push({ id: formatLogId(id), timeMs });
  return found;
}

const iso = (timeMs: number) => parseBound(new Date(timeMs).toISOString());

describe("reading", () => {
  const BATCHES = [3, 0, 700, 1, 0];
  let source: ShardStream;
  let given: () => number;
  let all: Found[];

  beforeEach(async () => {
    const opened = counted(new MemoryStore("log").open());
    await fill(opened.stream, 0, BATCHES);
    source = { generation: 1, shard: 0, stream: opened.stream };
    given = opened.given;
    all = await collect(readEntries(source, { after: undefined, until: { epoch: 99, seq: 0 } }));
  });

  test("between two times yields all entries in between, and reads hardly more", async () => {
    expect(all.length).toBe(709);
    const times = [
      0,
      ...all.map(({ timeMs }) => timeMs).filter((_, i) => i < 12 || i % 50 === 0 || i > 700),
      99_999,
    ];
    for (const from of times.flatMap((timeMs) => [timeMs, timeMs + 1])) {
      const before = given();
      const found = await collect(readBetween(source, iso(from), undefined));
      expect(found).toEqual(all.filter(({ timeMs }) => timeMs >= from));
      expect(given() - before).toBeLessThan(found.length + 60);
      expect(await collect(readBetween(source, undefined, iso(from)))).toEqual(
        all.filter(({ timeMs }) => timeMs <= from),
      );
    }
  });

  test("between two positions yields all entries in between, even if the positions do not exist", async () => {
    const index = (id: string) => all.findIndex((entry) => entry.id === id);
    for (const [from, to] of [
      ["1-0", "1-3"],
      ["1-3", "3-1"],
      ["3-0", "3-0"],
      ["3-700", "5-0"],
    ] as const) {
      const found = await collect(readBetween(source, parseBound(`0:${from}`), parseBound(`0:${to}`)));
      expect(found).toEqual(all.slice(index(from), index(to) + 1));
    }
    expect(await collect(readBetween(source, parseBound("0:1-4"), parseBound("0:1-9")))).toEqual([]);
    expect(await collect(readBetween(source, parseBound("0:9-0"), undefined))).toEqual([]);
    expect(await collect(readBetween(source, parseBound("0:0-0"), parseBound("0:9-9")))).toEqual(all);
  });

  test("stepBack finds the position a number of entries earlier", async () => {
    const last = parseLogId(all.at(-1)?.id ?? "");
    for (const entries of [1, 2, 3, 4, 500, 703, 704, 705, 708]) {
      const after = await stepBack(source.stream, last, entries);
      expect(formatLogId(after as LogId)).toBe(all.at(-1 - entries)?.id);
    }
    expect(await stepBack(source.stream, last, 709)).toBeUndefined();
    expect(await stepBack(source.stream, last, 5000)).toBeUndefined();
  });

  test("ends at the entry that was last when it began", async () => {
    const entries = readBetween(source, undefined, undefined);
    const first = await entries.next();
    expect(first.done).toBe(false);
    await source.stream.append({ epoch: 5, seq: 1 }, Buffer.from("later"));
    expect((await collect(entries)).at(-1)?.id).toBe("5-0");
  });

  test("an entry that is no frame is yielded with the reason, and reading continues behind it", async () => {
    const { stream } = source;
    await stream.append({ epoch: 5, seq: 1 }, Buffer.from("x".repeat(200)));
    await stream.append({ epoch: 6, seq: 0 }, Buffer.from(""));
    const found = [];
    for await (const { problem } of readBetween(source, parseBound("0:5-0"), undefined)) found.push(problem);
    expect(found).toEqual([
      undefined,
      expect.stringContaining("bad magic"),
      expect.stringContaining("cut short"),
    ]);
  });
});

test("several streams are merged in order of time", async () => {
  const sources = await Promise.all(
    [0, 1, 2].map(async (shard) => {
      const stream = new MemoryStore(`log ${shard}`).open();
      await fill(stream, shard, [3 * shard, 2]);
      return { generation: 1, shard, stream };
    }),
  );
  const found: { shard: number; timeMs: number }[] = [];
  for await (const { shard, timeMs } of mergeByTime(
    sources.map((each) => readBetween(each, undefined, undefined)),
  )) {
    found.push({ shard, timeMs });
  }
  expect(found.length).toBe(21);
  expect(found).toEqual(found.toSorted((a, b) => a.timeMs - b.timeMs || a.shard - b.shard));
  expect(new Set(found.map(({ shard }) => shard)).size).toBe(3);
});
