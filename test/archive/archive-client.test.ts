import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ArchiveClient } from "../../src/archive/archive-client.ts";
import { ArchiveError } from "../../src/archive/archive-error.ts";
import type { FeedAnswer, FeedAsk } from "../../src/archive/feed.ts";
import { LogWriter, type WrittenBatch } from "./ledger-writer.ts";

const ALICE = { partner: "acme", account: "alice" };

/** A shard's end of the feed: holds its whole log, answers an ask as soon as there is something to say. */
class ShardFeed {
  readonly asks: FeedAsk[] = [];
  readonly #log: WrittenBatch[];
  readonly #port: MessagePort;
  #open: FeedAsk | undefined;

  constructor(client: ArchiveClient, shard: number, log: WrittenBatch[] = []) {
    this.#log = log;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on("message", (ask: FeedAsk) => {
      expect(this.#open).toBeUndefined();
      this.asks.push(ask);
      this.#open = ask;
      this.#answer();
    });
    client.attach(shard, port2);
  }

  write(batch: WrittenBatch): void {
    this.#log.push(batch);
    this.#answer();
  }

  close(): void {
    this.#port.close();
  }

  #answer(): void {
    const after = this.#open?.after;
    if (after === undefined) return;
    const next = this.#log.filter(
      ({ batch: { id } }) =>
        after === null || id.epoch > after[0] || (id.epoch === after[0] && id.seq > after[1]),
    );
    if (next.length === 0) return;
    this.#open = undefined;
    const batches = next.map(
      ({ batch: { id, timeMs, count, body, hash } }) =>
        [id.epoch, id.seq, timeMs, count, body.slice(), hash] as const,
    );
    this.#port.postMessage(
      { batches } satisfies FeedAnswer,
      batches.map(([, , , , body]) => body.buffer),
    );
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

  it("shows a write that it has not been handed yet: the read waits for it", async () => {
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
    await vi.waitFor(async () => expect((await client.positions()).get(0)?.id).toEqual({ epoch: 1, seq: 1 }));
    feeds[1]?.write(issued(logs[1]));
    expect(await records).toHaveLength(1);
    feeds[0]?.write(issued(logs[0]));
    expect(await sum).toEqual({ sum: 30, count: 6 });
  });

  it("answers log_unavailable at the deadline, and later reads all the same", async () => {
    const client = await start(30);
    const log = new LogWriter(0);
    const feed = new ShardFeed(client, 0);
    feed.write(issued(log));
    const ask = (seq: number) => client.sum({ ...ALICE, seq: 100 }, [{ shard: 0, epoch: 1, seq }]);
    await expect(ask(2)).rejects.toMatchObject({ name: "OperatingError", code: "log_unavailable" });
    expect(await vi.waitFor(() => ask(1))).toEqual({ sum: 10, count: 2 });
  });

  it("asks a restarted shard from its position, and takes over its new port", async () => {
    const client = await start();
    const log = new LogWriter(0);
    const before = new ShardFeed(client, 0);
    before.write(issued(log));
    await client.sum({ ...ALICE, seq: 9 }, [{ shard: 0, epoch: 1, seq: 1 }]);
    before.close();
    log.restart();
    const after = new ShardFeed(client, 0);
    after.write(issued(log));
    expect(
      (await client.entries({ ...ALICE, limit: 9 }, [{ shard: 0, epoch: 2, seq: 1 }])).data,
    ).toHaveLength(4);
    expect(after.asks[0]?.after).toEqual([1, 1]);
  });

  it("keeps what it took, and its figures say how far it is", async () => {
    const log = new LogWriter(0, 70_000);
    const first = await start();
    new ShardFeed(first, 0).write(issued(log));
    await first.transfers({ partner: "acme", limit: 1 }, [{ shard: 0, epoch: 1, seq: 1 }]);
    await first.close();
    const second = await start();
    const stored = { epoch: 1, seq: 1 };
    expect(second.figures.shards).toEqual([{ shard: 0, stored, storedTimeMs: 70_000, indexed: stored }]);
    expect(second.lagMs(0, 75_000)).toBe(5_000);
    expect((await second.witness(0))?.id).toEqual(stored);
    expect(await second.accountIds({ partner: "acme", prefix: "", limit: 5 }, [])).toEqual([]);
    new ShardFeed(second, 0).write(issued(log));
    await vi.waitFor(() => expect(second.figures.transfersIndexed).toBe(2));
    expect(failures).toEqual([]);
  });

  it("dies loudly when a log skips a batch: waiting queries are refused, and main is told once", async () => {
    const client = await start();
    const log = new LogWriter(0);
    const feed = new ShardFeed(client, 0);
    issued(log);
    const waiting = client.sum({ ...ALICE, seq: 1 }, [{ shard: 0, epoch: 1, seq: 9 }]);
    feed.write(issued(log));
    await expect(waiting).rejects.toMatchObject({ code: "log_unavailable" });
    expect(failures).toHaveLength(1);
    expect(failures[0]).toBeInstanceOf(ArchiveError);
    expect(failures[0]).toMatchObject({ code: "archive_gap" });
    await expect(client.transfer("tr_0000001a", [])).rejects.toMatchObject({ code: "log_unavailable" });
  });

  it("gives a query's own error back with its code", async () => {
    const client = await start();
    const records = client.entries({ ...ALICE, limit: 1, cursor: "nonsense" }, []);
    await expect(records).rejects.toMatchObject({ name: "ArchiveError", code: "bad_cursor" });
    expect(failures).toEqual([]);
  });

  it("does not start on a file that is no archive", async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, "archive.sqlite"),
      "this is not a database, whatever its name says".repeat(99),
    );
    await expect(start()).rejects.toThrow(/not a database/);
  });
});
