/** Measures the memory of an idle account and of a remembered idempotency key. */
import { fileURLToPath } from "node:url";
import type { BenchContext } from "./bench-context.ts";
import { run } from "./child-processes.ts";
import { Daybook, SERVER_SETTINGS } from "./daybook.ts";

const PROBE = fileURLToPath(new URL("heap-probe.ts", import.meta.url));
/** Collects garbage in every thread, so that the shards report only live data. */
const COLLECTING = ["--expose-gc", "--import", "data:text/javascript,setInterval(gc,500).unref()"];
const COLLECTED_AFTER_MS = 2_000;
const SERVER_ACCOUNTS = { quick: 10_000, full: 50_000 } as const;

export async function measureHeap(bench: BenchContext): Promise<void> {
  for (const [what, name] of [
    ["accounts", "heap.account"],
    ["keys", "heap.key"],
  ] as const) {
    if (bench.wants(name)) await measureInProcess(bench, what, name);
  }
  if (bench.wants("heap.server_account")) await measureServer(bench, "heap.server_account");
}

async function measureInProcess(bench: BenchContext, what: string, name: string): Promise<void> {
  const { heapObjects, runs } = bench.options;
  const values: number[] = [];
  for (let i = 0; i < runs; i++) {
    const args = ["--expose-gc", PROBE, what, String(heapObjects)];
    const said = JSON.parse(await run(process.execPath, args, { timeoutMs: 60_000 })) as { bytes: number };
    values.push(said.bytes);
  }
  const settings = { objects: heapObjects, id: "21 characters", key: "36 characters" };
  bench.emit({ name, unit: "bytes", settings, runs: values });
}

/** The same for the shards of a real server, as its metrics report them. */
async function measureServer(bench: BenchContext, name: string): Promise<void> {
  const { quick, shards } = bench.options;
  const accounts = quick ? SERVER_ACCOUNTS.quick : SERVER_ACCOUNTS.full;
  const daybook = await Daybook.start({
    folder: bench.newFolder(),
    backend: "redis",
    shards,
    nodeFlags: COLLECTING,
  });
  const heapBytes = async () => {
    await new Promise((resolve) => setTimeout(resolve, COLLECTED_AFTER_MS));
    return daybook.metric("daybook_heap_bytes");
  };
  const before = await heapBytes();
  await daybook.createAccounts(accounts);
  await daybook.settle();
  const bytes = ((await heapBytes()) - before) / accounts;
  await daybook.stop();
  bench.emit({ name, unit: "bytes", settings: { accounts, ...SERVER_SETTINGS }, runs: [bytes] });
}
