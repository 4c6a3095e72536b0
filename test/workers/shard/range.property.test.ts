/**
 * I1, I2: concurrent transfers near the limits of the range, on accounts and slices of system accounts, over three
 * shards that crash. No decision goes beyond ±2^52; no balance ever leaves ±(2^53−1), which would end its shard.
 */
import { describe, expect, test } from "vitest";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { LogRecord, Outcome } from "../../../src/actors/records/command.ts";
import type { CompoundTransfer, Posting } from "../../../src/actors/records/compound-command.ts";
import { type Failpoint, SHARD_POINTS } from "../../../src/workers/shard/failpoint.ts";
import { Random } from "../../support/random.ts";
import { CrashingShards } from "../cross-shard/crashing-shards.ts";
import { idsOn } from "../cross-shard/cross-shard-history.ts";
import { account, mustPost, recordsOf, transfer } from "./memory-shards.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 12);
const FIRST_SEED = Number(process.env["SEED"] ?? 1);
const SHARDS = 3;
const CLIENTS = 6;
const COMMANDS_PER_CLIENT = 10;
const DECIDED_MAX = 2 ** 52;
const AMOUNTS = [1, 2 ** 30 + 1, 2 ** 50, 2 ** 51, 2 ** 52 - 1, 2 ** 52, Number.MAX_SAFE_INTEGER];

/** Two accounts of one owner on each shard; their system account has one slice for both. */
const ACCOUNTS = Array.from({ length: SHARDS }, (_, shard) => idsOn(shard, SHARDS, 1)).flatMap(([owner]) => [
  `${owner}/p`,
  `${owner}/q`,
]);

type Round = Readonly<{ balances: readonly number[]; problems: readonly string[] }>;

async function run(seed: number, crashes: boolean): Promise<Round> {
  const random = new Random(seed);
  const shards = await CrashingShards.start(random);
  for (const id of ACCOUNTS) await mustPost(shards.gateway, account(id, null));
  if (crashes) await shards.arm(failpointsFor(random));
  await Promise.all(Array.from({ length: CLIENTS }, (_, client) => goOn(shards, random, client)));
  await shards.settle();
  const { assets } = await shards.gateway.trialBalance("acme");
  const { accounts } = await shards.gateway.accounts("acme", ACCOUNTS);
  await shards.end();
  const problems = shards.deaths.filter((death) => !death.includes("failpoint"));
  const { sum = 0n, inTransit = 0n } = assets["PTS/0"] ?? {};
  if (sum !== 0n || inTransit !== 0n) problems.push(`the books have ${sum}, ${inTransit} in transit`);
  const records = shards.stores.flatMap((store, shard) => recordsOf(store, shard).map((each) => each.record));
  const balances = [
    ...records.flatMap(balancesIn),
    ...accounts.flatMap(({ posted, held }) => [posted, held]),
  ];
  for (const balance of balances)
    if (!Number.isSafeInteger(balance) || Object.is(balance, -0)) problems.push(`a balance is ${balance}`);
  return { balances, problems };
}

function failpointsFor(random: Random): readonly Failpoint[] {
  return Array.from({ length: 1 + random.below(3) }, () => {
    return { shard: random.below(SHARDS), point: random.oneOf(SHARD_POINTS), at: 1 + random.below(6) };
  });
}

async function goOn(shards: CrashingShards, random: Random, client: number): Promise<void> {
  const { gateway } = shards;
  for (let no = 0; no < COMMANDS_PER_CLIENT; no++) {
    const key = `${client}-${no}`;
    const asked = { partner: "acme", key, fingerprint: 7 } as const;
    const postings = postingsFrom(random);
    const [first] = postings as [Posting, ...Posting[]];
    if (random.chance(0.4)) {
      await shards.submitUntilAnswered(key, () =>
        gateway.submit(transfer(first.debit, first.credit, first.amount, key)),
      );
      continue;
    }
    const command = compound(key, postings, random.chance(0.4));
    const done = await shards.submitUntilAnswered(key, () => gateway.submit(command));
    const id = idOf(done);
    if (id === undefined) continue;
    const next = { ...asked, key: `${key}-next` };
    if (!command.pending) {
      if (random.chance(0.5))
        await shards.submitUntilAnswered(next.key, () => gateway.revert({ ...next, id }));
      continue;
    }
    if (random.chance(0.6)) {
      const post = { ...next, op: "post_transfer", id, amount: null, final: false, settled: null } as const;
      if ((await shards.submitUntilAnswered(next.key, () => gateway.submit(post))).ok) continue;
    }
    const undo = { ...asked, key: `${key}-void`, op: "void_transfer", id, settled: null } as const;
    await shards.submitUntilAnswered(undo.key, () => gateway.submit(undo));
  }
}

/** One to three postings, whose sum is a safe integer, as a gateway ensures. */
function postingsFrom(random: Random): readonly Posting[] {
  let left = Number.MAX_SAFE_INTEGER;
  return Array.from({ length: 1 + random.below(3) }, () => {
    const [one, other] = [random.oneOf(ACCOUNTS), random.oneOf([...ACCOUNTS, "@x", "@x", "@x"])];
    const amount = Math.max(1, Math.min(random.oneOf(AMOUNTS), left - 2));
    left -= amount;
    return random.chance(0.5) ? { debit: one, credit: other, amount } : { debit: other, credit: one, amount };
  });
}

function compound(key: string, postings: readonly Posting[], pending: boolean): CompoundTransfer {
  const { debit, credit } = postings[0] as Posting;
  const vnode = homeVnodeOf("acme", debit, credit, key);
  const rest = { memo: null, metadata: null, occurredAtMs: null, available: false, timeoutMs: null } as const;
  const asked = { partner: "acme", key, fingerprint: 7 } as const;
  return { ...asked, ...rest, op: "compound_transfer", postings, pending, vnode };
}

function idOf(outcome: Outcome): string | undefined {
  return outcome.ok && "id" in outcome ? outcome.id : undefined;
}

/** Posted, held and available after a record. */
function balancesIn({ outcome }: LogRecord): number[] {
  if (!outcome.ok) return [];
  if ("moves" in outcome) return outcome.moves.flatMap(({ posted, held }) => [posted, held, posted - held]);
  if ("creditPosted" in outcome) return [outcome.debitPosted, outcome.creditPosted];
  return "posted" in outcome ? [outcome.posted] : [];
}

const seeds = Array.from({ length: ROUNDS }, (_, i) => FIRST_SEED + i);

describe("near the limits of the range", () => {
  test("no decision takes a balance beyond ±2^52, and the books balance", async () => {
    let largest = 0;
    for (const seed of seeds) {
      const { balances, problems } = await run(seed, false);
      expect(problems, `SEED=${seed} ROUNDS=1`).toEqual([]);
      expect(
        balances.filter((each) => Math.abs(each) > DECIDED_MAX),
        `SEED=${seed} ROUNDS=1`,
      ).toEqual([]);
      largest = Math.max(largest, ...balances.map(Math.abs));
    }
    expect(largest).toBe(DECIDED_MAX);
  }, 300_000);

  test("after crashes the books balance and all balances are safe integers", async () => {
    for (const seed of seeds) {
      const { problems } = await run(seed, true);
      expect(problems, `SEED=${seed} ROUNDS=1`).toEqual([]);
    }
  }, 300_000);
});
