/**
 * A slow log under more load than it can take. For a longer run set LOAD_SECONDS=30; with PRINT=1 the measurements go
 * to stdout.
 */
import { readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { RedisProxy } from "../support/redis-proxy.ts";
import { Client, OPERATOR_KEY, testFolder, testRedis, testServer } from "../support/server.ts";

const LOAD_SECONDS = Number(process.env["LOAD_SECONDS"] ?? 5);
const ITEMS = 100;
const ACCOUNTS = 100;
/** The server lets a transfer wait about a second for the ones before it; the test allows 10 s. */
const WAIT_MS_MAX = 8_000;
const MEMORY_MB_MAX = 400;

type Answer = Readonly<{
  status: number;
  ms: number;
  retryAfter: unknown;
  code: string | undefined;
}>;

test("a log at a tenth of its speed under three times that load: the excess is refused, queues stay bounded, and the server recovers when the load ends", async () => {
  const redis = await testRedis();
  const proxy = await RedisProxy.start(redis);
  onTestFinished(() => proxy.close());
  const server = await testServer({ WAL_URL: proxy.url, DATA_DIR: testFolder(), SHARDS: "1" });
  const partner = await partnerOf(server.url);
  const send = (items: number) => sendBatch(partner, items);
  const measurePeak = async () => {
    const before = proxy.bytes;
    const peak = await closedLoop(send, 2_000);
    return { ...peak, bytesPerSecond: (proxy.bytes - before) / peak.seconds };
  };

  // Measure the peak; the log is then limited to a tenth of it.
  const measured = [await measurePeak(), await measurePeak()];
  // A busy machine may slow one of them down.
  const peak = measured.reduce((a, b) => (a.items / a.seconds > b.items / b.seconds ? a : b));
  const { bytesPerSecond } = peak;
  proxy.throttle(bytesPerSecond / 10);
  const offeredPerSecond = (3 * peak.items) / peak.seconds / 10;

  const startMb = memoryMb(server.pid);
  let peakMb = startMb;
  const sampling = setInterval(() => {
    peakMb = Math.max(peakMb, memoryMb(server.pid));
  }, 100);
  const answers = await openLoop(send, offeredPerSecond / ITEMS, LOAD_SECONDS);
  clearInterval(sampling);

  const endedMs = performance.now();
  let well: Answer;
  do well = await send(1);
  while (well.status !== 200 && performance.now() - endedMs < 10_000);
  const wellAfterMs = performance.now() - endedMs;

  const taken = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status !== 200);
  const waits = taken.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const p99 = waits[Math.floor(waits.length * 0.99)] ?? 0;
  if (process.env["PRINT"] !== undefined) {
    process.stdout.write(
      `${JSON.stringify({ peakPerSecond: peak.items / peak.seconds, offeredPerSecond, taken: taken.length, refused: refused.length, p50: waits[waits.length >> 1], p99, max: waits.at(-1), startMb, peakMb, wellAfterMs })}\n`,
    );
  }
  expect(taken.length).toBeGreaterThan(0);
  expect(refused.length).toBeGreaterThan(answers.length / 4);
  for (const answer of refused) {
    expect(answer).toMatchObject({
      status: 503,
      code: "overloaded",
      retryAfter: expect.stringMatching(/^\d+$/),
    });
  }
  expect(p99).toBeLessThan(WAIT_MS_MAX);
  expect(peakMb - startMb).toBeLessThan(MEMORY_MB_MAX);
  expect(well.status).toBe(200);
  expect(wellAfterMs).toBeLessThan(WAIT_MS_MAX);
});

/** One connection for each request that may wait. */
async function partnerOf(url: string): Promise<Client> {
  const created = await new Client(url, OPERATOR_KEY).send("POST", "/v1/partners", {
    id: "acme",
    name: "Acme",
  });
  const { api_key: key } = JSON.parse(created.text) as { api_key: string };
  const partner = new Client(url, key, 2_000);
  for (let i = 0; i < ACCOUNTS; i++)
    await partner.send("POST", "/v1/accounts", { id: `a${i}`, asset: "PTS/0" });
  return partner;
}

/** Closed load from a few callers, as fast as the server answers. */
async function closedLoop(send: (items: number) => Promise<Answer>, forMs: number) {
  const startedMs = performance.now();
  let items = 0;
  const caller = async () => {
    while (performance.now() - startedMs < forMs) {
      expect((await send(ITEMS)).status).toBe(200);
      items += ITEMS;
    }
  };
  await Promise.all(Array.from({ length: 8 }, caller));
  return { items, seconds: (performance.now() - startedMs) / 1000 };
}

/** Open load at a fixed rate. Resolves when all requests are answered. */
async function openLoop(send: (items: number) => Promise<Answer>, perSecond: number, seconds: number) {
  const answers: Promise<Answer>[] = [];
  const startedMs = performance.now();
  const total = Math.floor(perSecond * seconds);
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(total, ((performance.now() - startedMs) / 1000) * perSecond);
      while (answers.length < due) answers.push(send(ITEMS));
      if (answers.length < total) return;
      clearInterval(timer);
      resolve();
    }, 5);
  });
  return Promise.all(answers);
}

async function sendBatch(partner: Client, items: number): Promise<Answer> {
  const transfers = Array.from({ length: items }, (_, i) => ({
    debit_account: "@issuance",
    credit_account: `a${i % ACCOUNTS}`,
    amount: 1,
  }));
  const startedMs = performance.now();
  const { status, text, headers } = await partner.send("POST", "/v1/transfers/batch", { transfers });
  const ms = performance.now() - startedMs;
  const { code } = JSON.parse(text) as { code?: string };
  return { status, ms, retryAfter: headers["retry-after"], code };
}

function memoryMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}
