import { expect, test } from "vitest";
import { StreamJournal } from "../../../src/wal/journal.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { systemTimer } from "../../../src/wal/retry-with-deadline.ts";
import { type Journal, LogError } from "../../../src/wal/wal.ts";
import { bootClock } from "../../../src/workers/shard/clock/boot-clock.ts";
import { LEASE_MS, Lease } from "../../../src/workers/shard/lease.ts";

/** A log that answers when the test says so; `sentMs` is when the question was sent. */
function start() {
  const questions: { sentMs: number; settle: (error?: Error) => void }[] = [];
  const log = {
    lastExchangeMs: Number.NEGATIVE_INFINITY,
    available: true,
    get exchangeAgeMs() {
      return performance.now() - this.lastExchangeMs;
    },
  };
  const confirmOwner = () =>
    new Promise<void>((resolve, reject) => {
      const sentMs = performance.now();
      const settle = (error?: Error) => {
        if (error !== undefined) {
          reject(error);
          return;
        }
        log.lastExchangeMs = sentMs;
        resolve();
      };
      questions.push({ sentMs, settle });
    });
  const errors: unknown[] = [];
  const journal = Object.assign(log, { confirmOwner }) as unknown as Journal;
  return { lease: new Lease(journal, (error) => errors.push(error)), log, questions, errors };
}

test("during the lease a read is answered; after it the read waits for the log's confirmation", async () => {
  const { lease, log, questions } = start();
  log.lastExchangeMs = performance.now();
  let reads = 0;
  lease.whenOwned(() => reads++);
  expect(reads).toBe(1);
  log.lastExchangeMs = performance.now() - LEASE_MS;
  lease.whenOwned(() => reads++);
  lease.whenOwned(() => reads++);
  expect([reads, questions.length]).toEqual([1, 1]);
  questions[0]?.settle();
  await expect.poll(() => reads).toBe(3);
});

test("a confirmation whose question is older than the lease is requested again", async () => {
  const { lease, log, questions } = start();
  let reads = 0;
  lease.whenOwned(() => reads++);
  // As if the process had been paused between the arrival of the answer and its handling.
  const settle = questions[0]?.settle;
  settle?.();
  log.lastExchangeMs = performance.now() - LEASE_MS - 1;
  await expect.poll(() => questions.length).toBe(2);
  expect(reads).toBe(0);
  questions[1]?.settle();
  await expect.poll(() => reads).toBe(1);
});

test("an unavailable log is no error; a log that another server owns is", async () => {
  const { lease, questions, errors } = start();
  lease.whenOwned(() => {});
  questions[0]?.settle(new LogError("log_unavailable", "away"));
  await expect
    .poll(() => {
      lease.whenOwned(() => {});
      return questions.length;
    })
    .toBe(2);
  expect(errors).toEqual([]);
  questions[1]?.settle(new LogError("fenced", "gone"));
  await expect.poll(() => errors.length).toBe(1);
});

test("after the machine was suspended, a read first confirms the ownership of the log", async () => {
  let sleptMs = 0;
  // The monotonic clock does not count the suspension.
  const monotonicMs = bootClock({
    uptimeMs: () => 10_000 + sleptMs,
    monotonicMs: () => 10_000,
    wallMs: () => 1e12 + sleptMs,
    uncertaintyMs: 50,
  });
  const store = new MemoryStore("log");
  const open = (instance: string) =>
    new StreamJournal({
      stream: store.open(),
      claimant: { instance, generation: 1, shard: 0, shards: 1 },
      witnesses: [],
      mayCreate: true,
      timer: { ...systemTimer, monotonicMs },
    });
  const journal = open("one");
  await journal.claim();
  const errors: unknown[] = [];
  const lease = new Lease(journal, (error) => errors.push(error));
  let reads = 0;
  lease.whenOwned(() => reads++);
  expect(reads).toBe(1);
  await open("two").claim();
  sleptMs = 60_000;
  lease.whenOwned(() => reads++);
  await expect.poll(() => errors).toMatchObject([{ code: "fenced" }]);
  expect(reads).toBe(1);
});
