/** The generated part of docs/threads-vs-processes.md. Its prose is written by hand and stays. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(new URL("../../docs/threads-vs-processes.md", import.meta.url));
const BEGIN = "<!-- figures: npm run stress -- --doc -->";
const END = "<!-- end of figures -->";

export function writeFigures(figures: string): void {
  writeFileSync(FILE, withFigures(documentText(), figures));
}

export function documentText(): string {
  return readFileSync(FILE, "utf8");
}

/** @throws Error if the document has no place for them */
export function withFigures(text: string, figures: string): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${FILE} has lost its markers: ${BEGIN} and ${END}`);
  return `${text.slice(0, begin + BEGIN.length)}\n\n${figures}\n\n${text.slice(end)}`;
}
