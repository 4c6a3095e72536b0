import { MessageChannel, type MessagePort } from "node:worker_threads";
import { expect, test } from "vitest";
import type { FeedAnswer } from "../../src/archive/feed.ts";
import { ArchiveFeed } from "../../src/shard/archive-feed.ts";
import type { Batch, LogId } from "../../src/wal/wal.ts";

function batch(seq: number, bytes = 1): Batch {
  return {
    id: { epoch: 1, seq },
    timeMs: seq,
    count: 1,
    body: Buffer.alloc(bytes, seq),
    hash: Buffer.alloc(32, seq),
  };
}

/** A shard's end over a log of these batches, and the archive's port. */
function connect(log: readonly Batch[]): {
  feed: ArchiveFeed;
  port: MessagePort;
  reads: (LogId | undefined)[];
} {
  const reads: (LogId | undefined)[] = [];
  const journal = {
    read: async (after: LogId | undefined) => {
      reads.push(after);
      return log.filter(({ id }) => after === undefined || id.seq > after.seq).slice(0, 2);
    },
  };
  const feed = new ArchiveFeed(journal, (error) => {
    throw error;
  });
  feed.begin(log.at(-1)?.id);
  const { port1, port2 } = new MessageChannel();
  feed.attach(port1);
  return { feed, port: port2, reads };
}

async function ask(port: MessagePort, afterSeq: number | null): Promise<number[]> {
  const answer = new Promise<FeedAnswer>((resolve) => port.once("message", resolve));
  port.postMessage({ after: afterSeq === null ? null : [1, afterSeq], bytesMax: 10 });
  return (await answer).batches.map(([, seq, , , body]) => {
    expect(body[0]).toBe(seq);
    return seq;
  });
}

test("whoever is behind is served from the log, then from memory, and waits when there is nothing new", async () => {
  const { feed, port, reads } = connect([batch(1), batch(2), batch(3)]);
  feed.offer(batch(4));
  expect(await ask(port, null)).toEqual([1, 2]);
  expect(await ask(port, 3)).toEqual([4]);
  const waiting = ask(port, 4);
  feed.offer(batch(5));
  expect(await waiting).toEqual([5]);
  expect(reads.length).toBe(1);
  feed.close();
});

test("an answer is bounded in bytes, but never empty", async () => {
  const { feed, port } = connect([]);
  for (let seq = 1; seq <= 3; seq++) feed.offer(batch(seq, 20));
  expect(await ask(port, null)).toEqual([1]);
  expect(await ask(port, 1)).toEqual([2]);
  feed.close();
});

test("what exceeds the memory bound is let go, and read from the log later", async () => {
  const large = 20 * 1024 * 1024;
  const log = [batch(1, large), batch(2, large), batch(3)];
  const { feed, port, reads } = connect(log);
  feed.begin(undefined);
  for (const each of log) feed.offer(each);
  expect(await ask(port, null)).toEqual([1, 2]);
  expect(reads.length).toBe(1);
  expect(await ask(port, 2)).toEqual([3]);
  feed.close();
});
