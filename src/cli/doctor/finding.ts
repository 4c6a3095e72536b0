/** A finding of the doctor: one line, with advice. */
import { printable } from "../../text/printable.ts";
import { paint } from "../terminal.ts";

export type Finding = Readonly<{
  /** `problem`: unsafe for money. `warning`: it works now, but may fail later. */
  level: "ok" | "warning" | "problem";
  text: string;
  /** Commands to run, or lines to put into a file. */
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
