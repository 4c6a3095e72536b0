import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ArchiveError } from "../../src/archive/archive-error.ts";
import type { BatchPosition } from "../../src/archive/queries/query.ts";
import { ArchiveClient } from "../../src/archive/service/archive-client.ts";
import { ArchiveQueryClient } from "../../src/archive/service/archive-query-client.ts";
import { compareLogIds, type LogId } from "../../src/wal/wal.ts";
import { openChannel } from "../../src/workers/channels/open-channel.ts";
import { ArchiveFeed } from "../../src/workers/shard/archive-feed.ts";
import { type ChannelPair, channelPairs, portPair } from "../support/channel-pairs.ts";
import { LogWriter, type WrittenBatch } from "./ledger-writer.ts";

const ALICE = { partner: "acme", account: "alice" };
const UNKNOWN = { partner: "acme", id: "tr_0000001a" };

/** A fake shard: a log and one end of the feed. */
class ShardFeed {
  /** Positions from which the archive requested batches. */
  readonly reads: (LogId | undefined)[] = [];
  readonly #feed: ArchiveFeed;

  constructor(
    client: ArchiveClient,
    shard: number,
    log: readonly WrittenBatch[] = [],
    ends: ReturnType<ChannelPair> = portPair(),
  ) {
    const read = async (after: LogId | undefined) => {
      this.reads.push(after);
      const batches = log.map(({ batch }) => batch);
      return batches.filter(({ id }) => after === undefined || compareLogIds(id, after) > 0);
    };
    this.#feed = new ArchiveFeed({ read }, (error) => {
      throw error;
    });
    this.#feed.begin(log.at(-1)?.batch.id);
    this.#feed.attach(ends[0]);
    client.attach(shard, ends[1]);
  }

  write({ batch }: WrittenBatch): void {
    this.#feed.offer(batch);
  }

  close(): void {
    this.#feed.close();
  }
}

function issued(log: LogWriter, count = 2): WrittenBatch {
  const posting = { partner: "acme", debit: "@issuance", credit: "alice", amount: 5 };
  return log.batch(Array.from({ length: count }, () => log.transfer(posting)));
}

