/**
 * One transfer per request, durable before it is answered. Each run follows one of the bare Hono echo with the same
 * requests, so that the ratio compares adjacent runs.
 */
import { join } from "node:path";
import { type BenchContext, warmUpSeconds } from "./bench-context.ts";
import { MEDIA_TYPES, singleBodies } from "./bodies.ts";
import { connectionsOf } from "./ceilings.ts";
import { cpuPerOperation, readCpuTimes } from "./cpu-time.ts";
import { BACKENDS, type Backend, Daybook, SERVER_SETTINGS } from "./daybook.ts";
import { startEcho } from "./echo-server.ts";
import { writeBodies } from "./load.ts";
import { perSecond } from "./load-report.ts";
import { type Answered, verifyBooks } from "./verification.ts";

type Case = Readonly<{ name: string; backend: Backend; connections: number; keyed: boolean }>;

export async function measureSingles(bench: BenchContext): Promise<void> {
  for (const backend of BACKENDS) {
    for (const keyed of [false, true]) {
      for (const connections of connectionsOf(bench.options)) {
        const name = `single.${backend}${keyed ? ".keyed" : ""}.${connections}`;
        if (bench.wants(name)) await measureSingle(bench, { name, backend, connections, keyed });
      }
    }
  }
}

async function measureSingle(bench: BenchContext, one: Case): Promise<void> {
  const { options, load } = bench;
  const { accounts, seconds, shards } = options;
  const { name, backend, connections, keyed } = one;
  const folder = bench.newFolder();
  const bodies = writeBodies(join(folder, "bodies"), singleBodies(accounts));
  const echo = await startEcho("hono");
  const daybook = await Daybook.start({ folder, backend, shards });
  await daybook.createAccounts(accounts);
  const plan = { path: "/v1/transfers", contentType: MEDIA_TYPES.json, bodies, connections, keyed };
  const toEcho = { ...plan, url: echo.url, token: daybook.token };
  const toDaybook = { ...plan, url: daybook.url, token: daybook.token };

  const answered: Answered = { items: 0, unanswered: 0 };
  const transfer = async (duration: number) => {
    const report = await load.run({ ...toDaybook, seconds: duration });
    answered.items += report.requests;
    answered.unanswered += connections;
    return report;
  };
  await load.run({ ...toEcho, seconds: warmUpSeconds(options) });
  await transfer(warmUpSeconds(options));
  const rates: number[] = [];
  const ratios: number[] = [];
  const p99s: number[] = [];
  const fsyncUs: number[] = [];
  const cpu: Record<string, number>[] = [];
  for (let i = 0; i < options.runs; i++) {
    // Wait for the archive, whose remaining work would only affect the echo.
    await daybook.catchUpMs();
    fsyncUs.push(bench.fsyncUs());
    const ceiling = perSecond(await load.run({ ...toEcho, seconds }));
    const before = readCpuTimes(daybook.pid, daybook.redisPid);
    const report = await transfer(seconds);
    const after = readCpuTimes(daybook.pid, daybook.redisPid);
    cpu.push(cpuPerOperation(before, after, report.requests));
    rates.push(perSecond(report));
    ratios.push(perSecond(report) / ceiling);
    p99s.push(report.p99Ms);
  }
  await verifyBooks(daybook, accounts, answered);
  const settings = {
    backend,
    connections,
    keyed,
    accounts,
    seconds,
    shards: (await daybook.shards()).length,
    ...SERVER_SETTINGS,
  };
  await Promise.all([daybook.stop(), echo.stop()]);
  bench.emit({ name, unit: "transfers/s", settings, runs: rates, fsyncUs });
  bench.emit({ name: `${name}.ratio`, unit: "of bare Hono echo", settings, runs: ratios });
  bench.emit({ name: `${name}.p99`, unit: "ms", settings, runs: p99s, fsyncUs });
  const totals = cpu.map((each) => each["cpu_us_total"]).filter((total) => total !== undefined);
  if (totals.length > 0) {
    const detail = { ...settings, ...cpu.at(-1) };
    bench.emit({ name: `${name}.cpu`, unit: "µs of CPU per transfer", settings: detail, runs: totals });
  }
}
