/** `daybook log repair` and `daybook log accept-loss` on logs that a server wrote, on either store. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { witnessPath } from "../../../src/wal/witness.ts";
import { refusedStart } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { daybook, daybookJson } from "../cli.ts";
import { fingerprint, SHARDS, STORES, testLog, writeSomething } from "../served-log.ts";
import { balances, checkBooksOf, clientOf, transferInTurns } from "./books.ts";
import { stateOf } from "./log-state.ts";
import { archiveLoses, damageNewest, ended, loseTail } from "./lost-end.ts";

const REPORTED = /batches of the log are lost, as an operator has accepted/g;
async function written(store: (typeof STORES)[number]) {
  const log = await testLog(store);
  await writeSomething(log.client);
  await transferInTurns(log.client);
  const before = await balances(log.client);
  await ended(log);
  return { log, before };
}

describe.each(STORES)("on %s", (store) => {
  test("a log that has lost its end gets it back from the archive, and is served", async () => {
    const { log, before } = await written(store);
    const { env, dataDir } = log;
    for (let shard = 0; shard < SHARDS; shard++) await loseTail(log, shard, 3 + shard);
    const refused = await refusedStart({ ...env, SHARDS: String(SHARDS) });
    expect(refused.lines.at(-1)).toMatch(/has lost data: it held \S+ before .* or run "daybook log repair"/);

    const files = fingerprint(join(dataDir, "archive"));
    const dry = await daybook(["log", "repair", "--dry-run"], env);
    expect(dry).toMatchObject({ code: 0, stderr: "" });
    expect(dry.stdout.match(/: would append \d+ batch/g)).toHaveLength(SHARDS);
    expect((await daybook(["wal", "verify"], env)).code, "nothing was appended").toBe(1);

    const done = await daybook(["log", "repair"], env);
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(done.stdout).toBe(dry.stdout.replaceAll("would append", "appended"));
    expect(fingerprint(join(dataDir, "archive"))).toEqual(files);
    expect(await daybook(["wal", "verify"], env)).toMatchObject({ code: 0, stderr: "" });
    const again = await daybook(["log", "repair"], env);
    expect(again).toMatchObject({ code: 0, lines: dry.lines.filter((line) => line.startsWith("ok")) });
    expect((await daybook(["log", "accept-loss"], env)).stdout).toBe("nothing is lost\n");

    const server = await log.serveAgain();
    const client = clientOf(log, server);
    expect(await balances(client)).toEqual(before);
    await checkBooksOf(server, client);
  });

  test("what the archive does not hold is restored up to its end, and the rest is given up", async () => {
    const { log, before } = await written(store);
    const { env, dataDir } = log;
    for (let shard = 0; shard < SHARDS; shard++) {
      await loseTail(log, shard, 6);
      archiveLoses(log, shard, 2);
    }
    const repaired = await daybook(["log", "repair"], env);
    expect(repaired.code).toBe(1);
    expect(repaired.stdout).toMatch(/appended \d+ batches/);
    expect(repaired.stdout).toMatch(
      /BAD .* ends at (\S+), but DATA_DIR remembers \S+\n +the archive ends at \1\n/,
    );
    expect(repaired.stdout).toContain("daybook log accept-loss");

    const unanswered = await daybook(["log", "accept-loss"], env);
    expect(unanswered).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
    expect(unanswered.stdout).toMatch(/keeps everything up to \S+\. Given up: all after it, up to \S+/);
    expect(existsSync(join(dataDir, "given-up"))).toBe(false);
    expect(await refusedStart({ ...env, SHARDS: String(SHARDS) })).toMatchObject({ code: 1 });

    const accepted = await daybook(["log", "accept-loss", "--yes"], env);
    expect(accepted).toMatchObject({ code: 0, stderr: "" });
    expect(accepted.stdout).toContain("statistics -- --rebuild");
    const streams = await daybookJson<readonly { epoch: number }[]>(["wal", "info"], env);
    // The lost batches were of epoch 1: the next owner begins above all of them.
    expect(streams.map(({ epoch }) => epoch)).toEqual(Array(SHARDS).fill(2));
    expect(await daybook(["wal", "verify"], env)).toMatchObject({ code: 0, stderr: "" });
    expect(await daybook(["archive", "verify"], env)).toMatchObject({ code: 0 });
    expect((await daybook(["log", "accept-loss"], env)).stdout).toBe("nothing is lost\n");

    const server = await log.serveAgain();
    const isReported = () => server.stdout.match(REPORTED)?.length === SHARDS;
    await until("the server has reported the loss of each shard", isReported);
    const client = clientOf(log, server);
    expect(await balances(client)).not.toEqual(before);
    await checkBooksOf(server, client);
    server.signal("SIGTERM");
    await server.exited;
    const next = await log.serveAgain();
    await ended({ ...log, server: next });
    expect(next.stdout).not.toMatch(REPORTED);
    expect(readdirSync(join(dataDir, "given-up")).length).toBeGreaterThan(SHARDS);
  });

  test("a loss of which only a damaged batch of the archive tells is given up, and the archive loses that batch", async () => {
    const { log } = await written(store);
    damageNewest(log, 0);
    const left = await loseTail(log, 0, 1);
    rmSync(witnessPath(log.dataDir, { generation: 1, shard: 0 }));
    const accepted = await daybook(["log", "accept-loss", "--yes"], log.env);
    expect(accepted).toMatchObject({ code: 0, stderr: "" });
    expect(accepted.stdout).toContain(`the archive remembers 0:${left.epoch}-${left.seq + 1}`);
    expect((await stateOf(log)).archived).not.toContain(`0:${left.epoch}-${left.seq + 1}`);
    expect(await daybook(["archive", "verify"], log.env)).toMatchObject({ code: 0 });
    const server = await log.serveAgain();
    await checkBooksOf(server, clientOf(log, server));
  });

  test("one shard's loss takes with it what other shards have had of it", async () => {
    const { log } = await written(store);
    const { env } = log;
    await loseTail(log, 0, 8);
    const refused = await daybook(["log", "accept-loss", "--yes"], env);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(
      /the archive can restore 0:\S+ to 0:\S+ .*: run `daybook log repair` first/,
    );

    const accepted = await daybook(["log", "accept-loss", "--yes", "--discard-archived"], env);
    expect(accepted).toMatchObject({ code: 0, stderr: "" });
    expect(accepted.stdout).toContain("another log has lost what they depend on");
    expect(await daybook(["wal", "verify"], env)).toMatchObject({ code: 0, stderr: "" });
    expect(await daybook(["archive", "verify"], env)).toMatchObject({ code: 0 });
    const server = await log.serveAgain();
    const client = clientOf(log, server);
    await checkBooksOf(server, client);
    const postings = [
      { debit_account: "@issuance", credit_account: "alice/points", amount: 5 },
      { debit_account: "alice/points", credit_account: "bob/points", amount: 1 },
      { debit_account: "alice/points", credit_account: "carol/points", amount: 1 },
    ];
    await client.ask("POST", "/v1/transfers", { postings });
    await checkBooksOf(server, client);
  });
});

test("neither command works on the log of a running server", async () => {
  const log = await testLog("sqlite");
  for (const command of ["repair", "accept-loss"]) {
    const { code, stdout, stderr } = await daybook(["log", command], log.env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/is in use by another Daybook server \(pid \d+\): stop it first/);
  }
});
