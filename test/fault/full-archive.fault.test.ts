/**
 * The archive's disk, which is not the log's, is full: commands continue, and with space again the archive gets all of
 * them.
 */
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Load } from "../support/load.ts";
import {
  Client,
  codeOf,
  MAIN,
  makePartner,
  operator,
  readiness,
  ServerProcess,
  testFolder,
  testRedis,
  waitUntilReady,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

/** A disk of this size for the server's data folder, in a private mount namespace (util-linux). */
const DISK = "24m";
const IN_NAMESPACE = ["unshare", "--map-root-user", "--mount", "sh", "-c"] as const;

async function serverOnSmallDisk(dataDir: string, walUrl: string): Promise<ServerProcess> {
  mkdirSync(dataDir);
  const command = `mount -t tmpfs -o size=${DISK} tmpfs "${dataDir}" && exec "${process.execPath}" "${MAIN}"`;
  const settings = { DATA_DIR: dataDir, WAL_URL: walUrl, SHARDS: "2" };
  const server = ServerProcess.launch(settings, [...IN_NAMESPACE, command]);
  onTestFinished(async () => {
    server.killGroup();
    await server.exited;
  });
  await server.serving();
  return server;
}

/** Creates a file that fills the disk. */
function fillDisk(path: string): void {
  const file = openSync(path, "w");
  const page = Buffer.alloc(4096);
  try {
    for (;;) writeSync(file, page);
  } catch (error) {
    expect(error).toMatchObject({ code: "ENOSPC" });
  } finally {
    closeSync(file);
  }
}

test("the disk of the archive is full: commands continue, reads of history wait, and with space again nothing is missing", async () => {
  const dataDir = join(testFolder(), "data");
  const redis = await testRedis();
  const server = await serverOnSmallDisk(dataDir, redis.url);
  const admin = operator(server);
  const partnerKey = await makePartner(admin);
  const client = new Client(server.url, partnerKey);
  const load = new Load({ partnerKey, owners: 6 });
  await load.open(server.url);
  load.begin(server.url, 8);
  await load.moreAcknowledged(60);

  const inside = `/proc/${server.pid}/root${dataDir}`;
  const filler = join(inside, "filler");
  fillDisk(filler);
  await until(
    "it says so",
    async () => (await readiness(admin)).text.includes("the archive is suspended"),
    60_000,
  );
  await load.moreAcknowledged(60);
  const path = `/v1/accounts/${encodeURIComponent(load.accounts[0] as string)}/entries`;
  const history = await client.send("GET", path);
  expect([history.status, codeOf(history)]).toEqual([503, "log_unavailable"]);
  expect((await client.send("GET", "/v1/trial-balance")).status).toBe(200);

  const said = /"reason":"the archive is suspended for lack of disk space, .*disk is full"/;
  await until("it is logged, once a second", () => said.test(server.stdout));
  rmSync(filler);
  await waitUntilReady(admin, 60_000);
  await load.moreAcknowledged(60);
  await load.stop();
  expect(load.broken, "everybody got an answer").toBe(0);
  await checkBooks(server.url, load);
});
