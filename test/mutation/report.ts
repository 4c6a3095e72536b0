/** What became of the mutants, file by file. */
import type { Results } from "./plan.ts";
import type { Mutant } from "./sites.ts";

const SHOWN_MAX = 150;

export function reportOf(tried: readonly Mutant[], { killed, ended, met }: Results): string {
  const reached = new Set(met);
  const lines: string[] = [];
  const table: string[] = [];
  const files = Map.groupBy(tried, ({ file }) => file);
  for (const [file, mutants] of [...files, ["all", tried] as const]) {
    const survivors = mutants.filter(({ id }) => killed[id] === undefined);
    const slow = mutants.filter(({ id }) => ended.includes(id));
    table.push(lineOf(file, mutants.length, survivors.length, slow.length));
    if (file === "all") continue;
    for (const mutant of survivors)
      lines.push(`${textOf(mutant)}${reached.has(mutant.id) ? "" : "  (no test came by)"}`);
    for (const mutant of slow) lines.push(`${textOf(mutant)}  (killed by time-out: ${killed[mutant.id]})`);
  }
  return `\n${lines.join("\n")}\n\n${table.join("\n")}\n`;
}

function lineOf(file: string, count: number, survivors: number, slow: number): string {
  const score = (100 * (count - survivors)) / Math.max(1, count);
  const killed = `${`${count - survivors}`.padStart(6)} killed${slow === 0 ? "" : ` (${slow} by time-out)`}`;
  return `${file.padEnd(55)} ${killed} ${`${survivors}`.padStart(6)} survived ${score.toFixed(1).padStart(6)} %`;
}

function textOf({ file, line, was, is }: Mutant): string {
  return `${file}:${line}: ${shown(was)} => ${is === "" ? "nothing" : shown(is)}`;
}

function shown(text: string): string {
  const short = text.replace(/\s+/g, " ");
  return short.length > SHOWN_MAX ? `${short.slice(0, SHOWN_MAX)} …` : short;
}
