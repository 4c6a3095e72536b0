/** The list of partners is a read like any other: a server that was replaced must not answer it. */
import { expect, test } from "vitest";
import { makePartner, operator, testFolder, testRedis, testServer } from "../support/server.ts";

test("a server that was stopped, replaced and resumed shows no stale list of partners, and accepts no revoked key", async () => {
  const redis = await testRedis();
  const old = await testServer({ DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "2" });
  const admin = operator(old);
  await makePartner(admin, "early");
  old.signal("SIGSTOP");
  const next = operator(await testServer({ DATA_DIR: testFolder(), WAL_URL: redis.url }));
  await makePartner(next, "late");
  await next.send("PATCH", "/v1/partners/early", { status: "suspended" });
  const asked = ["/v1/partners", "/v1/partners/early", "/v1/partners/late", "/v1/partners/early/keys"].map(
    (path) => admin.send("GET", path).catch(() => undefined),
  );
  old.signal("SIGCONT");
  const answers = await Promise.all(asked);
  expect(answers.filter((answer) => answer !== undefined && answer.status < 500)).toEqual([]);
});
