/** Measures what a server with many accounts costs while nobody asks it anything. */
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import type { BenchContext } from "./bench-context.ts";
import { Daybook, SERVER_SETTINGS } from "./daybook.ts";
import { processTree, residentBytes, totalUs } from "./process-tree.ts";

const ACCOUNTS = { quick: 20_000, full: 1_000_000 } as const;
/** Until the compiler and the collector have done what they put off. */
const REST_MS = 10_000;
const RUN_MS = 3_000;

type Rest = Readonly<{ memoryMb: number; cpuMs: number; redisCpuMs: number; commandsPerSecond: number }>;

export async function measureIdle(bench: BenchContext): Promise<void> {
  const { quick, shards } = bench.options;
  if (!bench.wants("idle")) return;
  const accounts = quick ? ACCOUNTS.quick : ACCOUNTS.full;
  const daybook = await Daybook.start({ folder: bench.newFolder(), backend: "redis", shards });
  await daybook.createAccounts(accounts);
  await daybook.settle();
  await measureRest(bench, daybook, accounts, "opened");
  await daybook.restart();
  await measureRest(bench, daybook, accounts, "restarted");
  await daybook.stop();
}

async function measureRest(
  { emit, options }: BenchContext,
  daybook: Daybook,
  accounts: number,
  when: "opened" | "restarted",
): Promise<void> {
  const redis = new Redis(daybook.redisSocket ?? "");
  await delay(REST_MS);
  const runs: Rest[] = [];
  for (let run = 0; run < options.runs; run++) runs.push(await rest(daybook, redis));
  redis.disconnect();
  const settings = { accounts, seconds: RUN_MS / 1000, ...SERVER_SETTINGS };
  const figure = (name: string, unit: string, of: (run: Rest) => number) =>
    emit({ name: `idle.${when}.${name}`, unit, settings, runs: runs.map(of) });
  figure("memory", "MB resident", ({ memoryMb }) => memoryMb);
  figure("cpu", "ms of CPU per second", ({ cpuMs }) => cpuMs);
  figure("redis_cpu", "ms of CPU per second", ({ redisCpuMs }) => redisCpuMs);
  figure("redis_commands", "commands/s", ({ commandsPerSecond }) => commandsPerSecond);
}

/** One run. The server's values are without those of Redis. */
async function rest(daybook: Daybook, redis: Redis): Promise<Rest> {
  const cpu = () => {
    const times = daybook.cpuTimes();
    const redisUs = times.get("redis") ?? 0;
    return { redisUs, serverUs: totalUs(times) - redisUs };
  };
  const commandsBefore = await commandsOf(redis);
  const before = cpu();
  const startedMs = performance.now();
  await delay(RUN_MS);
  const after = cpu();
  const seconds = (performance.now() - startedMs) / 1000;
  // Without the question for their number.
  const commands = (await commandsOf(redis)) - commandsBefore - 1;
  return {
    memoryMb: residentBytes(processTree(daybook.pid)) / 2 ** 20,
    cpuMs: (after.serverUs - before.serverUs) / 1000 / seconds,
    redisCpuMs: (after.redisUs - before.redisUs) / 1000 / seconds,
    commandsPerSecond: commands / seconds,
  };
}

async function commandsOf(redis: Redis): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await redis.info("stats"))?.[1]);
}
