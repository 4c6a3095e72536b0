/** I1, I5, I7, I8: an AOF that is cut anywhere in its last records has exactly the whole records before the cut. */
import { cpSync, readFileSync, truncateSync } from "node:fs";
import { expect, test } from "vitest";
import { Ledger } from "../../src/actors/ledger/ledger.ts";
import { shardOfVnode, vnodeOf } from "../../src/actors/ledger/routing.ts";
import { readRecords } from "../../src/actors/records/codec.ts";
import { Chain } from "../../src/wal/chain.ts";
import { StreamJournal } from "../../src/wal/journal.ts";
import { openLogStream } from "../../src/wal/open.ts";
import type { Batch, StoredEntry, Witness } from "../../src/wal/wal.ts";
import { Load } from "../support/load.ts";
import type { RedisServer } from "../support/redis.ts";
import {
  Client,
  makePartner,
  operator,
  refusedStart,
  type Settings,
  testFolder,
  testRedis,
  testServer,
  within,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const SHARDS = [0, 1];
const AMOUNT = 7;
/** The records of a cross-shard transfer: sent, received, delivered. */
const LAST_OPS = ["transfer", "credit", "delivered"];
/** How an append begins in the AOF. The first claim creates the stream, and has one word less. */
const APPEND = /\*[56]\r\n\$4\r\nxadd\r\n/g;
const NO_RECORDS = Uint8Array.of(0x90);
/** Redis reads a batch's bytes as one string: of those that are neither among its first nor its last, one in 16 is cut. */
const PAYLOAD_ENDS = 8;
const PAYLOAD_STEP = 16;
/** Loading repairs the file, so the second start is the same for most cuts of a record. */
const SECOND_START_EVERY = 8;
const PAYER = `${ownerOn(0)}/a`;
const PAYEE = `${ownerOn(1)}/a`;

/** An owner of the partner `other` on this shard. */
function ownerOn(shard: number): string {
  for (let no = 0; ; no++) {
    if (shardOfVnode(vnodeOf("other", `o${no}`), SHARDS.length) === shard) return `o${no}`;
  }
}

type Log = Readonly<{ entries: readonly StoredEntry[]; batches: readonly Batch[]; ledger: Ledger }>;

/** Reads and checks one shard's log to its end, without a claim. */
async function readLog(redis: RedisServer, shard: number): Promise<Log> {
  const stream = openLogStream(redis.url, { generation: 1, shard });
  const entries: StoredEntry[] = [];
  const batches: Batch[] = [];
  const ledger = new Ledger(shard, SHARDS.length);
  const chain = new Chain(stream.name, "beginning");
  for (;;) {
    const more = await stream.read(entries.at(-1)?.id, 1 << 20);
    if (more.length === 0) break;
    entries.push(...more);
  }
  await stream.close();
  for (const entry of entries) {
    const link = chain.accept(entry);
    if (link.kind !== "batch") continue;
    const { id, timeMs, body } = link.batch;
    batches.push(link.batch);
    readRecords(body, (command, outcome) => ledger.apply(command, outcome, { ...id, index: 0, timeMs }, 0));
  }
  return { entries, batches, ledger };
}

const readLogs = (redis: RedisServer): Promise<Log[]> =>
  Promise.all(SHARDS.map((shard) => readLog(redis, shard)));

/** Faults of the books: I1 of each shard, and I8 between them. */
function bookProblems(logs: readonly Log[]): readonly string[] {
  const problems: string[] = [];
  for (const [shard, { ledger }] of logs.entries()) {
    for (const [asset, { sum, sent, received }] of ledger.sums(undefined)) {
      if (sum + sent - received !== 0n)
        problems.push(`I1: shard ${shard}: ${sum} + ${sent} - ${received} ${asset}`);
    }
    const here = ledger.exchange(1 - shard);
    const there = logs[1 - shard]?.ledger.exchange(shard);
    if (there === undefined || there.received > here.sent)
      problems.push(`I8: shard ${shard} sent ${here.sent}`);
    if (there === undefined || here.forgotten > there.received)
      problems.push(`I8: ${here.forgotten} forgotten`);
  }
  return problems;
}

/** Nothing is in transit, and both shards know it. */
function isAtRest([a, b]: readonly Log[]): boolean {
  const here = a?.ledger.exchange(1);
  const there = b?.ledger.exchange(0);
  return (
    here?.forgotten === there?.received &&
    there?.forgotten === here?.received &&
    here?.forgotten === here?.sent &&
    there?.forgotten === there?.sent
  );
}

/** A log of two shards that ends with one transfer from the first to the second; server and Redis are stopped. */
async function written() {
  const redis = await testRedis();
  const dataDir = testFolder();
  const server = await testServer(settingsOf(redis, dataDir));
  const load = new Load({
    partnerKey: await makePartner(operator(server)),
    owners: 6,
    acrossShards: SHARDS.length,
  });
  const otherKey = await makePartner(operator(server), "other");
  const other = new Client(server.url, otherKey);
  const post = async (path: string, body: object) => {
    const { status, text } = await other.send("POST", path, body);
    expect(status, text).toBe(201);
  };
  for (const id of [PAYER, PAYEE]) await post("/v1/accounts", { id, asset: "PTS/0" });
  await post("/v1/transfers", { debit_account: "@issuance", credit_account: PAYER, amount: AMOUNT });
  await load.open(server.url);
  load.begin(server.url, 8);
  await load.moreAcknowledged(60);
  await load.stop();
  const isQuiet = async () => isAtRest(await readLogs(redis));
  await until("nothing is on its way", isQuiet);
  await post("/v1/transfers", { debit_account: PAYER, credit_account: PAYEE, amount: AMOUNT });
  await until("it has arrived, and that is known", isQuiet);
  const logs = await readLogs(redis);
  server.signal("SIGTERM");
  expect((await within(10_000, "the server has ended", server.exited)).code).toBe(0);
  await redis.stop();
  return { redis, dataDir, load, otherKey, logs };
}

function settingsOf(redis: RedisServer, dataDir: string): Settings {
  return { DATA_DIR: dataDir, WAL_URL: redis.url, SHARDS: String(SHARDS.length) };
}

/** An offset at which to cut the AOF, and the number of whole entries of each shard before it. */
type Cut = Readonly<{ at: number; whole: readonly number[] }>;

/** Every byte offset of the last records, but not every one within a batch. */
function cutsOf(aof: Buffer): readonly Cut[] {
  const begins = [...aof.toString("latin1").matchAll(APPEND)].map(({ index }) => index);
  const ends = [...begins.slice(1), aof.length];
  const shardAt = (begin: number) =>
    Number(/\{g1s(\d)\}/.exec(aof.toString("latin1", begin, begin + 64))?.[1]);
  const whole = SHARDS.map(() => 0);
  const cuts: Cut[] = [];
  for (const [no, begin] of begins.entries()) {
    if (no >= begins.length - LAST_OPS.length) {
      const end = ends[no] ?? 0;
      const payload = payloadOf(aof, begin, end);
      for (let at = begin; at < end; at++) {
        const inside = at - payload > PAYLOAD_ENDS && end - at > PAYLOAD_ENDS;
        if (!inside || (at - payload) % PAYLOAD_STEP === 0) cuts.push({ at, whole: [...whole] });
      }
    }
    whole[shardAt(begin)] = (whole[shardAt(begin)] ?? 0) + 1;
  }
  return [...cuts, { at: aof.length, whole: [...whole] }];
}

/** Where the last string of an append begins. */
function payloadOf(aof: Buffer, begin: number, end: number): number {
  const [last] = [...aof.toString("latin1", begin, end).matchAll(/\r\nb\r\n\$\d+\r\n/g)];
  if (last === undefined) throw new Error("not an append");
  return begin + last.index + last[0].length;
}

const hashesOf = ({ batches }: Log): string[] => batches.map(({ hash }) => Buffer.from(hash).toString("hex"));
const opsOf = ({ body }: Batch): string[] => {
  const ops: string[] = [];
  readRecords(body, ({ op }) => ops.push(op));
  return ops;
};

/** Starts on it as a server does. */
function journalOf(redis: RedisServer, shard: number, witnesses: readonly Witness[]): StreamJournal {
  return new StreamJournal({
    stream: openLogStream(redis.url, { generation: 1, shard }),
    claimant: { instance: "next", generation: 1, shard, shards: SHARDS.length },
    witnesses,
    mayCreate: false,
  });
}

/** A server that remembers the lost records refuses; one that does not takes the log over and appends to it. */
async function takeOver(redis: RedisServer, shard: number, before: Log, whole: number): Promise<void> {
  const last = before.batches.at(-1);
  if (last === undefined) throw new Error("nothing was written");
  if (whole < before.entries.length) {
    const refused = journalOf(redis, shard, [last]);
    await expect(refused.claim()).rejects.toMatchObject({ code: "log_lost_data" });
    await refused.close();
  }
  const journal = journalOf(redis, shard, whole < before.entries.length ? [] : [last]);
  await journal.claim();
  await journal.replay(() => undefined);
  await journal.append(last.timeMs, 0, NO_RECORDS);
  await journal.close();
}

test("an AOF cut at any byte of its last three records: the records before are whole, also after a second start, and a server that remembers more refuses it", async () => {
  const { redis, logs } = await written();
  const [sender, receiver] = logs;
  expect(
    [sender?.batches.at(-2), receiver?.batches.at(-1), sender?.batches.at(-1)].map(
      (each) => each && opsOf(each),
    ),
  ).toEqual(LAST_OPS.map((op) => [op]));
  const backup = testFolder();
  redis.copyTo(backup);
  const cuts = cutsOf(readFileSync(redis.aofFile()));
  expect(cuts.length).toBeGreaterThan(250);
  expect(cuts.at(-1)?.whole).toEqual(logs.map(({ entries }) => entries.length));
  for (const [no, { at, whole }] of cuts.entries()) {
    const prefixes = logs.map(
      ({ entries }, shard) => entries.slice(0, whole[shard]).filter(({ id }) => id.seq > 0).length,
    );
    const expected = logs.map((log, shard) => hashesOf(log).slice(0, prefixes[shard]));
    redis.replaceBy(backup);
    truncateSync(redis.aofFile(), at);
    await redis.restart();
    const found = await readLogs(redis);
    expect(found.map(hashesOf), `cut at ${at}`).toEqual(expected);
    expect(bookProblems(found), `cut at ${at}`).toEqual([]);
    await Promise.all(logs.map((log, shard) => takeOver(redis, shard, log, whole[shard] ?? 0)));
    await redis.kill();
    if (no % SECOND_START_EVERY > 0) continue;
    await redis.restart();
    const again = await readLogs(redis);
    expect(
      again.map((log) => hashesOf(log).slice(0, -1)),
      `cut at ${at}, the second start`,
    ).toEqual(expected);
    expect(again.map(({ batches }) => batches.at(-1)?.count)).toEqual([0, 0]);
    expect(bookProblems(again), `cut at ${at}, the second start`).toEqual([]);
    await redis.kill();
  }
}, 600_000);

test("a server on an AOF that is cut in one of its last three records refuses, or serves the records before and repairs the file", async () => {
  const { redis, dataDir, load, otherKey } = await written();
  const backup = testFolder();
  redis.copyTo(backup);
  const cuts = cutsOf(readFileSync(redis.aofFile()));
  // A sent transfer is money in transit: the credit follows from it, even if it was lost.
  for (const [part, balances] of [
    [0.2, [AMOUNT, 0]],
    [0.5, [0, AMOUNT]],
    [0.8, [0, AMOUNT]],
  ] as const) {
    redis.replaceBy(backup);
    truncateSync(redis.aofFile(), cuts[Math.floor(cuts.length * part)]?.at);
    await redis.restart();
    const remembers = testFolder();
    cpSync(dataDir, remembers, { recursive: true });
    const { code, lines } = await refusedStart(settingsOf(redis, remembers));
    expect(lines[0]).toMatch(/daybook:\{g1s\d\}:wal has lost data: it held \S+ before and no longer does/);
    expect({ code, lines: lines.length }).toEqual({ code: 1, lines: 1 });

    const server = await testServer(settingsOf(redis, testFolder()));
    const other = new Client(server.url, otherKey);
    await until("the money is where it belongs", async () => {
      const { data } = await other.get<{ data: { posted: number }[] }>(`/v1/accounts?ids=${PAYER},${PAYEE}`);
      return data.map(({ posted }) => posted).join() === balances.join();
    });
    expect(await other.get("/v1/trial-balance")).toMatchObject({ balanced: true });
    await checkBooks(server.url, load);
    other.close();
    await server.kill();
    await redis.stop();
  }
});
