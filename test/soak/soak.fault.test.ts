/** A few seconds of `npm run soak`, and canaries that prove its verdict. */
import { expect, onTestFinished, test } from "vitest";
import { RedisServer } from "../support/redis.ts";
import { testFolder } from "../support/server.ts";
import { readOptions } from "./options.ts";
import { runSoak } from "./soak-run.ts";

/** The soak itself takes a third of this on an idle machine. */
const TIMEOUT_MS = 120_000;

/** @returns a Redis that is restarted with its data. */
function restartable() {
  let redis: RedisServer | undefined;
  onTestFinished(() => redis?.destroy());
  return async () => {
    if (redis === undefined) redis = await RedisServer.start();
    else await redis.restart();
    const { url, pid } = redis;
    return { url, pid, stop: () => (redis as RedisServer).stop() };
  };
}

function shortSoak(seconds: number, ...args: readonly string[]) {
  return runSoak({
    ...readOptions([
      "--minutes",
      String(seconds / 60),
      "--rate",
      "1000",
      "--snapshot-records",
      "1000",
      ...args,
    ]),
    folder: testFolder(),
    startRedis: restartable(),
    harms: ["kill_server", "kill_redis"],
    pauseMs: { min: 3_000, max: 4_000 },
    say: () => undefined,
  });
}

test(
  "the server and its Redis are killed under load, and all that was told is in the books, once",
  async () => {
    const { violations, figures } = await shortSoak(16);
    expect(violations).toEqual([]);
    expect(Object.keys(figures["harms"] as object).toSorted()).toEqual(["kill_redis", "kill_server"]);
    for (const name of ["accepted", "refused", "unknown", "settled", "asked_again", "snapshots", "reads"])
      expect(figures[name], name).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test.each([
  ["forgets one transfer", "entry", "nobody was told of it"],
  ["remembers another amount", "amount", "is not what was asked for and done to it"],
])(
  "canary: a checker that %s finds that the books are wrong",
  async (_, canary, sentence) => {
    const { violations } = await shortSoak(2, "--canary", canary);
    expect(violations.join("\n")).toContain(sentence);
    expect(violations.join("\n")).toContain("what was accepted comes to");
  },
  TIMEOUT_MS,
);
