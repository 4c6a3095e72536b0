/** Writes the tables of docs/BENCHMARKS.md between their markers. The text around them is written by hand and stays. */
import { markdownTable, withBlock } from "../../support/markdown.ts";
import type { Figure } from "../measurement.ts";
import { BLOCKS, type Block, SHORT } from "./blocks.ts";
import type { Cell, FigureCell } from "./figures.ts";
import { type Origin, originLine, originText } from "./origin.ts";

export type Figures = ReadonlyMap<string, Figure>;

/** The line before the tables of a block. */
export function beginOf({ name }: Block): string {
  return `<!-- figures of ${name}: npm run bench -- --report --only ${name} -->`;
}

/**
 * All blocks, or the block of this name, or those with figures whose name begins with this. The short block is only
 * chosen by its name, since its figures are also in others.
 */
export function blocksFor(only: string): readonly Block[] {
  if (only === "") return BLOCKS;
  const named = BLOCKS.filter(({ name }) => name === only);
  if (named.length > 0) return named;
  return BLOCKS.filter((block) => block !== SHORT && figuresOf(block).some((name) => name.startsWith(only)));
}

/** The names of all figures of a block. */
export function figuresOf(block: Block): readonly string[] {
  return cellsOf(block).map(({ figure }) => figure);
}

/** The figures that the block cannot be without, and that were not measured. */
export function missingFrom(block: Block, figures: Figures): readonly string[] {
  return cellsOf(block).flatMap(({ figure, optional }) =>
    optional === true || figures.has(figure) ? [] : [figure],
  );
}

/** The tables of a block and where they come from. @throws Error if a figure is missing. */
export function blockText(block: Block, figures: Figures, origin: Origin): string {
  const missing = missingFrom(block, figures);
  if (missing.length > 0) throw new Error(`${block.name} lacks ${missing.join(", ")}`);
  const text = (cell: Cell) => (typeof cell === "string" ? cell : shown(cell, figures));
  const tables = block.tables.map(({ titles, rows }) =>
    markdownTable(
      titles,
      rows.map((row) => row.map(text)),
    ),
  );
  return [...tables, block === SHORT ? originText(origin) : originLine(origin)].join("\n\n");
}

/** The page with these blocks. @throws Error if it lacks the markers of one. */
export function withBlocks(page: string, blocks: readonly Block[], figures: Figures, origin: Origin): string {
  return blocks.reduce(
    (text, block) => withBlock(text, beginOf(block), blockText(block, figures, origin)),
    page,
  );
}

function cellsOf({ tables }: Block): readonly FigureCell[] {
  return tables.flatMap(({ rows }) => rows.flat()).filter((cell) => typeof cell !== "string");
}

function shown({ figure, show }: FigureCell, figures: Figures): string {
  const found = figures.get(figure);
  return found === undefined ? "–" : show(found);
}
