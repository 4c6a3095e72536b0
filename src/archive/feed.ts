/**
 * What goes between a shard and the archive, over a port of its own. The archive pulls: it asks for the batches
 * after the last one that it holds, with at most one question open per shard, and the shard answers once it has
 * durable ones. So the archive sets the pace and nothing queues without a bound. A shard that restarts gets a
 * new port; the archive asks again from its position.
 */

export type FeedAsk = Readonly<{ after: readonly [epoch: number, seq: number] | null; bytesMax: number }>;

export type FeedBatch = readonly [
  epoch: number,
  seq: number,
  timeMs: number,
  count: number,
  body: Uint8Array,
  hash: Uint8Array,
];

/** Never empty; contiguous, oldest first. The buffers of the bodies are transferred. */
export type FeedAnswer = Readonly<{ batches: readonly FeedBatch[] }>;
