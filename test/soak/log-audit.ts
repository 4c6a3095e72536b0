/** Checks with `daybook` that the log is intact, and that it replays to the server's balances. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../bench/child-processes.ts";
import { PARTNER } from "./accounts.ts";
import { type AccountView, shortened } from "./comparison.ts";

const CLI = fileURLToPath(new URL("../../src/cli/daybook.ts", import.meta.url));
const RUN_MS_MAX = 120_000;

type Replayed = Readonly<{ totals: Readonly<Record<string, Readonly<{ sum: string; in_transit: string }>>> }>;

export type LogAuditOptions = Readonly<{ folder: string; walUrl: string; dataDir: string }>;

/** @param views all accounts as the server shows them, at rest. @returns faults, as sentences. */
export async function logFaults(
  { folder, walUrl, dataDir }: LogAuditOptions,
  views: readonly AccountView[],
): Promise<readonly string[]> {
  const where = ["--wal-url", walUrl, "--data-dir", dataDir, "--json"];
  const daybook = (...args: string[]) =>
    run(process.execPath, [CLI, ...args, ...where], {
      timeoutMs: RUN_MS_MAX,
      env: { PATH: process.env["PATH"] },
    });
  try {
    const { ok } = JSON.parse(await daybook("wal", "verify")) as { ok: boolean };
    const file = join(folder, "balances.csv");
    const replayed = JSON.parse(await daybook("replay", "--balances", file, "--force")) as Replayed[];
    return [
      ...(ok ? [] : ["`daybook wal verify` does not say ok."]),
      ...totalFaults(replayed),
      ...balanceFaults(readFileSync(file, "utf8"), views),
    ];
  } catch (error) {
    return [`daybook has not done it: ${String(error)}`];
  }
}

function totalFaults(replayed: readonly Replayed[]): readonly string[] {
  const assets = new Set(replayed.flatMap(({ totals }) => Object.keys(totals)));
  return [...assets].flatMap((asset) => {
    const of = (name: "sum" | "in_transit") =>
      replayed.reduce((total, { totals }) => total + BigInt(totals[asset]?.[name] ?? 0), 0n);
    const [sum, moving] = [of("sum"), of("in_transit")];
    return sum === 0n && moving === 0n
      ? []
      : [`Replayed, ${asset} comes to ${sum}, with ${moving} in transit.`];
  });
}

function balanceFaults(csv: string, views: readonly AccountView[]): readonly string[] {
  const [, ...lines] = csv.trimEnd().split("\n");
  const replayed = lines
    .map((line) => line.trimEnd())
    .filter((line) => !line.startsWith(`${PARTNER},@`))
    .toSorted();
  const shown = views
    .map(({ id, asset, status, posted, held, available, seq }) =>
      [PARTNER, id, asset, status, posted, held, available, seq].join(),
    )
    .toSorted();
  const known = new Set(shown);
  const found = replayed.filter((line) => !known.has(line)).map((line) => `Replayed, and not shown: ${line}`);
  if (replayed.length !== shown.length)
    found.push(`${replayed.length} accounts were replayed, and ${shown.length} are shown.`);
  return shortened(found);
}
