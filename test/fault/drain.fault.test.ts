/** SIGTERM under load: what is in hand is answered and logged, and then the process is gone. */
import { expect, test } from "vitest";
import { Load } from "../support/load.ts";
import { makePartner, operator, testFolder, testRedis, testServer, within } from "../support/server.ts";

const CALLERS = 16;

test.each(["sqlite", "Redis"])(
  "SIGTERM under load ends in good order: what was done was answered, and what was answered is in the log (%s)",
  async (log) => {
    const wal = log === "Redis" ? { WAL_URL: (await testRedis()).url } : {};
    const settings = { DATA_DIR: testFolder(), SHARDS: "2", ...wal };
    const server = await testServer(settings);
    const load = new Load({ partnerKey: await makePartner(operator(server)) });
    await load.open(server.url);
    load.begin(server.url, CALLERS);
    await load.moreAcknowledged(300);
    server.signal("SIGTERM");
    const { code, lines } = await within(10_000, "the server has ended", server.exited);
    await load.stop();
    expect({ code, lines }).toEqual({ code: 0, lines: [] });
    // Each caller finds its idle connection closed at most once; the server had not begun what it sent then.
    expect(load.broken).toBeLessThanOrEqual(CALLERS);
    const again = await testServer(settings);
    expect(await load.settle(again.url), "done, but not answered").toBe(0);
    await load.check(again.url);
  },
);
