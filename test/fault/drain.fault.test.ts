/** SIGTERM under load: requests in flight are answered and logged, then the process exits. */
import { expect, onTestFinished, test } from "vitest";
import { checkDrainUnderLoad } from "../support/drain.ts";
import { Load } from "../support/load.ts";
import {
  MAIN,
  makePartner,
  operator,
  ServerProcess,
  testFolder,
  testRedis,
  testServer,
  within,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const CALLERS = 16;

test.each(["sqlite", "Redis"])(
  "SIGTERM under load stops gracefully: every executed command was answered, and every answered one is in the log (%s)",
  async (log) => {
    const wal = log === "Redis" ? { WAL_URL: (await testRedis()).url } : {};
    const server = await testServer({ DATA_DIR: testFolder(), SHARDS: "2", ...wal });
    await checkDrainUnderLoad(server, () => server.signal("SIGTERM"));
  },
);

test("a signal to the whole process group, as from a terminal, also stops shards in processes gracefully", async () => {
  const settings = { DATA_DIR: testFolder(), SHARDS: "2", ISOLATION: "processes" };
  // `env` executes the server, in its own process group.
  const server = ServerProcess.launch(settings, ["env", process.execPath, MAIN]);
  onTestFinished(() => server.killGroup());
  await server.serving();
  await checkDrainUnderLoad(server, () => process.kill(-server.pid, "SIGINT"));
});

test("a request that waits for the log when SIGTERM comes is answered before the end", async () => {
  const redis = await testRedis();
  const settings = { DATA_DIR: testFolder(), SHARDS: "2", WAL_URL: redis.url };
  const server = await testServer(settings);
  const admin = operator(server);
  const load = new Load({ partnerKey: await makePartner(admin) });
  await load.open(server.url);
  load.begin(server.url, CALLERS);
  await load.moreAcknowledged(50);
  redis.pause();
  await load.silence(admin);
  const waiting = load.operations.filter(({ verdict }) => verdict.is === "open");
  expect(waiting.length).toBeGreaterThanOrEqual(CALLERS);
  server.signal("SIGTERM");
  await until("it takes no more connections", () =>
    operator(server)
      .get("/healthz")
      .then(
        () => false,
        () => true,
      ),
  );
  redis.resume();
  expect((await within(10_000, "the server has ended", server.exited)).code).toBe(0);
  await load.stop();
  expect(waiting.filter(({ verdict }) => !["accepted", "rejected"].includes(verdict.is))).toEqual([]);
  await checkBooks((await testServer(settings)).url, load);
});
