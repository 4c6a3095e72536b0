/** Measures the archive's throughput in a separate program. */
import { fileURLToPath } from "node:url";
import type { BenchContext } from "./bench-context.ts";
import { run } from "./child-processes.ts";

const PROGRAM = fileURLToPath(new URL("archive-drain.ts", import.meta.url));
const TIMEOUT_MS = 180_000;
const TRANSFERS = { quick: 300_000, full: 3_000_000 } as const;

type Line = Readonly<{ figure: string; value: number; unit: string }>;

export async function measureArchive(bench: BenchContext): Promise<void> {
  if (!bench.wants("archive")) return;
  const env = { ...process.env, TMPDIR: bench.newFolder() };
  const transfers = bench.options.quick ? TRANSFERS.quick : TRANSFERS.full;
  const args = [PROGRAM, String(transfers)];
  const fsyncUs = [bench.fsyncUs()];
  const said = await run(process.execPath, args, { timeoutMs: TIMEOUT_MS, env });
  for (const line of said.split("\n").filter((each) => each.startsWith("{"))) {
    const { figure, value, unit } = JSON.parse(line) as Line;
    const name = figure.replace(/^archive_/, "archive.");
    bench.emit({ name, unit, settings: { transfers }, runs: [value], fsyncUs });
  }
}
