/** What the doctor finds: one line each, with what to do about it. */
import { printable } from "../text/printable.ts";
import { paint } from "./terminal.ts";

export type Finding = Readonly<{
  /** `problem`: do not serve money like this. `warning`: it works, and may not for ever. */
  level: "ok" | "warning" | "problem";
  text: string;
  /** Lines to type or to write into a file. */
  advice: readonly string[];
}>;

const MARKS = { ok: ["green", "✓"], warning: ["yellow", "!"], problem: ["red", "✗"] } as const;

export const ok = (text: string): Finding => ({ level: "ok", text, advice: [] });
export const warning = (text: string, ...advice: string[]): Finding => ({ level: "warning", text, advice });
export const problem = (text: string, ...advice: string[]): Finding => ({ level: "problem", text, advice });

export function formatFinding({ level, text, advice }: Finding): string {
  const [colour, mark] = MARKS[level];
  return [`${paint(colour, mark)} ${printable(text)}`, ...advice.map((line) => `    ${line}`)].join("\n");
}
