/** Runs a fixed set of seeds. `npm run simulate` runs others, for as long as one likes. */
import { describe, expect, test } from "vitest";
import { SHARD_POINTS } from "../../src/workers/shard/failpoint.ts";
import { CLUSTER_TROUBLES } from "./cluster-nemesis.ts";
import { runSimulation } from "./run-simulation.ts";
import { NO_FAULTS } from "./sim-log.ts";
import { REDIS_TROUBLES } from "./sim-redis.ts";
import { CALAMITIES, DAMAGES, OPERATIONS, STRIKES } from "./swarm.ts";

/** Enough seeds that every fault and every operation occurs. */
const KNOWN = { seed: 1, seeds: 160 };
/** Acts of each programme that move money or must happen only once. */
const PROGRAMME_ACTS = [
  "loyalty expiry",
  "loyalty redemption",
  "loyalty report_total",
  "monitors create_monitor",
  "monitors delete_monitor",
  "segments fill",
  "segments raise_percent",
  "topup approve",
  "topup sale",
  "topup take_back",
  "vouchers expire",
  "vouchers issue_portion",
  "vouchers redeem",
  "vouchers rollback",
  "wallet accept_request",
  "wallet capture",
  "wallet confirm_withdrawal",
  "wallet deposit",
  "wallet expire_request",
];
const TIMEOUT_MS = 600_000;

function seeds(seed: number, count: number): string[] {
  return ["--seed", `${seed}`, "--seeds", `${count}`];
}

describe("the simulation", () => {
  test("a seed always gives the same run, whatever ran before it, and another seed gives another run", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const [once, again, after, other] = await Promise.all(
      [seeds(7, 1), seeds(7, 1), seeds(5, 3), seeds(8, 1)].map(async (args) => {
        const { output } = await runSimulation(args);
        return /hash ([0-9a-f]+)/.exec(output)?.[1];
      }),
    );
    expect(once).toMatch(/^[0-9a-f]{16}$/);
    expect(again).toBe(once);
    expect(after).toBe(once);
    expect(other).not.toBe(once);
  });

  test("known seeds are clean, and together they cover every fault and operation", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { code, output } = await runSimulation(seeds(KNOWN.seed, KNOWN.seeds));
    expect(output).toMatch(/^clean: /);
    expect(code).toBe(0);
    const happened = [...output.matchAll(/[;,] ([a-z_ ]+) \d+/g)].map(([, what]) => what);
    const expected = [
      ...SHARD_POINTS.map((point) => `crash ${point}`),
      ...CALAMITIES,
      ...Object.keys(NO_FAULTS),
      ...STRIKES.map((strike) => `strike ${strike}`),
      ...DAMAGES.map((damage) => `damage ${damage}`),
      ...OPERATIONS.map((operation) => `op ${operation}`),
      ...REDIS_TROUBLES.map((trouble) => `redis ${trouble}`),
      ...CLUSTER_TROUBLES.map((trouble) => `cluster ${trouble}`),
      ...PROGRAMME_ACTS,
      "archive crash",
      "archive loses power",
      "damage archive",
      "snapshot",
      "trim",
    ];
    expect(expected.filter((each) => !happened.includes(each))).toEqual([]);
  });

  test("in clusters owners repair what elections have lost", { timeout: TIMEOUT_MS }, async () => {
    const { code, output } = await runSimulation([...seeds(341, 70), "--clusters"]);
    expect(output).toMatch(/^clean: .*, repair \d+/);
    expect(code).toBe(0);
  });

  test("the oracles detect the canary: a log that has lost its last batch", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { code, output } = await runSimulation(["--seed", "1", "--canary"]);
    expect(output).toMatch(/^VIOLATED I5 acknowledged is logged once: /m);
    expect(output).toContain("npm run simulate -- --seed 1 --steps 300 --canary");
    expect(code).toBe(1);
  });
});
