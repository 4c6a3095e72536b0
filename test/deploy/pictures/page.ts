/** Draws a dashboard as one page of HTML, with SVG for its graphs. */
import { type Dashboard, type Panel, type Series, ticksOf, valueText } from "./panel.ts";

/** Of a column of the grid, which has 24, and of a row, in pixels. */
const COLUMN = 60;
const ROW = 34;
const GAP = 8;
const HEAD = 48;
const MARGIN = 16;

const COLOURS = [
  "#73bf69",
  "#f2cc0c",
  "#5794f2",
  "#ff9830",
  "#f2495c",
  "#b877d9",
  "#5ac8c8",
  "#ff85b3",
  "#a0a7b8",
  "#c4b454",
] as const;
const LEGENDS_MAX = 10;
const LABEL_WIDTH = 74;
const CHAR_WIDTH = 6.6;

const STYLE = `
  body { margin: 0; background: #111217; color: #ccccdc; font: 12px Inter, "DejaVu Sans", Helvetica, Arial, sans-serif; }
  header { height: ${HEAD}px; display: flex; align-items: center; justify-content: space-between; padding: 0 ${MARGIN}px;
    border-bottom: 1px solid #24262d; background: #181b1f; }
  header b { font-size: 16px; font-weight: 600; color: #fff; }
  header span { color: #8e8ea0; }
  section { position: absolute; box-sizing: border-box; background: #181b1f; border: 1px solid #26282f; border-radius: 3px;
    overflow: hidden; }
  h2 { margin: 0; padding: 8px 10px 0; font-size: 13px; font-weight: 600; color: #d8d9e6; height: 18px; }
  .value { display: flex; align-items: center; justify-content: center; height: calc(100% - 34px); color: #73bf69;
    font-size: 32px; font-weight: 600; white-space: nowrap; }
  .none { display: flex; align-items: center; justify-content: center; height: calc(100% - 40px); color: #6e6e80; }
  .legend { padding: 0 10px; height: 38px; overflow: hidden; line-height: 18px; color: #b4b5c8; }
  .legend span { display: inline-block; margin-right: 14px; white-space: nowrap; }
  .legend i { display: inline-block; width: 12px; height: 4px; border-radius: 2px; margin: 0 6px 2px 0; }
  .legend em { color: #fff; font-style: normal; margin-left: 6px; }
  svg { display: block; }`;

export type Drawn = Readonly<{ html: string; width: number; height: number }>;

/** @param seriesOf what each panel shows, in the order of the panels. */
export function drawDashboard(
  { title, panels }: Dashboard,
  seriesOf: readonly (readonly Series[])[],
  range: Readonly<{ fromS: number; toS: number }>,
): Drawn {
  const width = 24 * COLUMN + 2 * MARGIN;
  const bottom = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h));
  const height = HEAD + bottom * ROW + 2 * MARGIN;
  const sections = panels.map((panel, i) => drawPanel(panel, seriesOf[i] ?? [], range)).join("");
  const minutes = Math.round((range.toS - range.fromS) / 60);
  const html = `<!doctype html><meta charset="utf-8"><style>${STYLE}</style>
    <header><b>${escaped(title)}</b><span>last ${minutes} minutes</span></header>${sections}`;
  return { html, width, height };
}

function drawPanel(panel: Panel, series: readonly Series[], range: Readonly<{ fromS: number; toS: number }>) {
  const { x, y, w, h } = panel.gridPos;
  const width = w * COLUMN - GAP;
  const height = h * ROW - GAP;
  const place = `left:${MARGIN + x * COLUMN}px;top:${HEAD + MARGIN + y * ROW}px;width:${width}px;height:${height}px`;
  const inner =
    panel.type === "stat" ? drawStat(panel, series) : drawGraph(panel, series, range, width, height);
  return `<section style="${place}"><h2>${escaped(panel.title)}</h2>${inner}</section>`;
}

function drawStat({ fieldConfig, targets }: Panel, [first]: readonly Series[]): string {
  const newest = first?.points.at(-1);
  if (first === undefined || newest === undefined) return `<div class="none">No data</div>`;
  // The version is a label, its value is always 1.
  const version = /build_info/.test(targets[0]?.expr ?? "") ? first.labels["version"] : undefined;
  return `<div class="value">${escaped(version ?? valueText(newest[1], fieldConfig.defaults.unit))}</div>`;
}

function newestOf({ points }: Series): number {
  return points.at(-1)?.[1] ?? 0;
}

