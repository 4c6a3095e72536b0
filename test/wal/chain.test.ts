/** Each rule of the chain by itself, with valid entries that break no other rule. */
import { beforeEach, expect, test } from "vitest";
import { Chain, type ChainStart } from "../../src/wal/chain.ts";
import { encodeBatch, encodeClaim, hashFrame, NO_BATCH } from "../../src/wal/frame.ts";
import { parseLogId, type StoredEntry, type Witness } from "../../src/wal/wal.ts";

function claim(text: string): StoredEntry {
  const id = parseLogId(text);
  const claimant = { instance: "one", generation: 1, shard: 0, shards: 1 };
  return { id, bytes: encodeClaim({ id, claimant, timeMs: 1 }) };
}

function batch(text: string, previous: Witness): StoredEntry {
  const id = parseLogId(text);
  const bytes = encodeBatch({
    id,
    previousId: previous.id,
    previousHash: previous.hash,
    timeMs: 1,
    count: 0,
    shards: 1,
    body: Buffer.from(text),
  });
  return { id, bytes };
}

const witness = ({ id, bytes }: StoredEntry): Witness => ({ id, hash: hashFrame(bytes) });

const first = batch("1-1", NO_BATCH);
let chain: Chain;

beforeEach(() => {
  chain = new Chain("log", "beginning");
  chain.accept(claim("1-0"));
  chain.accept(first);
});

test("accepts the next batch, the next claim, and the first batch after a claim", () => {
  const second = batch("1-2", witness(first));
  chain.accept(second);
  chain.accept(claim("2-0"));
  chain.accept(claim("3-0"));
  chain.accept(batch("3-1", witness(second)));
  expect(chain.tail.id).toEqual({ epoch: 3, seq: 1 });
});

test.each([
  [
    "a gap, though it names the right batch",
    batch("1-3", witness(first)),
    /1-3: it follows 1-1: entries are missing/,
  ],
  ["an epoch without a claim", batch("2-1", witness(first)), /2-1: epoch 2 has no claim/],
  ["a claim that leaves out an epoch", claim("3-0"), /3-0: the claim of epoch 3 follows 1-1/],
  ["a claim of the same epoch", claim("1-0"), /1-0: the claim of epoch 1 follows 1-1/],
  [
    "another name for the batch before it, with the right hash",
    batch("1-2", { id: { epoch: 0, seq: 9 }, hash: witness(first).hash }),
    /1-2: it names 0-9 as the batch before it, which is 1-1/,
  ],
  [
    "another hash of the batch before it, with the right name",
    batch("1-2", { id: first.id, hash: NO_BATCH.hash }),
    /1-2: chain broken/,
  ],
  ["the same batch again", first, /1-1: it follows 1-1/],
])("%s is refused", (_, entry, reason) => {
  expect(() => chain.accept(entry)).toThrow(reason);
});

test.each<readonly [string, ChainStart, StoredEntry, RegExp | undefined]>([
  ["refuses a batch as the first entry of a log", "beginning", first, /begins with a batch/],
  ["the beginning: a claim of any epoch", "beginning", claim("42-0"), undefined],
  ["anywhere: any batch", "anywhere", batch("5-7", witness(first)), undefined],
  ["behind an id: its successor", { id: first.id }, batch("1-2", witness(first)), undefined],
  ["behind an id: not a later one", { id: first.id }, batch("1-3", witness(first)), /entries are missing/],
  [
    "behind an id: the next batch, though the log begins there, without its claim",
    { id: first.id },
    batch("3-1", witness(first)),
    undefined,
  ],
  ["behind an id: any later claim, since others may be trimmed", { id: first.id }, claim("3-0"), undefined],
  [
    "behind an id: not the batch after another one, in a later epoch",
    { id: first.id },
    batch("3-1", witness(batch("2-1", witness(first)))),
    /3-1: it names 2-1 as the batch before it, which is 1-1/,
  ],
  [
    "behind a snapshot: not without a claim",
    witness(first),
    batch("2-1", witness(first)),
    /2-1: epoch 2 has no claim/,
  ],
  ["behind a claim: its first batch", { id: { epoch: 1, seq: 0 } }, first, undefined],
  ["behind a snapshot: its successor", witness(first), batch("1-2", witness(first)), undefined],
  [
    "behind a snapshot: not that of another batch under the same id",
    { id: first.id, hash: NO_BATCH.hash },
    batch("1-2", witness(first)),
    /chain broken/,
  ],
])("taken up at %s", (_, start, entry, reason) => {
  const taken = new Chain("log", start);
  if (reason === undefined) expect(taken.accept(entry).kind).toBe(entry.id.seq === 0 ? "claim" : "batch");
  else expect(() => taken.accept(entry)).toThrow(reason);
});
