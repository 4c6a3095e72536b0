/** Decides and applies acts that come without a transfer, with the accounts they open or close and their notices. */

import { assert } from "../../errors/assert.ts";
import { type Account, newManagedView, openAccount, viewOf } from "../ledger/account.ts";
import type { TimedRecordPlace } from "../ledger/exchange.ts";
import type { LedgerState } from "../ledger/ledger-state.ts";
import {
  type AccountView,
  type ActAlone,
  type ActDone,
  type MessageNumber,
  type Rejected,
  reject,
} from "../records/command.ts";
import { keyless } from "../records/command-header.ts";
import type { AcceptedAct, AccountChange } from "./programme.ts";

export function decideAct(state: LedgerState, command: ActAlone, nowMs: number): ActDone | Rejected {
  const { partner, act } = command;
  const decided = state.compound.decideAct(command, 0, nowMs);
  if (!decided.ok) return decided;
  const { effect, notice, noticeTo } = decided;
  const changed = accountAfter(state, partner, act.programme, decided, nowMs);
  if (changed !== undefined && "ok" in changed) return changed;
  const recipients = notice === undefined ? [] : noticeRecipients(state, noticeTo);
  return {
    ok: true,
    effect,
    ...(changed !== undefined && { account: changed }),
    // With a single shard there are no recipients, and the record needs no notice.
    ...(recipients.length > 0 && { notice, told: recipients }),
  };
}

export function applyAct(
  state: LedgerState,
  { partner, act }: ActAlone,
  { effect, account, notice, told = [] }: ActDone,
  place: TimedRecordPlace,
  batch: number,
): void {
  const { timeMs } = place;
  if (account !== undefined) {
    const known = state.book(partner).accounts.get(account.id);
    if (known === undefined)
      state.addAccount(partner, openAccount(account, state.asset(account.asset), batch));
    else state.changeAccount(partner, known, account, timeMs, batch);
  }
  state.programmes.apply(act, effect, { partner, timeMs, transfer: null, amount: 0, told });
  if (notice === undefined) return;
  const names = { op: "notice", ...keyless(partner), programme: act.programme } as const;
  for (const { to, no } of told)
    state.exchange(to).send({ ...names, notice, from: state.compound.shard, no, sentAtMs: timeMs }, place);
}

/**
 * The state, after the act, of the account that it opens, reopens, changes or closes; `undefined` if it does none of
 * this. Rejects with `account_exists`, `account_closed` or `account_not_empty`.
 */
function accountAfter(
  state: LedgerState,
  partner: string,
  programme: string,
  { opens, changes, closes }: AcceptedAct,
  nowMs: number,
): AccountView | Rejected | undefined {
  const { accounts } = state.book(partner);
  if (opens !== undefined) {
    const known = accounts.get(opens.id);
    if (known === undefined) return newManagedView(opens.id, opens.asset, programme, nowMs);
    const isOwn = known.programme === programme && known.status === "closed";
    return isOwn ? { ...viewOf(known), status: "open" } : reject("account_exists", opens.id);
  }
  if (changes !== undefined) return changedAccount(accounts.get(changes.id), changes);
  const known = closes === undefined ? undefined : accounts.get(closes);
  if (known === undefined) return undefined;
  const { posted, held, pinned, reserved } = known;
  const isEmpty = posted === 0 && held === 0 && pinned + reserved === 0;
  return isEmpty ? { ...viewOf(known), status: "closed" } : reject("account_not_empty", known.id);
}

function changedAccount(known: Account | undefined, change: AccountChange): AccountView | Rejected {
  assert(known !== undefined, "an account that an act changes exists");
  if (known.status === "closed") return reject("account_closed", known.id);
  const { id: _, ...rules } = change;
  return { ...viewOf(known), ...rules };
}

/** One shard, or all other shards, each with the sequence number of the message that it will get. */
function noticeRecipients({ compound }: LedgerState, only: number | undefined): readonly MessageNumber[] {
  const recipients = only === undefined ? compound.others : [only];
  return recipients.map((to) => ({ to, no: compound.exchangeWith(to).sent + 1 }));
}
