/** The generated part of docs/threads-vs-processes.md. Its prose is written by hand and stays. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { withBlock } from "../support/markdown.ts";

const FILE = fileURLToPath(new URL("../../docs/threads-vs-processes.md", import.meta.url));
const BEGIN = "<!-- figures: npm run stress -- --doc -->";

export function writeFigures(figures: string): void {
  writeFileSync(FILE, withFigures(documentText(), figures));
}

export function documentText(): string {
  return readFileSync(FILE, "utf8");
}

/** @throws Error if the document has no place for them. */
export function withFigures(text: string, figures: string): string {
  return withBlock(text, BEGIN, figures);
}
