/** What became of the mutants, file by file. */
import type { Results } from "./plan.ts";
import type { Mutant } from "./sites.ts";

const SHOWN_MAX = 150;

export function reportOf(tried: readonly Mutant[], { killed, met }: Results): string {
  const reached = new Set(met);
  const lines: string[] = [];
  const table: string[] = [];
  const files = Map.groupBy(tried, ({ file }) => file);
  for (const [file, mutants] of [...files, ["all", tried] as const]) {
    const survivors = mutants.filter(({ id }) => killed[id] === undefined);
    table.push(lineOf(file, mutants.length, survivors.length));
    if (file === "all") continue;
    for (const { id, line, was, is } of survivors) {
      const why = reached.has(id) ? "" : "  (no test came by)";
      lines.push(`${file}:${line}: ${shown(was)} => ${is === "" ? "nothing" : shown(is)}${why}`);
    }
  }
  return `\n${lines.join("\n")}\n\n${table.join("\n")}\n`;
}

function lineOf(file: string, count: number, survivors: number): string {
  const score = (100 * (count - survivors)) / Math.max(1, count);
  return `${file.padEnd(55)} ${`${count - survivors}`.padStart(6)} killed ${`${survivors}`.padStart(6)} survived ${score.toFixed(1).padStart(6)} %`;
}

function shown(text: string): string {
  const short = text.replace(/\s+/g, " ");
  return short.length > SHOWN_MAX ? `${short.slice(0, SHOWN_MAX)} …` : short;
}