describe("the archive in its thread", () => {
  let folder: string;
  let clients: ArchiveClient[];
  let failures: Error[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "daybook-archive-"));
    clients = [];
    failures = [];
  });
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(deadlineMs = 5_000): Promise<ArchiveClient> {
    const client = await ArchiveClient.start(folder, {
      deadlineMs,
      onFailure: (error) => failures.push(error),
    });
    clients.push(client);
    return client;
  }

  it("a read waits for a write that the archive has not received yet", async () => {
    const client = await start();
    const logs = [new LogWriter(0), new LogWriter(1)] as const;
    const feeds = logs.map(({ shard }) => new ShardFeed(client, shard));
    const after = [
      { shard: 0, epoch: 1, seq: 2 },
      { shard: 1, epoch: 1, seq: 1 },
    ];
    const sum = client.sum({ ...ALICE, seq: 100 }, after);
    const records = client.records([{ shard: 1, epoch: 1, seq: 1, index: 0 }]);
    feeds[0]?.write(issued(logs[0]));
    await expect.poll(async () => (await client.positions()).get(0)?.id).toEqual({ epoch: 1, seq: 1 });
    feeds[1]?.write(issued(logs[1]));
    expect(await records).toHaveLength(1);
    feeds[0]?.write(issued(logs[0]));
    expect(await sum).toEqual({ sum: 30, count: 6 });
  });

  it("sync makes all stored batches durable; before it none counts as durable", async () => {
    const client = await start();
    const log = new LogWriter(0);
    new ShardFeed(client, 0).write(issued(log));
    await expect.poll(async () => (await client.positions()).size).toBe(1);
    expect(await client.sync()).toEqual(await client.positions());
  });

  it("answers log_unavailable at the deadline, and later reads still work", async () => {
    const client = await start(30);
    const log = new LogWriter(0);
    const feed = new ShardFeed(client, 0);
    feed.write(issued(log));
    const ask = (seq: number) => client.sum({ ...ALICE, seq: 100 }, [{ shard: 0, epoch: 1, seq }]);
    await expect(ask(2)).rejects.toMatchObject({ name: "OperatingError", code: "log_unavailable" });
    await expect.poll(() => ask(1)).toEqual({ sum: 10, count: 2 });
  });

  it.each(channelPairs())(
    "requests a restarted shard's batches from its position, over %s",
    async (_, pair) => {
      const client = await start();
      const log = new LogWriter(0);
      const before = new ShardFeed(client, 0, [], pair());
      const first = issued(log);
      before.write(first);
      await client.sum({ ...ALICE, seq: 9 }, [{ shard: 0, epoch: 1, seq: 1 }]);
      before.close();
      log.restart();
      const after = new ShardFeed(client, 0, [first, issued(log)], pair());
      after.write(issued(log));
      expect(
        (await client.entries({ ...ALICE, limit: 9 }, [{ shard: 0, epoch: 2, seq: 2 }])).data,
      ).toHaveLength(6);
      expect(after.reads).toEqual([{ epoch: 1, seq: 1 }]);
      after.close();
    },
  );

  it.each(channelPairs())("closes a shard's old channel when it gets a new one, over %s", async (_, pair) => {
    const client = await start();
    const [asked, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const [shardEnd, archiveEnd] = pair();
    openChannel(shardEnd, { receive: () => asked.resolve(), closed: closed.resolve });
    client.attach(0, archiveEnd);
    await asked.promise;
    const feed = new ShardFeed(client, 0, [], pair());
    await expect(closed.promise).resolves.toBeUndefined();
    feed.close();
  });

  it("keeps stored batches across restarts, and reports its progress", async () => {
    const log = new LogWriter(0, 70_000);
    const first = await start();
    new ShardFeed(first, 0).write(issued(log));
    await first.transfers({ partner: "acme", limit: 1 }, [{ shard: 0, epoch: 1, seq: 1 }]);
    await first.close();
    const second = await start();
    const stored = { epoch: 1, seq: 1 };
    expect(second.stats.shards).toEqual([{ shard: 0, stored, storedTimeMs: 70_000, indexed: stored }]);
    expect((await second.witness(0))?.id).toEqual(stored);
    expect(await second.accountIds({ partner: "acme", prefix: "", limit: 5 }, [])).toEqual([]);
    new ShardFeed(second, 0).write(issued(log));
    await expect.poll(() => second.stats.transfersIndexed).toBe(2);
    expect(failures).toEqual([]);
  });

  it("fails when a log skips a batch: refuses waiting queries and reports the failure once", async () => {
    const client = await start();
    const log = new LogWriter(0);
    const feed = new ShardFeed(client, 0);
    issued(log);
    const waiting = client.sum({ ...ALICE, seq: 1 }, [{ shard: 0, epoch: 1, seq: 9 }]);
    feed.write(issued(log));
    await expect(waiting).rejects.toMatchObject({ code: "log_unavailable" });
    await expect.poll(() => failures).toHaveLength(1);
    expect(failures[0]).toBeInstanceOf(ArchiveError);
    expect(failures[0]).toMatchObject({ code: "archive_gap" });
    await expect(client.transfer(UNKNOWN, [])).rejects.toMatchObject({ code: "log_unavailable" });
  });

  it("fails when a shard sends a malformed reply", async () => {
    const client = await start();
    const [port, end] = portPair();
    client.attach(0, end);
    port.postMessage(new Uint8Array([0x91, 0x01]));
    await expect.poll(() => failures).toHaveLength(1);
    expect(failures[0]?.message).toMatch("a reply to the archive has an invalid head");
    port.close();
  });

  it("returns a query's own error with its code", async () => {
    const client = await start();
    const records = client.entries({ ...ALICE, limit: 1, cursor: "nonsense" }, []);
    await expect(records).rejects.toMatchObject({ name: "ArchiveError", code: "bad_cursor" });
    expect(failures).toEqual([]);
  });

  it("answers over every connected port, with the same errors", async () => {
    const client = await start();
    const log = new LogWriter(0);
    const feed = new ShardFeed(client, 0);
    const others = [new ArchiveQueryClient(client.connect()), new ArchiveQueryClient(client.connect())];
    const after = [{ shard: 0, epoch: 1, seq: 1 }];
    const sums = [client, ...others].map((each, i) => each.sum({ ...ALICE, seq: i }, after));
    feed.write(issued(log));
    expect(await Promise.all(sums)).toEqual([
      { sum: 0, count: 0 },
      { sum: 5, count: 1 },
      { sum: 10, count: 2 },
    ]);
    for (const each of others) {
      const records = each.entries({ ...ALICE, limit: 1, cursor: "nonsense" }, []);
      await expect(records).rejects.toMatchObject({ name: "ArchiveError", code: "bad_cursor" });
    }
  });

  it("finds both records of a cross-shard transfer over a port", async () => {
    const client = await start();
    const [home, away] = [new LogWriter(0), new LogWriter(1)];
    const { record, credit } = home.sent({ partner: "acme", debit: "alice", credit: "bob", amount: 7 }, 1);
    new ShardFeed(client, 0).write(home.batch([record]));
    new ShardFeed(client, 1).write(away.batch([away.credited(credit)]));
    const queries = new ArchiveQueryClient(client.connect());
    const first = { epoch: 1, seq: 1 };
    const { id, no } = credit;
    const part = { id, from: 0, to: 1, no };
    expect(await queries.transfer({ partner: "acme", id }, [{ shard: 0, ...first }])).toMatchObject({
      id,
      status: "posted",
      postedAmount: 7,
    });
    expect((await queries.part(part, [{ shard: 1, ...first }]))?.record.command).toEqual(credit);
    expect(await queries.part({ ...part, no: no + 1 }, [])).toBeUndefined();
    const list = await queries.transfers({ ...ALICE, status: "pending", limit: 9 }, []);
    expect(list).toEqual({ data: [], cursors: [], nextCursor: null });
  });

  it("shows an account in the past, over a port, once the required batches have arrived", async () => {
    const client = await start();
    const log = new LogWriter(0);
    const feed = new ShardFeed(client, 0);
    const queries = new ArchiveQueryClient(client.connect());
    const at = (atMs: number) => queries.accountAt({ ...ALICE, atMs }, [{ shard: 0, epoch: 1, seq: 2 }]);
    const views = [999, 1_000, 2_000].map(at);
    feed.write(log.batch([log.created("acme", "alice")]));
    log.wait(1_000);
    feed.write(issued(log));
    const figures = (await Promise.all(views)).map(
      (view) => view && [view.createdAtMs, view.posted, view.seq],
    );
    expect(figures).toEqual([undefined, [1_000, 0, 0], [1_000, 10, 2]]);
  });

  const never: readonly BatchPosition[] = [{ shard: 0, epoch: 9, seq: 9 }];
  const unavailable = { name: "OperatingError", code: "log_unavailable" };

  it("refuses queries that wait on a closed port, and answers on the others", async () => {
    const client = await start();
    const port = client.connect();
    const queries = new ArchiveQueryClient(port);
    const waiting = [queries.transfer(UNKNOWN, never), queries.sum({ ...ALICE, seq: 1 }, never)];
    port.close();
    for (const each of waiting) await expect(each).rejects.toMatchObject(unavailable);
    await expect(queries.transfer(UNKNOWN, [])).rejects.toMatchObject(unavailable);
    expect(await client.transfer(UNKNOWN, [])).toBeUndefined();
    expect(failures).toEqual([]);
  });

  it("refuses waiting and later queries on every port when it ends", async () => {
    const client = await start();
    const queries = new ArchiveQueryClient(client.connect());
    const waiting = Promise.allSettled([client, queries].map((each) => each.transfer(UNKNOWN, never)));
    await client.close();
    for (const each of await waiting) expect(each).toMatchObject({ status: "rejected", reason: unavailable });
    for (const each of [client, queries, new ArchiveQueryClient(client.connect())])
      await expect(each.transfer(UNKNOWN, [])).rejects.toMatchObject(unavailable);
    expect(failures).toEqual([]);
  });

  it("does not start on a file that is not an archive", async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, "archive.sqlite"),
      "this is not a database, whatever its name says".repeat(99),
    );
    await expect(start()).rejects.toThrow(/not a database/);
  });
});
