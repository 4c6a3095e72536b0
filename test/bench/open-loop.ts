/** Measures the latency of single transfers on a server with spare capacity: an open load at half of its peak rate. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Answered, type Arm, runArm } from "./arms.ts";
import type { BenchContext } from "./bench-context.ts";
import { run } from "./child-processes.ts";
import { Daybook, SERVER_SETTINGS } from "./daybook.ts";
import { MEDIA_TYPES, singleBodies } from "./loads/bodies.ts";
import { writeBodies } from "./loads/load.ts";
import type { OpenLoopPlan, OpenLoopReport } from "./loads/open-loop-load.ts";
import { CONNECTIONS } from "./options.ts";
import { verifyBooks } from "./verification.ts";

const PROGRAM = fileURLToPath(new URL("loads/open-loop-load.ts", import.meta.url));
/** Enough connections that one is free whenever a request is due. */
const OPEN_CONNECTIONS = 64;
const SHARE_OF_PEAK = 0.5;
/** Warm-up, not counted. */
export const WARM_UP_SECONDS = 2;
const PERCENTILES = ["p50", "p90", "p99", "p99_9", "max"] as const;

type Target = Omit<OpenLoopPlan, "perSecond" | "seconds" | "warmUpSeconds" | "connections">;
type Round = Readonly<{ peak: number; offered: number; report: OpenLoopReport }>;

export async function measureOpenLoop(bench: BenchContext): Promise<void> {
  if (!bench.wants("open")) return;
  const { accounts, runs, seconds, warmUpSeconds, openSeconds } = bench.options;
  const { folder, daybook, target } = await serveSingles(bench);
  const answered: Answered = { items: 0, unanswered: 0 };
  const closed: Arm = { name: "closed", subject: daybook, bodies: target.bodies, answered };
  await runArm(bench, closed, OPEN_CONNECTIONS, warmUpSeconds);

  const fsyncUs: number[] = [];
  const rounds: Round[] = [];
  for (let i = 0; i < runs; i++) {
    let peak = 0;
    for (const connections of CONNECTIONS)
      peak = Math.max(peak, (await runArm(bench, closed, connections, seconds)).rate);
    fsyncUs.push(bench.fsyncUs());
    const offered = Math.round(peak * SHARE_OF_PEAK);
    const report = await openLoop(folder, target, offered, openSeconds);
    answered.items += report.requests;
    rounds.push({ peak, offered, report });
  }
  await verifyBooks(daybook, accounts, answered);
  const settings = {
    backend: "redis",
    accounts,
    shards: (await daybook.shards()).length,
    ...SERVER_SETTINGS,
  };
  await daybook.stop();
  emitRounds(bench, settings, rounds, fsyncUs);
}

/** A server with accounts, and the transfers that are sent to it. */
export async function serveSingles({ options, newFolder }: BenchContext) {
  const { accounts, shards } = options;
  const folder = newFolder();
  const daybook = await Daybook.start({ folder, backend: "redis", shards });
  await daybook.createAccounts(accounts);
  const target: Target = {
    url: daybook.url,
    path: "/v1/transfers",
    contentType: MEDIA_TYPES.json,
    token: daybook.token,
    bodies: writeBodies(join(folder, "bodies"), singleBodies(accounts)),
  };
  return { folder, daybook, target };
}

/** @param offered requests per second. @throws Error if any request failed. */
export async function openLoop(
  folder: string,
  target: Target,
  offered: number,
  seconds: number,
): Promise<OpenLoopReport> {
  const plan: OpenLoopPlan = {
    ...target,
    connections: OPEN_CONNECTIONS,
    perSecond: offered,
    seconds,
    warmUpSeconds: WARM_UP_SECONDS,
  };
  const file = join(folder, "open-loop.json");
  writeFileSync(file, JSON.stringify(plan));
  const timeoutMs = (WARM_UP_SECONDS + seconds + 30) * 1000;
  const report = JSON.parse(await run(process.execPath, [PROGRAM, file], { timeoutMs })) as OpenLoopReport;
  if (report.failures > 0) throw new Error(`${report.failures} of ${report.requests} requests failed`);
  return report;
}

function emitRounds(
  bench: BenchContext,
  common: Readonly<Record<string, string | number | boolean>>,
  rounds: readonly Round[],
  fsyncUs: readonly number[],
): void {
  const last = rounds.at(-1)?.report;
  const settings = {
    ...common,
    connections: OPEN_CONNECTIONS,
    share_of_peak: SHARE_OF_PEAK,
    seconds: bench.options.openSeconds,
    // The generator's own delay in the last run.
    waited_for_a_connection: Number(last?.waitedShare.toPrecision(2)),
    generator_late_p50_ms: Number(last?.late.p50.toFixed(3)),
    generator_late_p99_ms: Number(last?.late.p99.toFixed(3)),
    generator_cpu_cores: Number(last?.cpuShare.toFixed(2)),
  };
  const emit = (name: string, unit: string, values: number[]) =>
    bench.emit({ name: `open.${name}`, unit, settings, runs: values, fsyncUs });
  emit(
    "peak",
    "transfers/s, closed loop",
    rounds.map(({ peak }) => peak),
  );
  emit(
    "offered",
    "transfers/s",
    rounds.map(({ offered }) => offered),
  );
  for (const percentile of PERCENTILES) {
    emit(
      percentile,
      "ms since it was due",
      rounds.map(({ report }) => report.latency[percentile]),
    );
  }
}
