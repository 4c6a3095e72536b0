/** Cells of CSV (RFC 4180), quoted for readers that separate by `,` as for those that separate by `;`. */

/**
 * Where free text, for a reader of either separator, begins a cell that a spreadsheet would run as a formula. Blanks and
 * quotes before the formula do not stop every spreadsheet; it reads full-width signs as the plain ones.
 */
const FORMULA_STARTS = /(?<=^|[,;\t\r\n])(?=[\s"]*[=+\-@＝＋－＠])|^(?=[\t\r\n])/g;

/** An id, a number or a word of ours: as it is. */
export function csvCell(value: string | number | bigint): string {
  const text = String(value);
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Text that somebody has written: an apostrophe before a formula says "text" to a spreadsheet. */
export function csvText(text: string): string {
  return csvCell(text.replace(FORMULA_STARTS, "'"));
}
