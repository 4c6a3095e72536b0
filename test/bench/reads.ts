/**
 * Measures reads: an account, in alternation with a bare Hono that answers JSON of the same size, and a page of an
 * account's entries out of millions.
 */
import { join } from "node:path";
import { measureLoads } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { accountId, Daybook } from "./daybook.ts";
import { EchoServer } from "./echo-server.ts";
import { fillLog } from "./fill-log.ts";
import { batchBodies } from "./loads/bodies.ts";
import { latenciesOf } from "./loads/latencies.ts";
import { writeBodies } from "./loads/load.ts";

const CONNECTIONS = 64;
/** A prime, so that adjacent requests have no account in common. */
const STRIDE = 7919;
const PATHS = 5_000;
const BATCH = 1000;
const TRANSFERS = { quick: 100_000, full: 3_000_000 } as const;
const PAGE = 50;
/** Pages of one run, one after the other. */
const PAGES = 200;

export async function measureReads(bench: BenchContext): Promise<void> {
  const { accounts, shards } = bench.options;
  if (!bench.wants("reads")) return;
  const folder = bench.newFolder();
  const daybook = await Daybook.start({ folder, backend: "redis", shards });
  await daybook.createAccounts(accounts);
  await daybook.issue(accounts, accounts, BATCH);
  if (bench.wants("reads.account")) await measureAccount(bench, daybook, folder);
  if (bench.wants("reads.page")) await measurePage(bench, daybook, folder);
  await daybook.stop();
}

function pathOf(i: number, accounts: number): string {
  return `/v1/accounts/${encodeURIComponent(accountId((i * STRIDE) % accounts))}`;
}

async function measureAccount(bench: BenchContext, daybook: Daybook, folder: string): Promise<void> {
  const { accounts } = bench.options;
  const paths = Array.from({ length: PATHS }, (_, i) => pathOf(i, accounts));
  const { text } = await daybook.client.send("GET", pathOf(0, accounts));
  const echo = await EchoServer.start("hono", text);
  const bodies = writeBodies(
    join(folder, "bodies"),
    paths.map(() => ""),
    paths,
  );
  const arms = [
    { name: "daybook", subject: daybook, method: "GET", bodies },
    { name: "echo", subject: echo, method: "GET", bodies },
  ] as const;
  const settings = { answer_bytes: text.length };
  await measureLoads(bench, {
    name: "reads.account",
    connections: [CONNECTIONS],
    arms,
    settings,
    unit: "request",
  });
  await echo.stop();
}

async function measurePage(bench: BenchContext, daybook: Daybook, folder: string): Promise<void> {
  const { accounts, quick, runs } = bench.options;
  const transfers = quick ? TRANSFERS.quick : TRANSFERS.full;
  const bodies = writeBodies(join(folder, "batches"), batchBodies("json", BATCH, accounts));
  await fillLog(bench, daybook, { bodies, commands: transfers });
  await daybook.settle();
  const rounds = [];
  for (let run = 0; run < runs; run++) rounds.push(latenciesOf(await timesOfPages(daybook, run, accounts)));
  const settings = { transfers, entries: PAGE, accounts };
  for (const percentile of ["p50", "p99"] as const) {
    const name = `reads.page.${percentile}`;
    bench.emit({ name, unit: "ms", settings, runs: rounds.map((round) => round[percentile]) });
  }
}

/** Milliseconds, each for another account. */
async function timesOfPages(daybook: Daybook, run: number, accounts: number): Promise<Float64Array> {
  const times = new Float64Array(PAGES);
  for (let i = 0; i < PAGES; i++) {
    const beganMs = performance.now();
    const path = `${pathOf(run * PAGES + i, accounts)}/entries?limit=${PAGE}`;
    const { data } = await daybook.partner<{ data: readonly unknown[] }>("GET", path);
    times[i] = performance.now() - beganMs;
    if (data.length !== PAGE) throw new Error(`${data.length} entries`);
  }
  return times;
}
