import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { alarmsOf, countersOf, GAUGE_RULES, INCREASE_RULES } from "../../../src/http/pages/console/alarms.ts";
import { MetricsText } from "../../../src/http/pages/console/metrics-text.ts";

type Rule = Readonly<{
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string };
}>;
const file = new URL("../../../deploy/prometheus/rules.yml", import.meta.url);
const { groups } = parse(readFileSync(file, "utf8")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);

function expectRule(alert: string, severity: string, summary: string, expr: string): void {
  expect(rules).toContainEqual(
    expect.objectContaining({ alert, expr, labels: { severity }, annotations: { summary } }),
  );
}

test.each(GAUGE_RULES)("the console judges $alert by $metric as Prometheus does", (rule) => {
  expectRule(rule.alert, rule.severity, rule.summary, `${rule.metric} ${rule.is} ${rule.bound}`);
});

test.each(INCREASE_RULES)("the console judges $alert by the growth of $metric as Prometheus does", (rule) => {
  const expr = `increase(${rule.metric}[${rule.window}]) > ${rule.bound}`;
  expectRule(rule.alert, rule.severity, rule.summary, expr);
});

describe("an alarm", () => {
  const quiet = new MetricsText(
    'daybook_ready 1\ndaybook_books_balanced 1\ndaybook_mailbox_depth{shard="0"} 3\n',
  );

  test("is silent while all is well", () => {
    expect(alarmsOf(quiet, countersOf(quiet))).toEqual([]);
  });

  test("names the metric, its value and the shard", () => {
    const full = new MetricsText(
      'daybook_mailbox_depth{shard="0"} 3\ndaybook_mailbox_depth{shard="1"} 12500\n',
    );
    expect(alarmsOf(full, {})).toEqual([
      {
        alert: "RequestsQueue",
        severity: "ticket",
        summary: "requests queue",
        detail: "daybook_mailbox_depth is 12500 on shard 1",
      },
    ]);
  });

  test("may compare a metric with another one of the same shard", () => {
    const required =
      'daybook_log_replicas_required{shard="0"} 2\ndaybook_log_replicas_required{shard="1"} 1\n';
    const following = 'daybook_log_replicas{shard="0"} 2\ndaybook_log_replicas{shard="1"}';
    expect(alarmsOf(new MetricsText(`${required}${following} 1\n`), {})).toEqual([]);
    expect(alarmsOf(new MetricsText(`${required}${following} 0\n`), {})).toMatchObject([
      { alert: "TooFewReplicas", detail: "daybook_log_replicas is 0 on shard 1" },
    ]);
  });

  test("of a counter counts from when the console began to watch", () => {
    const later = new MetricsText("daybook_snapshot_failures_total 5\n");
    expect(alarmsOf(later, { daybook_snapshot_failures_total: 5 })).toEqual([]);
    expect(alarmsOf(later, { daybook_snapshot_failures_total: 4 }).map(({ alert }) => alert)).toEqual([
      "SnapshotsFail",
    ]);
  });
});
