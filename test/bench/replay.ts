/** Measures how fast a shard replays its log. */
import { join } from "node:path";
import type { BenchContext } from "./bench-context.ts";
import { batchBodies, MEDIA_TYPES } from "./bodies.ts";
import { BACKENDS, type Backend, Daybook, SERVER_SETTINGS } from "./daybook.ts";
import { writeBodies } from "./load.ts";

const BATCH_SIZE = 1000;
const CONNECTIONS = 4;
/** Enough for a replay of a second, and not too much for Redis. */
const COMMANDS_MIN = { quick: 200_000, full: 1_500_000 } as const;

export async function measureReplay(bench: BenchContext): Promise<void> {
  for (const backend of BACKENDS) {
    const name = `replay.${backend}`;
    if (bench.wants(name)) await measure(bench, name, backend);
  }
}

async function measure(bench: BenchContext, name: string, backend: Backend): Promise<void> {
  const { accounts, quick, runs, seconds } = bench.options;
  const folder = bench.newFolder();
  const bodies = writeBodies(join(folder, "bodies"), batchBodies("json", BATCH_SIZE, accounts));
  const daybook = await Daybook.start({ folder, backend, shards: bench.options.shards });
  await daybook.createAccounts(accounts);
  const wanted = quick ? COMMANDS_MIN.quick : COMMANDS_MIN.full;
  while ((await daybook.metric("daybook_commands_total")) < wanted) {
    const { url, token } = daybook;
    const plan = { url, token, path: "/v1/transfers/batch", contentType: MEDIA_TYPES.json, bodies };
    await bench.load.run({ ...plan, connections: CONNECTIONS, seconds });
  }
  await daybook.catchUpMs();
  const commands = await daybook.metric("daybook_commands_total");

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
