/** A few seconds of `npm run stress` in each isolation mode, and canaries that prove its verdict. */
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { RedisServer } from "../support/redis.ts";
import { testFolder } from "../support/server.ts";
import { discrepanciesOf } from "./discrepancies.ts";
import type { Evidence } from "./evidence.ts";
import type { Answer } from "./operation.ts";
import type { PresetName } from "./preset.ts";
import { runTrial } from "./trial.ts";

function shortTrial(isolation: Isolation, preset: PresetName) {
  return runTrial({
    isolation,
    preset,
    shards: 2,
    seconds: 1,
    seed: 1,
    loadProcesses: 2,
    folder: join(testFolder(), "trial"),
    starts: 1,
    startRedis: async () => {
      const redis = await RedisServer.start();
      onTestFinished(() => redis.destroy());
      return { url: redis.url, pid: redis.pid, stop: () => redis.destroy() };
    },
    onPhase: () => undefined,
  });
}

test.each(ISOLATIONS)("a shard is killed under load, and the books are right (%s)", async (isolation) => {
  const { discrepancies, counts, bystanders, evidence } = await shortTrial(isolation, "mix");
  expect(discrepancies).toEqual([]);
  // The whole load was sent.
  const { accepted, refused, crossing, replayed, resent } = counts;
  for (const count of [accepted, refused, crossing, replayed, resent, bystanders.served])
    expect(count).toBeGreaterThan(0);
  expect(bystanders.lost).toBe(0);
  expect(discrepanciesOf(withFalseBalance(evidence)), "canary: one balance").toHaveLength(2);
  expect(discrepanciesOf(withFalseAnswer(evidence)), "canary: one answer").not.toEqual([]);
});

test("sellers with concurrent sales spend exactly their credit", async () => {
  const { discrepancies, counts, evidence } = await shortTrial("processes", "sellers");
  expect(discrepancies).toEqual([]);
  expect(counts).toMatchObject({ accepted: 10 + 60 + 200, refused: 740 });
  expect(evidence.accounts.get("seller-1/credit")?.posted).toBe(700_000);
  expect(evidence.accounts.get("seller-2/credit")?.posted).toBe(0);
});

/** Adds one point to one account: its balance and the sum of all must be reported. */
function withFalseBalance(evidence: Evidence): Evidence {
  const [id, view] = [...evidence.accounts][0] ?? [];
  if (id === undefined || view === undefined) throw new Error("no accounts");
  return { ...evidence, accounts: new Map(evidence.accounts).set(id, { ...view, posted: view.posted + 1 }) };
}

/** Marks a completed transfer as rejected. */
function withFalseAnswer(evidence: Evidence): Evidence {
  const no: Answer = { is: "rejected", code: "insufficient_funds", replayed: false };
  const operations = evidence.operations.map((operation, place) => {
    const [first] = operation.sendings;
    return place === 0 && first !== undefined
      ? { ...operation, sendings: [{ ...first, answer: no }] }
      : operation;
  });
  return { ...evidence, operations };
}
