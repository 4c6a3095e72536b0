/** The rules and dashboards of `deploy/`, with a real Prometheus that scrapes a real server under load. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { Load } from "../support/load.ts";
import { prometheusPrograms } from "../support/programs.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import { Client, makePartner, operator, ServerProcess } from "../support/server.ts";
import { until } from "../support/until.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy");
const RULES = join(DEPLOY, "prometheus/rules.yml");
const HANDBOOK = readFileSync(join(import.meta.dirname, "../../docs/OPERATIONS.md"), "utf8");

type Rule = Readonly<{ alert: string; expr: string; for?: string; labels: { severity: string } }>;
type Panel = Readonly<{ title: string; targets: readonly Readonly<{ expr: string }>[] }>;

const rules = (parse(readFileSync(RULES, "utf8")) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const panels = globSync("grafana/dashboards/*.json", { cwd: DEPLOY }).flatMap((file) => {
  const { panels: all } = JSON.parse(readFileSync(join(DEPLOY, file), "utf8")) as { panels: Panel[] };
  return all.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => [file, title, expr.replaceAll("$shard", "0")] as const),
  );
});

/** An alarm's expression up to its comparison, so that it has a value while nothing is wrong. */
function valueOf(expr: string): string {
  return expr.replace(/ (>|==|<) [0-9e.]+( and .*)?$/, "");
}

/** What only some servers have, or only after something has happened, or after a minute. */
const ABSENT =
  /daybook_(log_replicas|snapshot_|quota_exceeded|refusals_total|statistics_|in_transit|webhook)|status=~"5|daybook_statistics"|\/events/;

type Series = Readonly<{ metric: Readonly<Record<string, string>> }>;

class Prometheus {
  readonly folder = makeScratchFolder("daybook-prometheus");
  readonly #child: ChildProcess;
  readonly #address: string;

  private constructor(port: number, target: string) {
    this.#address = `127.0.0.1:${port}`;
    const config = join(this.folder, "prometheus.yml");
    const global = "global: { scrape_interval: 1s, evaluation_interval: 1s }";
    const scrape = `scrape_configs: [{ job_name: daybook, static_configs: [{ targets: ["${target}"] }] }]`;
    writeFileSync(config, `${global}\nrule_files: ["${RULES}"]\n${scrape}\n`);
    const flags = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(this.folder, "data")}`,
      `--web.listen-address=${this.#address}`,
      "--log.level=error",
    ];
    this.#child = spawn(prometheusPrograms().prometheus, flags, { stdio: "inherit" });
  }

  static async start(target: string): Promise<Prometheus> {
    // A port of the range that the system gives to nobody.
    const prometheus = new Prometheus(20_000 + (process.pid % 10_000), target);
    await until("Prometheus is ready", async () => (await fetch(`http://${prometheus.#address}/-/ready`)).ok);
    return prometheus;
  }

  /** Number of series that the expression has at this moment. */
  async seriesOf(expr: string): Promise<number> {
    return (await this.query(expr)).length;
  }

  /** The series that the expression has at this moment, each with its labels in `metric`. */
  async query(expr: string): Promise<readonly Series[]> {
    const response = await fetch(`http://${this.#address}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const { status, data } = (await response.json()) as { status: string; data: { result: Series[] } };
    if (status !== "success") throw new Error(`${expr}: ${JSON.stringify(data)}`);
    return data.result;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await once(this.#child, "exit");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The exit code of the tool, with what it says if that is not 0. */
function promtool(args: readonly string[], input = "") {
  const { status, stdout, stderr } = spawnSync(prometheusPrograms().promtool, args, {
    encoding: "utf8",
    input,
  });
  return status === 0 ? 0 : [status, stdout, stderr];
}

describe("a server under load", () => {
  const folder = makeScratchFolder("daybook-monitored");
  let server: ServerProcess;
  let prometheus: Prometheus;
  let load: Load;

  beforeAll(async () => {
    server = ServerProcess.launch({
      DATA_DIR: folder,
      SHARDS: "2",
      GATEWAYS: "2",
      TOPUP_OPERATOR: "simulated:",
    });
    await server.serving();
    const partnerKey = await makePartner(operator(server));
    await new Client(server.url, partnerKey).ask("POST", "/v1/loyalty/members", { id: "ann" });
    load = new Load({ partnerKey, owners: 6, acrossShards: 2 });
    await load.open(server.url);
    prometheus = await Prometheus.start(new URL(server.url).host);
    load.begin(server.url, 4);
    // Rates need two scrapes, and some values are measured for ten seconds.
    await until(
      "Prometheus has rates",
      async () => (await prometheus.seriesOf("rate(daybook_batches_total[5m]) > 0")) === 2,
      60_000,
    );
  });

  afterAll(async () => {
    await load?.stop();
    await prometheus?.stop();
    await server?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  test("every expression of a dashboard has data", async () => {
    expect(panels.length).toBeGreaterThan(40);
    for (const [file, title, expr] of panels) {
      if (ABSENT.test(expr)) continue;
      expect(await prometheus.seriesOf(expr), `${file}: ${title}: ${expr}`).toBeGreaterThan(0);
    }
  });

  test("every alarm has data, and none fires", async () => {
    expect(rules.length).toBeGreaterThan(25);
    for (const { alert, expr } of rules) {
      if (!ABSENT.test(expr))
        expect(await prometheus.seriesOf(valueOf(expr)), `${alert}: ${expr}`).toBeGreaterThan(0);
    }
    const firing = await prometheus.query('ALERTS{alertstate="firing"}');
    expect(firing.map(({ metric }) => metric["alertname"])).toEqual([]);
  });

  test("the metrics are well formed", async () => {
    const input = await (await fetch(`${server.url}/metrics`)).text();
    expect(promtool(["check", "metrics"], input)).toBe(0);
  });
});

test("rules and configuration are valid", () => {
  expect(promtool(["check", "rules", RULES])).toBe(0);
  expect(promtool(["check", "config", join(DEPLOY, "prometheus/prometheus.yml")])).toBe(0);
});

test("each alarm fires when what it watches for happens, and the handbook has it", () => {
  const files = globSync("prometheus/*.test.yml", { cwd: DEPLOY }).map((file) => join(DEPLOY, file));
  expect(promtool(["test", "rules", ...files])).toBe(0);
  const tested = files.map((file) => readFileSync(file, "utf8")).join("\n");
  for (const { alert, expr, for: time } of rules) {
    expect(tested).toContain(`alertname: ${alert}\n`);
    const shown = `\`${expr}\`${time === undefined ? "" : ` for ${Number.parseInt(time, 10)} min`}`;
    expect(HANDBOOK).toContain(shown);
  }
});
