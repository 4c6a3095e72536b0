import { afterEach, describe, expect, test, vi } from "vitest";
import { type FeedRequest, packRequest, unpackReply } from "../../../src/archive/service/feed.ts";
import { TrimmedError } from "../../../src/wal/trimmed-log.ts";
import { type Batch, LogError, type LogId } from "../../../src/wal/wal.ts";
import type { Channel } from "../../../src/workers/channels/channel.ts";
import { type ChannelEnd, openChannel } from "../../../src/workers/channels/open-channel.ts";
import { ArchiveFeed } from "../../../src/workers/shard/archive-feed.ts";
import { channelPairs, portPair } from "../../support/channel-pairs.ts";

function batch(seq: number, bytes = 1): Batch {
  return {
    id: { epoch: 1, seq },
    timeMs: 1_700_000_000_000 + seq,
    count: 1,
    body: Buffer.alloc(bytes, seq),
    hash: Buffer.alloc(32, seq),
  };
}

function after(log: readonly Batch[], position: LogId | undefined): readonly Batch[] {
  return log.filter(({ id }) => position === undefined || id.seq > position.seq);
}

/** The archive's end of the channel. */
class Asker {
  readonly channel: Channel;
  #answers = Promise.withResolvers<Uint8Array>();

  constructor(end: ChannelEnd) {
    this.channel = openChannel(end, { receive: (bytes) => this.#answers.resolve(bytes), closed: () => {} });
  }

  /** The sequence numbers of the received batches, each checked against the offered one. */
  async ask(afterSeq: number | null, bytesMax = 10, again = false): Promise<number[]> {
    this.#answers = Promise.withResolvers();
    const position = afterSeq === null ? null : { epoch: 1, seq: afterSeq };
    this.channel.post(
      packRequest({ after: position, bytesMax, ...(again && { again }) } satisfies FeedRequest),
    );
    return unpackReply(await this.#answers.promise).map(({ body, hash, ...figures }) => {
      const { body: offered, hash: offeredHash, ...expected } = batch(figures.id.seq, body.length);
      expect(figures).toEqual(expected);
      expect(Buffer.compare(body, offered) + Buffer.compare(hash, offeredHash)).toBe(0);
      return figures.id.seq;
    });
  }
}

const feeds: ArchiveFeed[] = [];
afterEach(() => {
  for (const feed of feeds.splice(0)) feed.close();
});

describe.each(channelPairs())("the archive feed over %s", (_, pair) => {
  type Read = (after: LogId | undefined) => Promise<readonly Batch[]>;

  function connect(read: Read, last?: LogId): { feed: ArchiveFeed; archive: Asker; errors: unknown[] } {
    const errors: unknown[] = [];
    const feed = new ArchiveFeed({ read }, (error) => errors.push(error));
    feeds.push(feed);
    feed.begin(last);
    const [shardEnd, archiveEnd] = pair();
    feed.attach(shardEnd);
    return { feed, archive: new Asker(archiveEnd), errors };
  }

  /** A shard's end over a log of these batches, which is read in pages of two. */
  function connectTo(log: readonly Batch[]) {
    const reads: (LogId | undefined)[] = [];
    const read: Read = async (position) => {
      reads.push(position);
      return after(log, position).slice(0, 2);
    };
    return { ...connect(read, log.at(-1)?.id), reads };
  }

  test("an archive that is behind is served from the log, then from memory, and waits when there is nothing new", async () => {
    const { feed, archive, reads } = connectTo([batch(1), batch(2), batch(3)]);
    feed.offer(batch(4));
    expect(await archive.ask(null)).toEqual([1, 2]);
    expect(await archive.ask(3)).toEqual([4]);
    const waiting = archive.ask(4);
    feed.offer(batch(5));
    expect(await waiting).toEqual([5]);
    expect(reads.length).toBe(1);
  });

  test("an answer is bounded in bytes, but never empty", async () => {
    const { feed, archive } = connectTo([]);
    for (let seq = 1; seq <= 5; seq++) feed.offer(batch(seq, seq < 3 ? 20 : 4));
    expect(await archive.ask(null)).toEqual([1]);
    expect(await archive.ask(1)).toEqual([2]);
    expect(await archive.ask(2)).toEqual([3, 4, 5]);
  });

  test("batches beyond the memory bound are dropped and read from the log later", async () => {
    const large = 20 * 1024 * 1024;
    const log = [batch(1, large), batch(2, large), batch(3)];
    const { feed, archive, reads } = connectTo(log);
    feed.begin(undefined);
    for (const each of log) feed.offer(each);
    expect(await archive.ask(null)).toEqual([1, 2]);
    expect(reads.length).toBe(1);
    expect(await archive.ask(2)).toEqual([3]);
  });

  test("a log that does not answer is read again, and the shard continues", async () => {
    const away = new LogError("log_unavailable", "no answer");
    const read = vi
      .fn<Read>()
      .mockRejectedValueOnce(away)
      .mockRejectedValueOnce(away)
      .mockImplementation(async (position) => after([batch(1), batch(2)], position));
    const { feed, archive, errors } = connect(read, { epoch: 1, seq: 2 });
    const waiting = archive.ask(null);
    await expect.poll(() => read).toHaveBeenCalledTimes(1);
    // A batch that becomes durable in between neither shortens the pause nor is sent before the earlier ones.
    feed.offer(batch(3));
    expect(read).toHaveBeenCalledTimes(1);
    expect(await waiting).toEqual([1, 2]);
    expect(read).toHaveBeenCalledTimes(3);
    expect(await archive.ask(2)).toEqual([3]);
    expect(errors).toEqual([]);
  });

  test("a closed feed does not ask the log again", async () => {
    const failing = Promise.withResolvers<never>();
    const read = vi.fn<Read>().mockReturnValue(failing.promise);
    const { feed, archive, errors } = connect(read, { epoch: 1, seq: 2 });
    void archive.ask(null);
    await expect.poll(() => read).toHaveBeenCalledTimes(1);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      failing.reject(new LogError("log_unavailable", "no answer"));
      await failing.promise.catch(() => {});
      await Promise.resolve();
      expect(vi.getTimerCount()).toBe(1);
      feed.close();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
    expect(errors).toEqual([]);
  });

  test("any other failure of the log ends the shard", async () => {
    const corrupt = new LogError("log_corrupt", "a byte is wrong");
    const { archive, errors } = connect(() => Promise.reject(corrupt), { epoch: 1, seq: 2 });
    void archive.ask(null);
    await expect.poll(() => errors).toEqual([corrupt]);
  });

  test.each([
    [null, "log was trimmed up to 1-7, but the archive in DATA_DIR/archive holds nothing of it"],
    [3, "log was trimmed up to 1-7, but the archive in DATA_DIR/archive ends at 1-3"],
  ])(
    "batches that another server has trimmed are permanently missing from the archive (%s)",
    async (afterSeq, reason) => {
      const last = afterSeq === null ? undefined : { epoch: 1, seq: afterSeq };
      const trimmed = new TrimmedError("log", { epoch: 1, seq: 7 }, last);
      const { archive, errors } = connect(() => Promise.reject(trimmed), { epoch: 1, seq: 9 });
      void archive.ask(afterSeq);
      const behind = { code: "archive_behind", message: expect.stringContaining(reason) };
      await expect.poll(() => errors).toMatchObject([behind]);
    },
  );

  test("a request for batches that were trimmed since gets an empty answer", async () => {
    const trimmed = new TrimmedError("log", { epoch: 1, seq: 7 }, undefined);
    const read = vi
      .fn<Read>()
      .mockRejectedValueOnce(trimmed)
      .mockResolvedValueOnce([batch(8)]);
    const { archive, errors } = connect(read, { epoch: 1, seq: 9 });
    expect(await archive.ask(null, 10, true)).toEqual([]);
    expect(await archive.ask(7)).toEqual([8]);
    expect(errors).toEqual([]);
  });

  test("batches that become durable during a read of the log are sent without waiting for the next write", async () => {
    const first = Promise.withResolvers<readonly Batch[]>();
    const read = vi
      .fn<Read>()
      .mockReturnValueOnce(first.promise)
      .mockImplementation(async (position) => after([batch(3)], position));
    // The log ends with a claim after the archive's last batch, so there is nothing to read.
    const { feed, archive } = connect(read, { epoch: 2, seq: 0 });
    const waiting = archive.ask(2);
    await expect.poll(() => read).toHaveBeenCalledTimes(1);
    feed.offer(batch(3));
    first.resolve([]);
    expect(await waiting).toEqual([3]);
  });

  test("a new channel to the archive replaces the old one, and its open request is dropped", async () => {
    const reads = [Promise.withResolvers<readonly Batch[]>(), Promise.withResolvers<readonly Batch[]>()];
    const read = vi.fn<Read>();
    for (const { promise } of reads) read.mockReturnValueOnce(promise);
    const { feed, archive } = connect(read, { epoch: 1, seq: 2 });
    void archive.ask(null);
    await expect.poll(() => read).toHaveBeenCalledTimes(1);
    const [shardEnd, archiveEnd] = pair();
    feed.attach(shardEnd);
    const anew = new Asker(archiveEnd);
    const waiting = anew.ask(1);
    await expect.poll(() => read).toHaveBeenCalledTimes(2);
    reads[0]?.resolve([batch(1), batch(2)]);
    await reads[0]?.promise;
    reads[1]?.resolve([batch(2)]);
    expect(await waiting).toEqual([2]);
  });

  test("a truncated or malformed request of the archive is an error", async () => {
    const whole = packRequest({ after: { epoch: 1, seq: 7 }, bytesMax: 1_000 });
    const bad = [
      whole.slice(0, -1),
      whole.slice(0, 9),
      new Uint8Array(0),
      packRequest({ after: { epoch: 1 }, bytesMax: 1 } as FeedRequest),
      packRequest(null as unknown as FeedRequest),
    ];
    const { archive, errors } = connectTo([]);
    for (const bytes of bad) archive.channel.post(bytes);
    await expect.poll(() => errors).toHaveLength(bad.length);
    for (const error of errors) expect(error).toMatchObject({ name: "PackError" });
  });
});

test("an answer that is truncated anywhere, or longer than declared, is an error", async () => {
  const [shardEnd, archiveEnd] = portPair();
  const feed = new ArchiveFeed({ read: async () => [] }, () => {});
  feeds.push(feed);
  feed.attach(shardEnd);
  feed.offer(batch(1, 3));
  feed.offer(batch(2, 5));
  const answer = Promise.withResolvers<Uint8Array>();
  const channel = openChannel(archiveEnd, { receive: answer.resolve, closed: () => {} });
  channel.post(packRequest({ after: null, bytesMax: 100 }));
  const whole = await answer.promise;
  expect(unpackReply(whole)).toHaveLength(2);
  const isBad = expect.objectContaining({ name: "PackError" });
  for (let length = 0; length < whole.length; length++)
    expect(() => unpackReply(whole.subarray(0, length))).toThrow(isBad);
  expect(() => unpackReply(Buffer.concat([whole, Buffer.of(0)]))).toThrow(isBad);
  expect(() => unpackReply(packRequest({ after: null, bytesMax: 1 }))).toThrow(isBad);
});
