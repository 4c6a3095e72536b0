/** The archive fetches the batches that it missed by itself, without waiting for the next write. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Load } from "../support/load.ts";
import { makePartner, operator, testFolder, testServer } from "../support/server.ts";
import { checkBooks } from "./books.ts";

test("an archive that is behind at the start, or missing, catches up before anything new is written", async () => {
  const settings = { DATA_DIR: testFolder(), SHARDS: "2" };
  const server = await testServer(settings);
  const load = new Load({ partnerKey: await makePartner(operator(server)) });
  await load.open(server.url);
  load.begin(server.url);
  await load.moreAcknowledged(100);
  await load.stop();
  expect([load.broken, load.count("unknown"), load.count("not_done")]).toEqual([0, 0, 0]);
  await server.kill();
  rmSync(join(settings.DATA_DIR, "archive"), { recursive: true });
  await checkBooks((await testServer(settings)).url, load);
});
