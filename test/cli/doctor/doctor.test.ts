/** `daybook doctor`: the commands that it prints fix the problems that it finds. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { witnessPath } from "../../../src/wal/witness.ts";
import type { RedisServer } from "../../support/redis.ts";
import { testFolder, testRedis } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { daybook } from "../cli.ts";
import { testLog, writeSomething } from "../served-log.ts";

type Finding = Readonly<{ level: "ok" | "warning" | "problem"; text: string; advice: readonly string[] }>;
type Findings = Readonly<{ code: number | null; ok: boolean; findings: readonly Finding[] }>;

async function examine(walUrl: string, dataDir = testFolder()): Promise<Findings> {
  const { code, stdout } = await daybook(["doctor", "--json"], { WAL_URL: walUrl, DATA_DIR: dataDir });
  return { code, ...(JSON.parse(stdout) as Omit<Findings, "code">) };
}

const of = ({ findings }: Findings, level: Finding["level"]) =>
  findings.filter((finding) => finding.level === level).map(({ text }) => text);

/** Runs every `redis-cli …` command of the problems. */
async function takeAdvice(redis: RedisServer, { findings }: Findings): Promise<void> {
  const client = redis.client();
  for (const { advice } of findings.filter(({ level }) => level === "problem")) {
    for (const line of advice) {
      const typed = /^redis-cli (.*)$/.exec(line)?.[1];
      if (typed === undefined) continue;
      const [command = "", ...args] = typed.split(" ").map((word) => word.replaceAll(/["']/g, ""));
      await client.call(command, ...args);
    }
  }
}

describe("of a Redis", () => {
  test("finds no problem with the delivered configuration, only warnings that its operator must decide", async () => {
    const redis = await testRedis({ settings: { maxmemory: "64mb" } });
    const found = await examine(redis.url);
    expect(found).toMatchObject({ code: 0, ok: true });
    expect(of(found, "problem")).toEqual([]);
    expect(of(found, "ok").join("\n")).toMatch(/answers\nRedis \d|answers\nValkey \d/);
    expect(of(found, "ok").join("\n")).toContain("appendfsync always");
    expect(of(found, "ok").join("\n")).toMatch(/of maxmemory 67\.1 MB used/);
    expect(of(found, "warning").join("\n")).toContain("may DEL, RENAME, FLUSHALL");
  });

  test("prints commands for each bad setting; running them fixes all problems", async () => {
    const redis = await testRedis({
      settings: {
        appendonly: "no",
        appendfsync: "everysec",
        "no-appendfsync-on-rewrite": "yes",
        "maxmemory-policy": "allkeys-lru",
        save: "900 1",
      },
    });
    const found = await examine(redis.url);
    expect(found).toMatchObject({ code: 1, ok: false });
    const advice = found.findings.flatMap((finding) => finding.advice);
    for (const setting of [
      "appendonly yes",
      "appendfsync always",
      "no-appendfsync-on-rewrite no",
      "maxmemory-policy noeviction",
    ]) {
      expect(advice).toContain(`redis-cli CONFIG SET ${setting}`);
      expect(advice).toContain(`redis.conf: ${setting}`);
    }
    const warnings = of(found, "warning").join("\n");
    expect(warnings).toContain('save is "900 1"');
    expect(warnings).toContain("maxmemory is not set");
    const { lines, code } = await daybook(["doctor"], { WAL_URL: redis.url, DATA_DIR: testFolder() });
    expect(code).toBe(1);
    expect(lines).toContain(
      "✗ appendfsync is everysec, must be always: it answers before the disk has the data",
    );
    expect(lines).toContain("    redis-cli CONFIG SET appendfsync always");

    await takeAdvice(redis, found);
    await until("the doctor is content", async () => (await examine(redis.url)).ok, 30_000);
  });

  test("checks the rights of its user without changing anything", async () => {
    const redis = await testRedis();
    const client = redis.client();
    const reading = "+ping +info +config|get +client|setname +xrange +xrevrange +lrange +lindex";
    const users = {
      server: `${reading} +xadd +xtrim`,
      reader: reading,
      danger: `${reading} +xadd +xtrim +del`,
    };
    for (const [name, rules] of Object.entries(users)) {
      await client.acl("SETUSER", name, "on", ">secret", "~daybook:*", ...rules.split(" "));
    }
    await client.xadd("daybook:{g1s0}:wal", "1-1", "b", "kept");
    const as = (user: string, password = "secret") =>
      examine(redis.url.replace("redis+unix://", `redis+unix://${user}:${password}@localhost`));

    const server = await as("server");
    expect(of(server, "ok")).toContain("user server may append and trim");
    expect(of(server, "ok")).toContain("user server cannot delete the log (FLUSHALL: not checked)");
    const reader = await as("reader");
    expect(of(reader, "problem")).toContain("user reader may not XADD, XTRIM on daybook:*");
    await takeAdvice(redis, reader);
    expect(of(await as("reader"), "ok")).toContain("user reader may append and trim");
    const danger = await as("danger");
    expect(of(danger, "warning")).toContain("user danger may DEL: a mistake can delete the log");
    const wrong = await as("server", "wrong");
    expect(wrong.code).toBe(1);
    expect(of(wrong, "problem").join()).toContain("refuses the login");
    expect(JSON.stringify(wrong)).not.toContain("secret");

    expect(await client.keys("*")).toEqual(["daybook:{g1s0}:wal"]);
    expect(await client.xlen("daybook:{g1s0}:wal")).toBe(1);
  });

  test("reports a Redis that does not answer, with its address", async () => {
    const found = await examine(`redis+unix://${testFolder()}/no.sock`);
    expect(found).toMatchObject({ code: 1, ok: false });
    expect(of(found, "problem").join()).toMatch(/no\.sock: Redis does not answer/);
  });
});

describe("of the log", () => {
  test.each(["sqlite", "redis"] as const)(
    "on %s: reports a log that lacks a batch that DATA_DIR remembers",
    async (store) => {
      const log = await testLog(store);
      await writeSomething(log.client);
      log.server.signal("SIGTERM");
      await log.server.exited;
      const walUrl = log.env["WAL_URL"] ?? "";
      const well = await examine(walUrl, log.dataDir);
      expect(well.code).toBe(0);
      expect(of(well, "ok").filter((text) => text.includes("which DATA_DIR remembers")).length).toBe(2);
      const hash = "00".repeat(32);
      for (const [id, says] of [
        ["1-1", "has another entry as 0:1-1"],
        ["1-9999", "lacks 0:1-9999"],
      ]) {
        writeFileSync(witnessPath(log.dataDir, { generation: 1, shard: 0 }), JSON.stringify({ id, hash }));
        const found = await examine(walUrl, log.dataDir);
        expect(found.code).toBe(1);
        expect(of(found, "problem").join()).toContain(says);
      }
    },
  );

  test("reports a sqlite folder that is a file, a missing stream, and a file that is no database", async () => {
    const dir = testFolder();
    writeFileSync(join(dir, "wal"), "");
    expect(of(await examine(`sqlite:${dir}/wal`), "problem").join()).toContain("is not a folder");

    const log = await testLog("sqlite");
    log.server.signal("SIGTERM");
    await log.server.exited;
    const walUrl = log.env["WAL_URL"] ?? "";
    const file = join(log.dataDir, "wal", "g1s1.sqlite");
    rmSync(file);
    expect(of(await examine(walUrl, log.dataDir), "problem").join()).toMatch(
      /g1s1\.sqlite does not exist, but/,
    );
    writeFileSync(file, "x".repeat(10_000));
    expect(of(await examine(walUrl, log.dataDir), "problem").join()).toMatch(/file is not a database/);
  });

  test("reports which process uses a folder, or used it last", async () => {
    const log = await testLog("sqlite");
    const walUrl = log.env["WAL_URL"] ?? "";
    const inUse = `in use by process ${log.server.pid}`;
    expect(of(await examine(walUrl, log.dataDir), "ok").filter((text) => text.includes(inUse)).length).toBe(
      2,
    );
    await log.server.kill();
    expect(of(await examine(walUrl, log.dataDir), "ok").join()).toContain("no server runs on it");
    const empty = join(testFolder(), "wal");
    mkdirSync(empty);
    expect(of(await examine(`sqlite:${empty}`), "ok").join()).not.toContain("in use");
  });
});
