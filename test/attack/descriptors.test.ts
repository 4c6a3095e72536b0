/** A process without free file descriptors: its shards keep serving, and one that must restart waits until it can. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { ISOLATIONS } from "../support/isolations.ts";
import { makePartner, operator, shardsOf, testFolder } from "../support/server.ts";
import { until } from "../support/until.ts";
import { Bystander, expectServed, serverWithFiles } from "./raw.ts";

/** Part of util-linux: the only way to change the limits of a running process. */
const PRLIMIT = "prlimit";
const FILES = 400;
/** Below the number of open files, so every open fails with EMFILE. */
const NONE_LEFT = 3;
/** After so many crashes a shard would stay down. */
const TRIES = 7;

function limitFiles(pid: number, files: number): void {
  execFileSync(PRLIMIT, ["--pid", String(pid), `--nofile=${files}:${FILES}`]);
}

test.each(ISOLATIONS)(
  "without free file descriptors shards serve, and one that stops is retried until it starts (%s)",
  async (isolation) => {
    const settings = { DATA_DIR: testFolder(), SHARDS: "2", ISOLATION: isolation, LOG_LEVEL: "info" };
    const server = await serverWithFiles(FILES, settings);
    const admin = operator(server);
    const bystander = await new Bystander(server.url, await makePartner(admin)).open();
    await until("it works", () => bystander.answered > 50);
    await shardsOf(admin);
    const pids = (await shardsOf(admin)).map(({ pid }) => pid ?? server.pid);

    for (const pid of new Set([server.pid, ...pids])) limitFiles(pid, NONE_LEFT);
    bystander.seen();
    for (let asked = 0; asked < 20; asked++) await shardsOf(admin);
    await until("it goes on", () => bystander.answered > 50);
    expectServed(bystander.seen());
    expect((await shardsOf(admin)).map(({ restarts }) => restarts)).toEqual([0, 0]);

    expect((await admin.send("POST", "/v1/admin/shards/1/restart")).status).toBe(202);
    await until(
      "it was tried often",
      async () => ((await shardsOf(admin))[1]?.restarts ?? 0) >= TRIES,
      60_000,
    );
    expect((await shardsOf(admin)).map(({ status }) => status)).toEqual(["ready", "restarting"]);
    expect(server.running).toBe(true);

    limitFiles(server.pid, FILES);
    await until(
      "both serve",
      async () => (await shardsOf(admin)).every(({ status }) => status === "ready"),
      60_000,
    );
    await bystander.stop();
    expect(server.stdout).toContain("EMFILE");
  },
);
