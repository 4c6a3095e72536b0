/** A random history of transfers over several shards in memory, with crashes and append faults, from one seed. */

import { shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import type { Command, LogRecord, Outcome } from "../../../src/actors/records/command.ts";
import { account, type MemoryCluster, mustPost, recordsOf, transfer } from "../shard/memory-shards.ts";
import { FaultyShards } from "./faulty-shards.ts";

const ACCOUNTS_PER_SHARD = 3;
const CLIENTS = 6;
const COMMANDS_PER_CLIENT = 12;

export type Asked = { command: Command; outcomes: Outcome[] };

export type History = Readonly<{
  asked: readonly Asked[];
  /** The records of each shard's log, in order. */
  logs: readonly (readonly LogRecord[])[];
  /** Balances read through the gateway at the end. */
  balances: ReadonlyMap<string, number>;
  trial: Awaited<ReturnType<MemoryCluster["gateway"]["trialBalance"]>>;
  crashes: number;
}>;

/** mulberry32: a small generator with the same results on all machines. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Account ids on a shard. */
export function idsOn(shard: number, shards: number, count: number): string[] {
  const ids: string[] = [];
  for (let i = 0; ids.length < count; i++) {
    const id = `a${i}`;
    if (shardOfVnode(vnodeOfAccount("acme", id), shards) === shard) ids.push(id);
  }
  return ids;
}

export async function runHistory(seed: number, shards: number): Promise<History> {
  const random = randomOf(seed);
  const faulty = new FaultyShards({ random, shards, armed: { from: 1, to: 3, points: 1 } });
  const { gateway, stores } = faulty;
  await faulty.begin();

  const ids = stores.flatMap((_, shard) => idsOn(shard, shards, ACCOUNTS_PER_SHARD));
  for (const [i, id] of ids.entries()) {
    await mustPost(gateway, { ...account(id), ceiling: i % ACCOUNTS_PER_SHARD === 2 ? 40 : null });
    await mustPost(gateway, transfer("@issuance", id, 20));
  }

  const asked: Asked[] = [];
  const insist = async (command: Command) => (await faulty.submitUntilAnswered(command)).outcome;
  const client = async (number: number): Promise<void> => {
    for (let i = 0; i < COMMANDS_PER_CLIENT; i++) {
      faulty.disturb();
      const command = commandOf(random, ids, `${number}-${i}`);
      const times = random(5) === 0 ? 2 : 1;
      const outcomes = await Promise.all(Array.from({ length: times }, () => insist(command)));
      asked.push({ command, outcomes });
    }
  };
  await faulty.unlessFailed(Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number))));

  for (const entry of asked) entry.outcomes.push(await faulty.unlessFailed(insist(entry.command)));
  await faulty.unlessFailed(faulty.atRest("acme"));
  const { accounts } = await gateway.accounts("acme", ids);
  const trial = await gateway.trialBalance("acme");
  await faulty.end();
  return {
    asked,
    logs: stores.map((store, shard) => recordsOf(store, shard).map(({ record }) => record)),
    balances: new Map(accounts.map(({ id, posted }) => [id, posted])),
    trial,
    crashes: faulty.exits.length,
  };
}

function commandOf(random: (below: number) => number, ids: readonly string[], key: string): Command {
  const pick = () => ids[random(ids.length)] as string;
  const dice = random(20);
  const id = pick();
  if (dice === 0) return keyed({ ...base, op: "set_account_status", id, action: "close" }, key);
  if (dice === 1) return keyed({ ...base, op: "update_account", id, ceiling: 10 + random(40) }, key);
  const debit = dice === 2 ? "@issuance" : id;
  const credit = dice === 3 ? "@sink" : pick();
  return transfer(debit, credit, 1 + random(12), key);
}

const base = { partner: "acme", key: null, fingerprint: 0 } as const;

function keyed<C extends Command>(command: C, key: string): C {
  return { ...command, key };
}
