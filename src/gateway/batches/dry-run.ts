/**
 * Dry runs. A shard decides a single command without logging it. A batch is decided here, on copies of its
 * accounts, in slices of the partner.
 */
import { vnodeOfCommand } from "../../actors/ledger/command-home.ts";
import { restoreCopies } from "../../actors/ledger/image.ts";
import { Ledger } from "../../actors/ledger/ledger.ts";
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import { countedTransferId } from "../../actors/ledger/transfer-id.ts";
import { decideLegs, NOT_OPEN, plan } from "../../actors/ledger/transfers/compound.ts";
import { legsOf } from "../../actors/ledger/transfers/legs.ts";
import { packCommand, unpackOutcome } from "../../actors/records/codec.ts";
import type { Command, Outcome, Transfer } from "../../actors/records/command.ts";
import type { CompoundTransfer, TransferChanged } from "../../actors/records/compound-command.ts";
import { assert } from "../../errors/assert.ts";
import { ASK_ARCHIVE, type CommandReply, type CopiesOf, REFUSED } from "../../workers/shard/messages.ts";
import { submitWithArchive } from "../claims.ts";
import { settledOf } from "../queries/transfers.ts";
import { costOfCommand } from "../shard-link/costs.ts";
import { flowOwnerOf } from "../shard-link/owners.ts";
import { refusalError } from "../shard-link/refusals.ts";
import type { Shards } from "../shard-link/shards.ts";
import { workSlices } from "../work-slices.ts";

type Item = Transfer | CompoundTransfer;
type BatchOutcome = Outcome<Transfer | CompoundTransfer>;

/** Accounts that a shard copies in one answer. */
const COPIES_MAX = 512;

/**
 * Outcomes in the order of the items, with meaningless ids. @throws OperatingError `overloaded`, `log_unavailable`
 */
export async function dryRunBatch(
  shards: Shards,
  partner: string,
  items: readonly Item[],
): Promise<readonly BatchOutcome[]> {
  // A ledger of one shard that owns every account, so no leg is remote.
  const ledger = new Ledger(0);
  const copies = await Promise.all(
    [...(await accountsByShard(shards, partner, items))].flatMap(([shard, names]) =>
      portionsOf(names).map((portion) => shards.askAt(shard, partner, ["account_copies", portion])),
    ),
  );
  for (const { result } of copies) {
    if (workSlices.isOver) await workSlices.next(partner);
    restoreCopies(ledger.state, partner, result);
  }
  const timeMs = Math.max(0, ...copies.map((copy) => copy.timeMs));
  let created = 0;
  const newId = (vnode: number) => countedTransferId(vnode, 1, ++created);
  const outcomes: BatchOutcome[] = [];
  for (const [index, item] of items.entries()) {
    if (workSlices.isOver) await workSlices.next(partner);
    const command = { ...item, key: null, fingerprint: 0 };
    const outcome = decide(ledger, command, newId, timeMs);
    ledger.apply(command, outcome, { epoch: 1, seq: 1, index, timeMs }, 0);
    outcomes.push(outcome);
  }
  return outcomes;
}

/** Splits the names, so that no message holds too many copies. */
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
  if (command.op === "transfer") return ledger.decideTransfer(command, timeMs, newId);
  const planned = plan(ledger.compound, command);
  assert(planned !== NOT_OPEN, "only posts and voids need an open transfer");
  if (!planned.ok) return planned;
  return decideLegs(ledger.compound, command, planned, new Map(), newId(command.vnode), timeMs);
}

/** The accounts and system account slices that the items touch, by shard. */
async function accountsByShard(
  shards: Shards,
  partner: string,
  items: readonly Item[],
): Promise<ReadonlyMap<number, CopiesOf>> {
  const byShard = new Map<
    number,
    { accounts: Set<string>; slices: Map<string, readonly [string, string]> }
  >();
  for (const item of items) {
    if (workSlices.isOver) await workSlices.next(partner);
    const postings = item.op === "transfer" ? [item] : item.postings;
    for (const { account, counterparty, vnode } of legsOf(partner, postings)) {
      const shard = shards.ofVnode(vnode);
      const names = byShard.get(shard) ?? { accounts: new Set<string>(), slices: new Map() };
      byShard.set(shard, names);
      if (isSystemAccount(account)) names.slices.set(`${account}\0${counterparty}`, [account, counterparty]);
      else names.accounts.add(account);
    }
  }
  return new Map(
    [...byShard].map(
      ([shard, { accounts, slices }]) => [shard, [[...accounts], [...slices.values()]]] as const,
    ),
  );
}

/** Dry run of one command. The id of a new transfer is empty. @throws OperatingError `overloaded`, `log_unavailable` */
export async function dryRun<C extends Command>(shards: Shards, command: C): Promise<Outcome<C>> {
  const keyless = { ...command, key: null, fingerprint: 0 };
  const shard = shards.ofVnode(vnodeOfCommand(keyless));
  const dryRunOnShard = (packed: Uint8Array) =>
    shards.link(shard).dryRun(packed, keyless.partner, flowOwnerOf(keyless), costOfCommand(keyless));
  let reply = (await dryRunOnShard(packCommand(keyless))).result as CommandReply;
  if (reply[0] === REFUSED && reply[1] === ASK_ARCHIVE) {
    const again = await submitWithArchive(shards, shard, keyless, reply, dryRunOnShard);
    reply = again.result as CommandReply;
  }
  if (reply instanceof Uint8Array) {
    const outcome = unpackOutcome(keyless, reply);
    return command.op === "void_transfer" ? withReleaseMoves(shards, command.partner, outcome) : outcome;
  }
  assert(reply[0] === REFUSED, "a dry run is never in the log");
  const isOpenNeeded = command.op === "post_transfer" || command.op === "void_transfer";
  if (reply[1] !== "not_open" || !isOpenNeeded) throw refusalError(reply[1]);
  return dryRun(shards, { ...command, settled: await settledOf(shards, command.partner, command.id) });
}

async function withReleaseMoves<O extends Outcome>(shards: Shards, partner: string, outcome: O): Promise<O> {
  if (!outcome.ok) return outcome;
  const { id, sent, moves } = outcome as unknown as TransferChanged;
  const parts = await Promise.all(sent.map(({ to }) => shards.ask(to, partner, ["release_moves", id])));
  return { ...outcome, moves: [...moves, ...parts.flatMap(({ result }) => result)] };
}
