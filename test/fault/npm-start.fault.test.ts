/** Most people start the server with `npm start`, so a supervisor's SIGTERM goes to npm. */
import { expect, test } from "vitest";
import { Load } from "../support/load.ts";
import { makePartner, operator, ServerProcess, testFolder, within } from "../support/server.ts";
import { until } from "../support/until.ts";

test("`npm start` hands SIGTERM on and ends in good order", async () => {
  const npm = ServerProcess.launch({ DATA_DIR: testFolder(), SHARDS: "1" }, ["npm", "start"]);
  try {
    await npm.serving();
    const load = new Load({ partnerKey: await makePartner(operator(npm)) });
    await load.open(npm.url);
    load.begin(npm.url, 8);
    await load.moreAcknowledged(50);
    npm.signal("SIGTERM");
    const { code } = await within(10_000, "npm has ended", npm.exited);
    await load.stop();
    expect(code).toBe(0);
    await until("nobody listens any more", async () =>
      operator(npm)
        .send("GET", "/healthz")
        .then(
          () => false,
          () => true,
        ),
    );
  } finally {
    npm.killGroup();
  }
});
