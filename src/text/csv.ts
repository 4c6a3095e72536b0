/** Cells of CSV (RFC 4180), quoted so that readers with `,` and readers with `;` as separator both work. */

/**
 * The places in free text where a cell could begin that a spreadsheet runs as a formula, with either separator. Some
 * spreadsheets ignore blanks and quotes before a formula, and read full-width signs as the plain ones.
 */
const FORMULA_STARTS = /(?<=^|[,;\t\r\n])(?=[\s"]*[=+\-@＝＋－＠])|^(?=[\t\r\n])/g;

/** For values that cannot be formulas: ids, numbers, fixed words. */
export function csvCell(value: string | number | bigint): string {
  const text = String(value);
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param cells as `csvCell` and `csvText` return them */
export function csvRow(cells: readonly string[], separator = ","): string {
  return `${cells.join(separator)}\r\n`;
}

/** For free text: puts an apostrophe before each formula, so that a spreadsheet treats it as text. */
export function csvText(text: string): string {
  return csvCell(text.replace(FORMULA_STARTS, "'"));
}
