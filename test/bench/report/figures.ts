/** The cells of a table: names of figures, and how they are shown. */
import type { Figure } from "../measurement.ts";

/** A text, or a figure that a run has to measure. */
export type Cell = string | FigureCell;

export type FigureCell = Readonly<{
  figure: string;
  show: (figure: Figure) => string;
  /** A dash replaces it if it was not measured: CPU times need /proc. */
  optional?: boolean;
}>;

/** The median of the runs, with the lowest and the highest in brackets. */
export function spread(figure: string): FigureCell {
  return { figure, show: spreadText };
}

function spreadText({ value, min, max }: Figure): string {
  if (min === max) return numberText(value);
  return `${numberText(value)} (${numberText(min)} – ${numberText(max)})`;
}

export function middle(figure: string): FigureCell {
  return { figure, show: ({ value }) => numberText(value) };
}

export function cpu(figure: string): FigureCell {
  return { ...middle(`${figure}.cpu`), optional: true };
}

/** The CPU time of a part of the server in the last run; a dash if it has no such part. */
export function cpuPart(figure: string, part: string): FigureCell {
  const show = ({ settings }: Figure) => {
    const us = settings[`cpu_us_${part}`];
    return typeof us === "number" ? numberText(us) : "–";
  };
  return { figure: `${figure}.cpu`, show, optional: true };
}

/** Three significant digits: further ones differ from run to run. */
function numberText(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
