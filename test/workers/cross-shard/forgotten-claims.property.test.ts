/**
 * Concurrent reverts of the same transfers, while shards forget old claims, the archive's answers come late, and shards
 * crash and replay their logs: no transfer is ever reverted twice.
 */
import { expect, test } from "vitest";
import { ImageReader, imageOf } from "../../../src/actors/ledger/image.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { Outcome } from "../../../src/actors/records/command.ts";
import type {
  CompoundTransfer,
  Posting,
  TransferChanged,
} from "../../../src/actors/records/compound-command.ts";
import type { ArchivedRecord } from "../../../src/archive/queries/query.ts";
import type { Failpoint } from "../../../src/workers/shard/failpoint.ts";
import { Random } from "../../support/random.ts";
import { account, mustPost, recordsOf, transfer } from "../shard/memory-shards.ts";
import { logProblems } from "../shard/shard-logs.ts";
import { CrashingShards } from "./crashing-shards.ts";
import { idsOn } from "./cross-shard-history.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 40);
const FIRST_SEED = Number(process.env["SEED"] ?? 1);
const SHARDS = 3;
const TRANSFERS = 6;
const REVERTS = 30;
const POINTS = [
  "before_append",
  "after_append",
  "before_commit",
  "after_commit",
  "before_ask_legs",
  "after_ask_legs",
  "before_reserve",
  "after_credit",
] as const satisfies readonly Failpoint["point"][];

const OWN = Array.from({ length: SHARDS }, (_, shard) => idsOn(shard, SHARDS, 2));

type Round = Readonly<{
  shards: CrashingShards;
  claimsMax: number;
  reverts: readonly Readonly<{ transfer: string; result: string }>[];
  logs: readonly (readonly ArchivedRecord[])[];
}>;

async function runRound(seed: number): Promise<Round> {
  const random = new Random(seed);
  const claimsMax = random.below(3);
  const archiveDelay = async () => {
    for (let turns = random.below(40); turns > 0; turns--) await turn();
  };
  const shards = await CrashingShards.start(random, { settings: { claimsMax }, archiveDelay });
  const { gateway } = shards;
  for (const id of OWN.flat()) {
    await mustPost(gateway, account(id));
    await mustPost(gateway, transfer("@issuance", id, 1_000));
  }
  const made: string[] = [];
  for (let i = 0; i < TRANSFERS; i++) {
    const answer = await gateway.submit<CompoundTransfer>(compoundOf(random));
    if (!("outcome" in answer && answer.outcome.ok)) throw new Error(JSON.stringify(answer));
    made.push(answer.outcome.id);
  }
  const victims = [random.below(SHARDS), random.below(SHARDS)];
  await shards.arm(victims.map((shard) => ({ shard, point: random.oneOf(POINTS), at: 1 + random.below(8) })));
  const reverts = await Promise.all(
    Array.from({ length: REVERTS }, async (_, i) => {
      const id = random.oneOf(made);
      // Some are retried with their key.
      const key = `${id} ${i % 4}`;
      for (let turns = random.below(60); turns > 0; turns--) await turn();
      const outcome = await shards.submitUntilAnswered(key, () =>
        gateway.revert({ partner: "acme", key, fingerprint: 1, id }),
      );
      return { transfer: id, result: idOrCode(outcome) };
    }),
  );
  await shards.settle();
  await shards.end();
  return { shards, claimsMax, reverts, logs: shards.stores.map(recordsOf) };
}

/** Within a shard or across two or three of them. */
function compoundOf(random: Random): CompoundTransfer {
  const postings = Array.from({ length: 1 + random.below(2) }, (): Posting => {
    const debit = random.oneOf(OWN.flat());
    return { debit, credit: random.oneOf(OWN.flat().filter((id) => id !== debit)), amount: 1 };
  });
  const [{ debit, credit }] = postings as [Posting];
  return {
    partner: "acme",
    key: null,
    fingerprint: 0,
    op: "compound_transfer",
    postings,
    available: false,
    pending: false,
    timeoutMs: null,
    memo: null,
    metadata: null,
    occurredAtMs: null,
    vnode: homeVnodeOf("acme", debit, credit, null),
  };
}

/** Replays the whole log; or up to a record, then from a snapshot of that, then the rest. */
function stateOf(log: readonly ArchivedRecord[], shard: number, claimsMax: number, imageAfter?: number) {
  const open = () => new Ledger(shard, SHARDS, undefined, { claimsMax });
  let ledger = open();
  for (const [i, { at, timeMs, record }] of log.entries()) {
    ledger.apply(record.command, record.outcome, { ...at, timeMs }, 0);
    if (i !== imageAfter) continue;
    const image = [...imageOf(ledger.state)];
    ledger = open();
    const reader = new ImageReader(ledger.state, at);
    for (const block of image) reader.accept(block);
  }
  return [...ledger.stateLines(0)];
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test.each(Array.from({ length: ROUNDS }, (_, round) => FIRST_SEED + round))(
  "seed %i: each transfer is reverted once, and every other revert of it is rejected as such",
  async (seed) => {
    const { shards, claimsMax, reverts, logs } = await runRound(seed);
    expect(logProblems(logs)).toEqual([]);
    for (const id of new Set(reverts.map(({ transfer: of }) => of))) {
      const results = new Set(reverts.filter((each) => each.transfer === id).map(({ result }) => result));
      results.delete("already_reverted");
      expect([...results], `who has reverted ${id}`).toHaveLength(1);
    }
    for (const { key, outcomes } of shards.asked)
      expect(new Set(outcomes.map((outcome) => idOrCode(outcome))), key).toHaveProperty("size", 1);
    for (const [shard, log] of logs.entries()) {
      const middle = Math.floor(log.length / 2);
      expect(stateOf(log, shard, claimsMax, middle)).toEqual(stateOf(log, shard, claimsMax));
    }
  },
  60_000,
);

function idOrCode(outcome: Outcome): string {
  return outcome.ok ? (outcome as TransferChanged).id : outcome.code;
}
