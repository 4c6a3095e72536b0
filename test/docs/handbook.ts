/** Parses docs/OPERATIONS.md: the blocks of commands, and the texts of its alarms. */
import { readFileSync } from "node:fs";

export const HANDBOOK = readFileSync(new URL("../../docs/OPERATIONS.md", import.meta.url), "utf8");

export type Block = Readonly<{
  kind: "sh" | "console";
  /** Why a test cannot run it; absent: it can. */
  noRun: string | undefined;
  /** The heading above it. */
  section: string;
  line: number;
  text: string;
}>;

/** One command of a transcript and its expected output: `…` matches any text, on its own line any number of lines. */
export type TranscriptStep = Readonly<{ command: string; printed: readonly string[] }>;

/** All blocks of commands of a document, in order. */
export function blocksOf(document: string): readonly Block[] {
  const blocks: Block[] = [];
  let section = "";
  let open: { info: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of document.split("\n").entries()) {
    const fence = /^```(.*)$/.exec(line)?.[1];
    if (open === undefined) {
      section = /^#+ (.*)$/.exec(line)?.[1] ?? section;
      if (fence !== undefined) open = { info: fence, line: index + 1, lines: [] };
    } else if (fence === undefined) open.lines.push(line);
    else {
      const [, kind, , noRun] = /^(sh|console)( no-run: *(.*))?$/.exec(open.info) ?? [];
      if (kind === "sh" || kind === "console")
        blocks.push({ kind, noRun, section, line: open.line, text: `${open.lines.join("\n")}\n` });
      open = undefined;
    }
  }
  return blocks;
}

export function stepsOf(transcript: string): readonly TranscriptStep[] {
  const steps: { command: string; printed: string[] }[] = [];
  for (const line of transcript.trimEnd().split("\n")) {
    if (line.startsWith("$ ")) steps.push({ command: line.slice(2), printed: [] });
    else steps.at(-1)?.printed.push(line);
  }
  return steps;
}

export function matches(printed: readonly string[], text: string): boolean {
  const lines = printed.map((line) => (line === "…" ? "(?:.*\n)*" : `${patternOf(line)}\n`));
  return new RegExp(`^${lines.join("")}$`).test(text);
}

/** The source of a regular expression for a text in which `…` matches anything. */
function patternOf(text: string): string {
  return text
    .split("…")
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
}

/** The texts in one column, by default the first, of the tables below a heading. */
export function alarmsBelow(heading: string, column = 0): readonly RegExp[] {
  const from = HANDBOOK.indexOf(`### ${heading}\n`);
  if (from < 0) throw new Error(`there is no heading "${heading}"`);
  const section = HANDBOOK.slice(from + 1).split(/\n#{2,3} /, 1)[0] as string;
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.flatMap((row) => {
    const cell = row.split("|")[column + 1] ?? "";
    return [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => new RegExp(`^${patternOf(text as string)}$`));
  });
}
