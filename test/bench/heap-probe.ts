/**
 * Fills a ledger and prints the growth of the heap, in bytes per object. `node --expose-gc heap-probe.ts accounts|keys
 * N`
 *
 * Commands are packed, unpacked, decided and applied as in a shard: a decoded string may be a slice that keeps a
 * longer one alive, which a hand-made command would not show.
 */

import { isPlain } from "../../src/actors/ledger/command-home.ts";
import { Ledger } from "../../src/actors/ledger/ledger.ts";
import { vnodeOfAccount } from "../../src/actors/ledger/routing.ts";
import { CommandWriter, readCommands } from "../../src/actors/records/codec.ts";
import type { Command } from "../../src/actors/records/command.ts";
import { accountId } from "./daybook.ts";

const PARTNER = "bench";
const COMMANDS_PER_MESSAGE = 500;
const NOW_MS = Date.UTC(2026, 0, 1);
/** Number of owners that the keys are spread over. */
const ACCOUNTS_WITH_KEYS = 10_000;

const ledger = new Ledger(0);
let seq = 0;
let transfers = 0;

function createAccount(i: number): Command {
  return {
    op: "create_account",
    partner: PARTNER,
    key: null,
    fingerprint: 0,
    id: accountId(i),
    asset: "PTS/0",
    floor: 0,
    ceiling: null,
    metadata: null,
  };
}

function transfer(i: number): Command {
  const credit = accountId(i % ACCOUNTS_WITH_KEYS);
  return {
    op: "transfer",
    partner: PARTNER,
    key: `5f0c2a7e-3b1d-4000-8000-${i.toString(16).padStart(12, "0")}`,
    fingerprint: 2 ** 40 + i,
    debit: "@issuance",
    credit,
    amount: 1,
    memo: null,
    metadata: null,
    occurredAtMs: null,
    vnode: vnodeOfAccount(PARTNER, credit),
  };
}

/** As a shard processes one message. */
function handle(packed: Uint8Array): void {
  seq += 1;
  let index = 0;
  readCommands(packed, (command) => {
    if (!isPlain(command)) throw new Error("only plain commands are measured");
    if (ledger.lookUpKey(command, NOW_MS) !== undefined) throw new Error("a key came twice");
    const outcome = ledger.decide(command, NOW_MS, () => `tr_${(++transfers).toString(16)}`);
    if (!outcome.ok) throw new Error(outcome.code);
    ledger.apply(command, outcome, { epoch: 1, seq, index: index++, timeMs: NOW_MS }, seq);
  });
}

function fill(count: number, commandOf: (i: number) => Command): void {
  const writer = new CommandWriter();
  for (let i = 0; i < count; i++) {
    writer.add(commandOf(i));
    if ((i + 1) % COMMANDS_PER_MESSAGE === 0 || i === count - 1) handle(writer.take());
  }
}

/** Includes memory of buffers, which a decoded string or view could keep alive. */
function usedBytes(): number {
  if (globalThis.gc === undefined) throw new Error("run with --expose-gc");
  for (let i = 0; i < 4; i++) globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const what = process.argv[2];
const count = Number(process.argv[3]);
// Warm up first: compiled code and its feedback must not be counted.
if (what === "keys") fill(ACCOUNTS_WITH_KEYS, createAccount);
else fill(1_000, (i) => createAccount(900_000 + i));
const before = usedBytes();
fill(count, what === "keys" ? transfer : createAccount);
process.stdout.write(`${JSON.stringify({ bytes: (usedBytes() - before) / count })}\n`);
if (ledger.accounts === 0) throw new Error("the ledger is empty");
