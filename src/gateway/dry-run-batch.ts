/**
 * The dry run of a batch: its transfers are decided in order on copies of the accounts that they name, so that each sees the
 * effect of those before it and no shard has anything to undo.
 */
import type { Outcome, Transfer } from "../actors/command.ts";
import { decideLegs, NOT_OPEN, plan } from "../actors/compound.ts";
import type { CompoundTransfer } from "../actors/compound-command.ts";
import { restoreCopies } from "../actors/image.ts";
import { Ledger } from "../actors/ledger.ts";
import { legsOf } from "../actors/legs.ts";
import { isSystemAccount } from "../actors/routing.ts";
import { countedTransferId } from "../actors/transfer-id.ts";
import { assert } from "../assert.ts";
import type { CopiesOf } from "../shard/messages.ts";
import { costOfCommand } from "./costs.ts";
import type { Shards } from "./shards.ts";

type Item = Transfer | CompoundTransfer;
type BatchOutcome = Outcome<Transfer | CompoundTransfer>;

/** Postings that are decided before others get a turn on this thread: some milliseconds. */
const TURN_COST = 512;
/** Of a shard, in one answer. */
const COPIES_MAX = 512;

/** Outcomes in the order of the items, with meaningless ids. @throws OperatingError `overloaded`, `log_unavailable` */
export async function dryRunBatch(
  shards: Shards,
  partner: string,
  items: readonly Item[],
): Promise<readonly BatchOutcome[]> {
  // One shard that owns every account: no leg is remote.
  const ledger = new Ledger(0);
  const copies = await Promise.all(
    [...namedBy(shards, partner, items)].flatMap(([shard, named]) =>
      portionsOf(named).map((portion) => shards.askAt(shard, partner, ["account_copies", portion])),
    ),
  );
  for (const { result } of copies) restoreCopies(ledger.state, partner, result);
  const timeMs = Math.max(0, ...copies.map((copy) => copy.timeMs));
  let made = 0;
  const newId = (vnode: number) => countedTransferId(vnode, 1, ++made);
  const outcomes: BatchOutcome[] = [];
  let cost = 0;
  for (const [index, item] of items.entries()) {
    if (cost >= TURN_COST) {
      await new Promise((resolve) => setImmediate(resolve));
      cost = 0;
    }
    cost += costOfCommand(item);
    const command = { ...item, key: null, fingerprint: 0 };
    const outcome = decide(ledger, command, newId, timeMs);
    ledger.apply(command, outcome, { epoch: 1, seq: 1, index, timeMs }, 0);
    outcomes.push(outcome);
  }
  return outcomes;
}

/** So that no message brings too many at once. */
function portionsOf([accounts, slices]: CopiesOf): readonly CopiesOf[] {
  const portions: CopiesOf[] = [];
  for (let from = 0; from < Math.max(accounts.length, slices.length); from += COPIES_MAX)
    portions.push([accounts.slice(from, from + COPIES_MAX), slices.slice(from, from + COPIES_MAX)]);
  return portions;
}

function decide(
  ledger: Ledger,
  command: Item,
  newId: (vnode: number) => string,
  timeMs: number,
): BatchOutcome {
  if (command.op === "transfer") return ledger.decide(command, timeMs, newId) as Outcome<Transfer>;
  const planned = plan(ledger.compound, command);
  assert(planned !== NOT_OPEN, "only posts and voids need an open transfer");
  if (!planned.ok) return planned;
  return decideLegs(ledger.compound, command, planned, new Map(), newId(command.vnode), timeMs);
}

/** The accounts and slices that the items touch, by shard. */
function namedBy(shards: Shards, partner: string, items: readonly Item[]): ReadonlyMap<number, CopiesOf> {
  const byShard = new Map<
    number,
    { accounts: Set<string>; slices: Map<string, readonly [string, string]> }
  >();
  for (const item of items) {
    const postings = item.op === "transfer" ? [item] : item.postings;
    for (const { account, counterparty, vnode } of legsOf(partner, postings)) {
      const shard = shards.ofVnode(vnode);
      const named = byShard.get(shard) ?? { accounts: new Set<string>(), slices: new Map() };
      byShard.set(shard, named);
      if (isSystemAccount(account)) named.slices.set(`${account}\0${counterparty}`, [account, counterparty]);
      else named.accounts.add(account);
    }
  }
  return new Map(
    [...byShard].map(
      ([shard, { accounts, slices }]) => [shard, [[...accounts], [...slices.values()]]] as const,
    ),
  );
}
