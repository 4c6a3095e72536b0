/** `daybook wal tail`: the newest records, later ones, and a log that is away for a while. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makePartner, operator } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { CliProcess, daybook } from "../cli.ts";
import { type ServedLog, STORES, testLog, writeSomething } from "../served-log.ts";

const FOLLOW_MS_MAX = 30_000;

/** Starts to follow, and waits until the present records were printed. */
async function follow(log: ServedLog): Promise<CliProcess> {
  const tail = new CliProcess(["wal", "tail", "-f", "-n", "1"], log.env);
  await until("the newest record is shown", () => tail.stdout.includes("\n"), FOLLOW_MS_MAX);
  return tail;
}

describe.each(STORES)("on %s", (store) => {
  test("-f shows new records until Ctrl-C, across a restart of the server", async () => {
    const log = await testLog(store);
    const tail = await follow(log);
    expect(tail.stdout).toMatch(/create_partner +acme/);
    await makePartner(operator(log.server), "beta");
    await until("beta is shown", () => /create_partner +beta/.test(tail.stdout), FOLLOW_MS_MAX);
    log.server.signal("SIGTERM");
    await log.server.exited;
    const second = await log.serveAgain();
    await until("both claims are shown", () => tail.stdout.match(/claim/g)?.length === 2, FOLLOW_MS_MAX);
    await makePartner(operator(second), "gamma");
    await until("gamma is shown", () => /create_partner +gamma/.test(tail.stdout), FOLLOW_MS_MAX);
    tail.child.kill("SIGINT");
    const { code, lines, stderr } = await tail.ended();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(new Set(lines).size).toBe(lines.length);
  });

  test("shows the requested number of newest records of all shards, across epochs", async () => {
    const log = await testLog(store);
    await writeSomething(log.client);
    log.server.signal("SIGTERM");
    await log.server.exited;
    const second = await log.serveAgain();
    await makePartner(operator(second), "beta");
    const { lines: all } = await daybook(["wal", "ls"], log.env);
    for (const count of [0, 1, 4, 15, 1000]) {
      const { lines } = await daybook(["wal", "tail", "-n", String(count)], log.env);
      expect(lines).toEqual(count === 0 ? [] : all.slice(-count));
    }
    const { lines } = await daybook(["wal", "tail", "-n", "2", "--shard", "1"], log.env);
    expect(lines).toEqual(all.filter((line) => line.startsWith("1:")).slice(-2));
  });
});

describe("a Redis that restarts", () => {
  test("-f waits for it, with a note, and shows every record exactly once", async () => {
    const log = await testLog("redis");
    const { redis } = log;
    if (redis === undefined) throw new Error("no Redis");
    const tail = await follow(log);
    await redis.kill();
    await until("it says that it waits", () => tail.stderr.includes("waiting"), FOLLOW_MS_MAX);
    await redis.restart();
    await until("it says that Redis is back", () => tail.stderr.includes("answers again"), FOLLOW_MS_MAX);
    await until(
      "the server takes it",
      async () => {
        await makePartner(operator(log.server), "beta");
        return true;
      },
      FOLLOW_MS_MAX,
    );
    await until("beta is shown", () => /create_partner +beta/.test(tail.stdout), FOLLOW_MS_MAX);
    tail.child.kill("SIGINT");
    const { code, lines } = await tail.ended();
    expect(code).toBe(0);
    expect(new Set(lines).size).toBe(lines.length);
    expect(tail.stderr.match(/waiting/g)?.length).toBe(1);
  });

  test("-f ends with log_lost_data if records that it has shown are missing", async () => {
    const log = await testLog("redis");
    const { redis } = log;
    if (redis === undefined) throw new Error("no Redis");
    const tail = await follow(log);
    await log.server.kill();
    await redis.kill();
    rmSync(join(redis.dir, "appendonlydir"), { recursive: true });
    await redis.restart();
    const { code, stderr } = await tail.ended();
    expect(code).toBe(1);
    expect(stderr).toMatch(/has lost data: it does not exist, but \d:1-\d+ was read/);
  });
});
