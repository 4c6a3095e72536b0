// The charts: of the console's overview, to which each sample that the page gets adds a point, and of statistics, with one
// line for each series.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const numbers = new Intl.NumberFormat();

const axis = (more) => ({
  stroke: colour("--chart-text"),
  grid: { stroke: colour("--chart-grid"), width: 1 },
  ticks: { show: false },
  font: "12px system-ui, sans-serif",
  ...more,
});
const amounts = (size) => axis({ values: (_, at) => at.map((value) => numbers.format(value)), size });

/** Draws the chart, and draws it anew when colours change. `options`: those of uPlot but the size. @returns the chart of now */
function draw(place, data, height, options) {
  const size = () => ({ width: place.clientWidth, height });
  const create = () => new uPlot({ ...size(), padding: [12, 8, 0, 0], ...options() }, data, place);
  let chart = create();
  const redraw = () => {
    chart.destroy();
    chart = create();
  };
  document.addEventListener("daybook:theme", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new ResizeObserver(() => chart.setSize(size())).observe(place);
  return () => chart;
}

const POINTS_MAX = 600;

function drawLive(place) {
  const data = JSON.parse(place.dataset.points).map((values) => [...values]);
  const hours = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
  const seconds = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
  const times = (_, at) => at.map((s) => (s % 60 === 0 ? hours : seconds).format(s * 1000));
  const chart = draw(place, data, 240, () => ({
    cursor: { y: false, points: { size: 8 } },
    legend: { show: false },
    scales: {
      x: { time: true, range: (_, low, high) => [Math.min(low ?? 0, (high ?? 0) - 60), high ?? 1] },
      y: { range: (_, __, high) => [0, Math.max(10, (high ?? 0) * 1.15)] },
    },
    axes: [axis({ values: times, space: 90, size: 32 }), amounts(60)],
    series: [
      {},
      {
        label: "Commands / s",
        stroke: colour("--accent-line"),
        fill: colour("--accent-fill"),
        width: 2,
        points: { show: false },
      },
    ],
  }));
  document.addEventListener("htmx:after:swap", () => {
    const { at, rate } = document.querySelector("#live [data-at]")?.dataset ?? {};
    if (at === undefined || Number(at) <= (data[0].at(-1) ?? 0)) return;
    data[0].push(Number(at));
    data[1].push(Number(rate));
    for (const values of data) values.splice(0, values.length - POINTS_MAX);
    chart().setData(data);
  });
}

const LINES = ["--accent-line", "--chart-second", "--chart-third", "--chart-fourth"];

function drawSeries(place) {
  const data = JSON.parse(place.dataset.points);
  const names = JSON.parse(place.dataset.names);
  draw(place, data, 320, () => ({
    scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(10, (high ?? 0) * 1.1)] } },
    axes: [axis(), amounts(80)],
    series: [
      {},
      ...names.map((name, i) => ({
        label: name.replaceAll("_", " "),
        stroke: colour(LINES[i % LINES.length]),
        width: 2,
        points: { show: data[0].length < 3 },
      })),
    ],
  }));
}

for (const [id, drawn] of [
  ["chart", drawLive],
  ["series-chart", drawSeries],
]) {
  const place = document.getElementById(id);
  if (place !== null) drawn(place);
}
