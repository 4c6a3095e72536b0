/** Runs all oracles after a run has come to rest: on the logs, the clients' answers, and the memory of the shards. */
import type { Ledger } from "../../src/actors/ledger/ledger.ts";
import type { MemorySnapshotStore } from "../../src/wal/snapshots/snapshot-store.ts";
import type { Random } from "../support/random.ts";
import { checkAnswersSeen, checkCuts } from "./answer-oracles.ts";
import { type Breadth, checkArchive } from "./breadth.ts";
import type { ClientHistory } from "./client-history.ts";
import { checkCrossings } from "./event-oracles.ts";
import {
  checkAnswers,
  checkHolds,
  checkMemory,
  checkMessages,
  checkReads,
  checkSnapshots,
  replayLog,
} from "./log-oracles.ts";
import { checkMembers } from "./members.ts";
import { checkProgrammes } from "./programmes/programme-oracles.ts";
import type { SimArchive } from "./sim-archive.ts";
import type { Oracle } from "./sim-context.ts";
import type { LogStore } from "./sim-log.ts";

export type FinishedRun = Readonly<{
  stores: readonly LogStore[];
  snapshots: readonly MemorySnapshotStore[];
  archive: SimArchive;
  breadth: Breadth;
  random: Random;
  history: ClientHistory;
  partners: readonly string[];
  /** A shard's ledger in memory; `undefined` if the shard does not run. */
  ledgerOf: (shard: number) => Ledger | undefined;
  count: (what: string) => void;
}>;

export async function judgeRun(
  run: FinishedRun,
  fail: (oracle: Oracle, message: string) => never,
): Promise<void> {
  const { stores, snapshots, archive, history, partners } = run;
  const logs = stores.map((store, shard) => replayLog(store, shard, stores.length, archive, fail));
  checkAnswers(logs, history, fail);
  checkReads(logs, history, fail);
  checkAnswersSeen(logs, history, fail);
  checkCuts(logs, history, fail);
  checkMessages(logs, fail);
  checkHolds(logs, partners, fail);
  checkMembers(logs, partners, fail);
  checkProgrammes(logs, fail, run.count);
  checkCrossings(logs, fail, run.count);
  for (const log of logs) {
    const live = run.ledgerOf(log.shard);
    if (live === undefined) fail("nothing gets stuck", `shard ${log.shard} does not run`);
    checkMemory(log, live, partners, fail);
    await checkSnapshots(log, stores, snapshots, fail);
  }
  checkArchive(archive, run.breadth, logs, partners, run.random, fail);
}