function drawGraph(
  { fieldConfig }: Panel,
  series: readonly Series[],
  range: Readonly<{ fromS: number; toS: number }>,
  width: number,
  height: number,
): string {
  const shown = series
    .filter(({ points }) => points.length > 0)
    .toSorted((a, b) => newestOf(b) - newestOf(a))
    .slice(0, LEGENDS_MAX);
  if (shown.length === 0) return `<div class="none">No data</div>`;
  const { unit, min } = fieldConfig.defaults;
  const values = shown.flatMap(({ points }) => points.map(([, value]) => value));
  const low = Math.min(min ?? Number.POSITIVE_INFINITY, ...values);
  const highest = Math.max(...values);
  const ticks = ticksOf(low, highest > low ? highest * 1.02 : low + 1, unit === "bytes" ? 1024 : 10);
  const plot = { left: LABEL_WIDTH, top: 12, right: width - 14, bottom: height - 26 - 40 - 22 };
  const [bottomValue = 0, topValue = 1] = [ticks[0], ticks.at(-1)];
  const yOf = (value: number) =>
    plot.bottom - ((value - bottomValue) / (topValue - bottomValue)) * (plot.bottom - plot.top);
  const xOf = (atS: number) =>
    plot.left + ((atS - range.fromS) / (range.toS - range.fromS)) * (plot.right - plot.left);
  const grid = ticks.map(
    (value) =>
      `<line x1="${plot.left}" x2="${plot.right}" y1="${yOf(value)}" y2="${yOf(value)}" stroke="#2a2c34"/>` +
      `<text x="${plot.left - 8}" y="${yOf(value) + 4}" text-anchor="end" fill="#9a9bb0" font-size="11">${valueText(value, unit)}</text>`,
  );
  const lines = shown.map(({ points }, i) =>
    drawLine(points, xOf, yOf, yOf(Math.max(bottomValue, 0)), colourOf(i)),
  );
  return `<svg width="${width}" height="${height - 26 - 40}">${grid.join("")}${drawTimes(range, xOf, plot)}${lines.join("")}</svg>
    <div class="legend">${drawLegend(shown, unit, width)}</div>`;
}

function drawLine(
  points: Series["points"],
  xOf: (atS: number) => number,
  yOf: (value: number) => number,
  baseY: number,
  colour: string,
): string {
  const places = points.map(([atS, value]) => `${xOf(atS).toFixed(1)},${yOf(value).toFixed(1)}`);
  const [firstX, lastX] = [points[0], points.at(-1)].map((point) => xOf(point?.[0] ?? 0).toFixed(1));
  return (
    `<polygon points="${firstX},${baseY} ${places.join(" ")} ${lastX},${baseY}" fill="${colour}" opacity="0.09"/>` +
    `<polyline points="${places.join(" ")}" fill="none" stroke="${colour}" stroke-width="1.6" stroke-linejoin="round"/>`
  );
}

function drawTimes(
  { fromS, toS }: Readonly<{ fromS: number; toS: number }>,
  xOf: (atS: number) => number,
  { top, bottom }: Readonly<{ top: number; bottom: number }>,
): string {
  const step = [15, 30, 60, 120, 300].find((each) => (toS - fromS) / each <= 7) ?? 600;
  const marks: string[] = [];
  // A label needs room on both sides.
  for (let atS = Math.ceil(fromS / step) * step; atS <= toS - step / 3; atS += step) {
    const text = new Date(atS * 1000).toISOString().slice(11, step < 60 ? 19 : 16);
    marks.push(
      `<line x1="${xOf(atS)}" x2="${xOf(atS)}" y1="${top}" y2="${bottom}" stroke="#202229"/>` +
        `<text x="${xOf(atS)}" y="${bottom + 17}" text-anchor="middle" fill="#9a9bb0" font-size="11">${text}</text>`,
    );
  }
  return marks.join("");
}

/** Two lines at most: what does not fit is counted. */
function drawLegend(series: readonly Series[], unit: string, width: number): string {
  let room = 2 * (width - 40);
  const parts: string[] = [];
  for (const [i, { legend, points }] of series.entries()) {
    const value = valueText(points.at(-1)?.[1] ?? 0, unit);
    room -= (legend.length + value.length) * CHAR_WIDTH + 44;
    if (room < 60 && i < series.length - 1) {
      parts.push(`<span>+ ${series.length - i}</span>`);
      break;
    }
    parts.push(`<span><i style="background:${colourOf(i)}"></i>${escaped(legend)}<em>${value}</em></span>`);
  }
  return parts.join("");
}

function colourOf(i: number): string {
  return COLOURS[i % COLOURS.length] as string;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
