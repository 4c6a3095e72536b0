/**
 * `npm run dashboard-pictures -- --minutes 9`: the pictures in docs/images, of the last four minutes of so many. Starts a server on Redis with its statistics
 * service under a mixed load, and a Prometheus that scrapes them; then draws each dashboard of deploy/grafana from the
 * values of its own expressions. Needs the Debian packages redis-server, prometheus and chromium.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { start, stop, waitForLine } from "../../bench/child-processes.ts";
import { makeDataFolder } from "../../bench/disk.ts";
import { startRedis } from "../../bench/redis-server.ts";
import { launchChromium } from "../../support/chromium.ts";
import { MixedLoad } from "./mixed-load.ts";
import { type Drawn, drawDashboard } from "./page.ts";
import type { Dashboard, Panel, Series } from "./panel.ts";

const ROOT = join(import.meta.dirname, "../../..");
const DASHBOARDS = join(ROOT, "deploy/grafana/dashboards");
const IMAGES = join(ROOT, "docs/images");
const OPERATOR_KEY = "operator-key-for-pictures-0123456789";
/** Ports of the range that the system gives to nobody. */
const PROMETHEUS = "127.0.0.1:20451";
const STATISTICS_PORT = "20452";
/** What is shown. Rates are over five minutes, so they grow in the first five. */
const SHOWN_S = 4 * 60;
/** Between two points of a line. */
const STEP_S = 2;

type Found = Readonly<{
  metric: Readonly<Record<string, string>>;
  values: readonly (readonly [number, string])[];
}>;

const { values: options } = parseArgs({ options: { minutes: { type: "string", default: "9" } } });
await takePictures(Number(options.minutes) * 60);
process.exit(0);

async function takePictures(seconds: number): Promise<void> {
  const folder = makeDataFolder();
  mkdirSync(IMAGES, { recursive: true });
  const redis = await startRedis(join(folder, "redis"));
  const env = {
    PATH: process.env["PATH"],
    PORT: "0",
    OPERATOR_KEY,
    WAL_URL: redis.url,
    DATA_DIR: join(folder, "data"),
    SHARDS: "2",
    LOG_LEVEL: "warn",
    SNAPSHOT_RECORDS: "60000",
    WEBHOOKS_ALLOW_PRIVATE: "true",
    STATISTICS_PORT,
  };
  const server = start(process.execPath, [join(ROOT, "src/main.ts")], { env });
  const [, url = ""] = await waitForLine(server, /serves on (http:\S+?),/);
  const statistics = start(process.execPath, [join(ROOT, "src/statistics/main.ts")], {
    env,
    stdio: "ignore",
  });
  const load = await MixedLoad.start(url, OPERATOR_KEY);
  const prometheus = startPrometheus(folder, [new URL(url).host, `127.0.0.1:${STATISTICS_PORT}`]);
  process.stderr.write(`the load runs for ${seconds} s\n`);
  await delay(seconds * 1000);
  const toS = Math.floor(Date.now() / 1000);
  await draw({ fromS: toS - SHOWN_S, toS });
  await load.stop();
  for (const each of [prometheus, statistics, server]) await stop(each);
  await redis.stop();
}

function job(name: string, target = "") {
  return { job_name: name, static_configs: [{ targets: [target] }] };
}

function startPrometheus(folder: string, [server, statistics]: readonly string[]) {
  const config = join(folder, "prometheus.yml");
  const scrape_configs = [job("daybook", server), job("daybook_statistics", statistics)];
  // JSON is YAML.
  writeFileSync(config, JSON.stringify({ global: { scrape_interval: "1s" }, scrape_configs }));
  const flags = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, "prometheus")}`,
    `--web.listen-address=${PROMETHEUS}`,
    "--log.level=error",
  ];
  return start("prometheus", flags, { stdio: "ignore" });
}

/** Draws every dashboard into a file of the same name. */
async function draw(range: Readonly<{ fromS: number; toS: number }>): Promise<void> {
  const browser = await launchChromium();
  for (const file of readdirSync(DASHBOARDS)) {
    const dashboard = JSON.parse(readFileSync(join(DASHBOARDS, file), "utf8")) as Dashboard;
    const series = await Promise.all(dashboard.panels.map((panel) => seriesOf(panel, range)));
    const { html, width, height }: Drawn = drawDashboard(dashboard, series, range);
    const page = await browser.newPage({ viewport: { width, height } });
    await page.setContent(html);
    const path = join(IMAGES, `dashboard-${file.replace(/\.json$/, "")}.png`);
    await page.screenshot({ path });
    await page.close();
    process.stderr.write(`${path}\n`);
  }
  await browser.close();
}

/** What the expressions of a panel were in this time. The dashboard of one shard shows shard 0. */
async function seriesOf(
  { targets }: Panel,
  { fromS, toS }: Readonly<{ fromS: number; toS: number }>,
): Promise<readonly Series[]> {
  const found = await Promise.all(
    targets.map(async ({ expr, legendFormat }) => {
      const query = new URLSearchParams({
        query: expr.replaceAll("$shard", "0"),
        start: String(fromS),
        end: String(toS),
        step: String(STEP_S),
      });
      const answer = await fetch(`http://${PROMETHEUS}/api/v1/query_range?${query.toString()}`);
      const { data } = (await answer.json()) as { data: { result: readonly Found[] } };
      return data.result.map(
        ({ metric, values }): Series => ({
          legend: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ""),
          labels: metric,
          points: values
            .map(([atS, value]) => [atS, Number(value)] as const)
            .filter(([, value]) => !Number.isNaN(value)),
        }),
      );
    }),
  );
  return found.flat();
}
