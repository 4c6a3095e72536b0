/** Measures how fast a shard replays its log. */
import { join } from "node:path";
import type { BenchContext } from "./bench-context.ts";
import { BACKENDS, type Backend, Daybook, SERVER_SETTINGS } from "./daybook.ts";
import { fillLog } from "./fill-log.ts";
import { batchBodies } from "./loads/bodies.ts";
import { writeBodies } from "./loads/load.ts";

const BATCH_SIZE = 1000;
/** Enough for a replay of a second, and not too much for Redis. */
const COMMANDS_MIN = { quick: 200_000, full: 1_500_000 } as const;

export async function measureReplay(bench: BenchContext): Promise<void> {
  for (const backend of BACKENDS) {
    const name = `replay.${backend}`;
    if (bench.wants(name)) await measure(bench, name, backend);
  }
}

async function measure(bench: BenchContext, name: string, backend: Backend): Promise<void> {
  const { accounts, quick, runs } = bench.options;
  const folder = bench.newFolder();
  const bodies = writeBodies(join(folder, "bodies"), batchBodies("json", BATCH_SIZE, accounts));
  const daybook = await Daybook.start({ folder, backend, shards: bench.options.shards });
  await daybook.createAccounts(accounts);
  const wanted = quick ? COMMANDS_MIN.quick : COMMANDS_MIN.full;
  const commands = await fillLog(bench, daybook, { bodies, commands: wanted });
  await daybook.settle();

  const rates: number[] = [];
  const fsyncUs: number[] = [];
  let shards = 0;
  for (let i = 0; i < runs; i++) {
    fsyncUs.push(bench.fsyncUs());
    await daybook.restart();
    const recoveries = (await daybook.shards()).map(({ recovery }) => recovery);
    const replayed = recoveries.reduce((sum, recovery) => sum + recovery.replayed, 0);
    if (replayed < commands) throw new Error(`${replayed} of ${commands} commands were replayed`);
    shards = recoveries.length;
    const ms = recoveries.reduce((sum, recovery) => sum + recovery.replay_ms, 0);
    rates.push(replayed / (ms / 1000));
  }
  await daybook.stop();
  const settings = { backend, shards, commands, accounts, shards_at_once: true, ...SERVER_SETTINGS };
  bench.emit({ name, unit: "commands/s per shard", settings, runs: rates, fsyncUs });
}
