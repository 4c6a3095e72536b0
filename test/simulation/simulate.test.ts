/** A portion of seeds in every run of the tests: some that are always the same, and many that nobody has seen before. */
import { describe, expect, test } from "vitest";
import { POINTS } from "../../src/workers/shard/failpoint.ts";
import { runSimulation } from "./run-simulation.ts";
import { NO_FAULTS } from "./sim-log.ts";
import { REDIS_TROUBLES } from "./sim-redis.ts";
import { CALAMITIES, DAMAGES, OPERATIONS, STRIKES } from "./swarm.ts";

/** All that may go wrong and all that may be asked happens within so many seeds. */
const KNOWN = { seed: 1, seeds: 130 };
const NEW_SEEDS = 120;
/** Of every programme, what decides over money or happens once. */
const PROGRAMME_ACTS = [
  "loyalty expiry",
  "loyalty redemption",
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
const TIMEOUT_MS = 300_000;

function seeds(seed: number, count: number): string[] {
  return ["--seed", `${seed}`, "--seeds", `${count}`];
}

describe("the simulation", () => {
  test("one seed is one run, whatever ran before it, and another seed is another one", {
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

  test("known seeds are clean, and between them everything goes wrong that can", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { code, output } = await runSimulation(seeds(KNOWN.seed, KNOWN.seeds));
    expect(output).toMatch(/^clean: /);
    expect(code).toBe(0);
    const happened = [...output.matchAll(/[;,] ([a-z_ ]+) \d+/g)].map(([, what]) => what);
    const expected = [
      ...POINTS.map((point) => `crash ${point}`),
      ...CALAMITIES,
      ...Object.keys(NO_FAULTS),
      ...STRIKES.map((strike) => `strike ${strike}`),
      ...DAMAGES.map((damage) => `damage ${damage}`),
      ...OPERATIONS.map((operation) => `op ${operation}`),
      ...REDIS_TROUBLES.map((trouble) => `redis ${trouble}`),
      ...PROGRAMME_ACTS,
      "archive crash",
      "archive loses power",
      "damage archive",
      "snapshot",
      "trim",
    ];
    expect(expected.filter((each) => !happened.includes(each))).toEqual([]);
  });

  test("seeds of the day are clean", { timeout: TIMEOUT_MS }, async () => {
    const first = Math.floor(Date.now() / 1000);
    console.log(`seeds from ${first} on`);
    const { code, output } = await runSimulation(seeds(first, NEW_SEEDS));
    expect(output).toMatch(/^clean: /);
    expect(code).toBe(0);
  });

  test("the canary is caught: a log that has lost its last batch is not judged clean", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { code, output } = await runSimulation(["--seed", "1", "--canary"]);
    expect(output).toMatch(/^VIOLATED I5 acknowledged is logged once: /m);
    expect(output).toContain("npm run simulate -- --seed 1 --steps 300 --canary");
    expect(code).toBe(1);
  });
});
