/** The generated parts of documents: tables, and the blocks that a program writes between two markers. */

const END = "<!-- end of figures -->";

/**
 * Replaces what is between `begin` and the next end marker. All other text stays.
 * @throws Error if the document has no such markers.
 */
export function withBlock(text: string, begin: string, block: string): string {
  const { start, end } = placeOf(text, begin);
  return `${text.slice(0, start)}\n\n${block}\n\n${text.slice(end)}`;
}

/** The text between `begin` and the next end marker. @throws Error if there are no such markers. */
export function blockOf(text: string, begin: string): string {
  const { start, end } = placeOf(text, begin);
  return text.slice(start, end).trim();
}

function placeOf(text: string, begin: string) {
  const start = text.indexOf(begin) + begin.length;
  const end = text.indexOf(END, start);
  const next = text.indexOf("<!--", start);
  if (start < begin.length || end < 0 || next < end)
    throw new Error(`the document has lost its markers: ${begin} and ${END}`);
  return { start, end };
}

/** Padded, so that it is a table in a terminal too. The first column is aligned to the left, the others to the right. */
export function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, no) =>
    Math.max(title.length, ...rows.map((row) => row[no]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, no) => (no === 0 ? cell.padEnd(widths[no] ?? 0) : cell.padStart(widths[no] ?? 0))).join(" | ")} |`;
  const rule = `|${widths.map((width, no) => (no === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(titles), rule, ...rows.map(line)].join("\n");
}
